"""When stake that finished jobs have left idle is set free, and when it is left alone."""

from dataclasses import dataclass, field

import pytest

from market.chain.errors import ContractRevert
from market.chain.gateway import Sent
from market.chain.values import Bond, ChainEvent
from worker.agent import bonds


@dataclass
class Stakes:
    """One provider's stake. refuses: the error that a release ends with."""

    free_wei: int
    idle_wei: int
    refuses: str = ""
    address: str = "0x" + "11" * 20
    released: list[int] = field(default_factory=list)

    async def bond(self, account: str) -> Bond:
        return Bond(stake_wei=self.free_wei + self.idle_wei, locked_wei=self.idle_wei, unbonding_wei=0, ready_at=0)

    async def idle_bond_wei(self, account: str) -> int:
        return self.idle_wei

    async def release_bond(self) -> Sent:
        if self.refuses:
            raise ContractRevert(contract_error=self.refuses, arguments={})
        self.released.append(self.idle_wei)
        event = ChainEvent(
            name="IdleBondReleased", contract="Jobs", args={"account": self.address, "amount_wei": self.idle_wei},
            block_number=1, block_hash=bytes(32), block_timestamp=0, tx_hash=bytes(32), log_index=0,
        )  # fmt: skip
        return Sent(tx_hash=bytes(32), gas_used=1, block_number=1, events=(event,))


async def test_idle_stake_is_released_when_less_is_free_than_an_act_needs() -> None:
    chain = Stakes(free_wei=4, idle_wei=50)

    assert await bonds.free_up(chain, 5) == 50
    assert chain.released == [50]


async def test_idle_stake_is_left_for_the_next_match_when_enough_is_free() -> None:
    chain = Stakes(free_wei=5, idle_wei=50)

    assert await bonds.free_up(chain, 5) == 0
    assert chain.released == []


async def test_nothing_is_sent_when_nothing_is_idle() -> None:
    chain = Stakes(free_wei=0, idle_wei=0)

    assert await bonds.free_up(chain, 5) == 0
    assert chain.released == []


async def test_stake_that_a_match_takes_meanwhile_is_not_released() -> None:
    assert await bonds.release(Stakes(free_wei=0, idle_wei=50, refuses="Jobs_NothingIdle")) == 0


async def test_another_refusal_is_not_hidden() -> None:
    with pytest.raises(ContractRevert):
        await bonds.release(Stakes(free_wei=0, idle_wei=50, refuses="Bonds_UnlockTooMuch"))
