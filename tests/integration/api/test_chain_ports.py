"""One contract, two chains: the reader over a real node and the chain in memory answer alike."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from market.chain.deployment import Deployment
from market.chain.gateway import ChainGateway
from market.chain.transport import HttpTransport
from market.services.ports import ChainReader, ChainUnreachable
from tests.integration.api.memory_chain import MemoryChain
from tests.integration.chain_fixtures import Newcomer

# Answers every call with the ERC-1271 magic value: PUSH4 1626ba7e, shift it left, return one word.
AGREEABLE_WALLET = "0x631626ba7e60e01b60005260206000f3"
WALLET = "0x00000000000000000000000000000000000A11CE"


@dataclass(kw_only=True)
class Stage:
    """A chain on which `rich` has 5 wei of free escrow, 7 of bond and an offer floor of 3, and WALLET agrees to all."""

    chain: ChainReader
    rich: str
    poor: str = "0x00000000000000000000000000000000000000B0"
    silence: Callable[[], ChainReader] = field(repr=False)


@pytest.fixture(params=["memory_stage", "anvil_stage"])
def stage(request: pytest.FixtureRequest) -> Stage:
    chosen: Stage = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def memory_stage() -> Stage:
    rich = "0x00000000000000000000000000000000000000A0"
    chain = MemoryChain(escrows={rich.lower(): 5}, bonds={rich.lower(): 7}, floors={rich.lower(): 3})
    chain.vouched.add((WALLET.lower(), bytes(32), bytes(65)))
    return Stage(chain=chain, rich=rich, silence=lambda: MemoryChain(silent=True))


@pytest.fixture
async def anvil_stage(rpc: HttpTransport, deployment: Deployment, newcomer: Newcomer) -> Stage:
    rich_wallet = await newcomer()
    await rich_wallet.deposit_escrow(5)
    await rich_wallet.deposit_bond(7)
    await rich_wallet.revoke_offers(3)
    await rpc.request("anvil_setCode", [WALLET, AGREEABLE_WALLET])
    return Stage(
        chain=ChainGateway(rpc, deployment),
        rich=rich_wallet.address,
        silence=lambda: ChainGateway(HttpTransport("http://127.0.0.1:1"), deployment),
    )


async def test_what_an_account_holds_is_told(stage: Stage) -> None:
    escrow, bond = await stage.chain.escrow(stage.rich), await stage.chain.bond(stage.rich)
    assert (escrow.free_wei, escrow.locked_wei, bond.stake_wei, bond.free_wei) == (5, 0, 7, 7)


async def test_an_account_that_was_never_seen_holds_nothing(stage: Stage) -> None:
    escrow, bond = await stage.chain.escrow(stage.poor), await stage.chain.bond(stage.poor)
    assert (escrow.free_wei, bond.stake_wei, await stage.chain.offer_floor(stage.poor)) == (0, 0, 0)


async def test_a_revocation_is_told(stage: Stage) -> None:
    assert await stage.chain.offer_floor(stage.rich) == 3


async def test_a_job_that_was_never_opened_has_no_hash(stage: Stage) -> None:
    assert await stage.chain.job_hash(b"\x01" * 32) == bytes(32)


async def test_a_contract_wallet_is_asked_and_a_bare_address_vouches_for_nothing(stage: Stage) -> None:
    asked = stage.chain.is_contract_signature
    assert (await asked(WALLET, bytes(32), bytes(65)), await asked(stage.rich, bytes(32), bytes(65))) == (True, False)


async def test_silence_has_a_name(stage: Stage) -> None:
    with pytest.raises(ChainUnreachable):
        await stage.silence().escrow(stage.rich)
