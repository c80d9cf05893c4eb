"""Idle bonds: stake that finished jobs have left locked for the next match, and when it is set free.

Decides that idle stake is released only when an act needs free stake that is not there, or when the provider leaves:
a match takes idle stake by itself, and what is released has to be locked again at the next one.
"""

from typing import Final, Protocol

import structlog

from market.chain.errors import ContractRevert
from market.chain.gateway import Sent
from market.chain.values import Bond

_NOTHING_IDLE: Final = "Jobs_NothingIdle"

_log = structlog.get_logger(__name__)


class BondChain(Protocol):
    """The chain as whoever needs free stake uses it; `market.chain.gateway.ChainGateway` fits."""

    @property
    def address(self) -> str: ...

    async def bond(self, account: str) -> Bond: ...

    async def idle_bond_wei(self, account: str) -> int: ...

    async def release_bond(self) -> Sent: ...


async def free_up(chain: BondChain, needed_wei: int) -> int:
    """Release the idle stake if less than `needed_wei` is free; return how much was released.

    Whether it is enough then, the act that needs it says.
    """
    if (await chain.bond(chain.address)).free_wei >= needed_wei:
        return 0
    return await release(chain)


async def release(chain: BondChain) -> int:
    """Release whatever is idle; return how much that was."""
    if await chain.idle_bond_wei(chain.address) == 0:
        return 0
    try:
        sent = await chain.release_bond()
    except ContractRevert as revert:
        if revert.contract_error != _NOTHING_IDLE:
            raise
        return 0  # a match has taken it meanwhile
    released = sent.event("IdleBondReleased")
    assert released is not None, "a release that was mined was announced"
    amount_wei = int(released.args["amount_wei"])
    _log.info("bond.released", amount_wei=str(amount_wei))
    return amount_wei
