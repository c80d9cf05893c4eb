"""An indexer's steps over a chain that changes its mind: after each, what is stored equals what the chain has."""

import random
from dataclasses import dataclass, field

import pytest
from eth_account import Account

from market.chain import logs
from market.chain.anvil import start_anvil, stop_process
from market.chain.deployment import Deployment
from market.chain.logs import BlockVanished, read_step
from market.chain.reorg import ChainReplaced, Checkpoint
from market.chain.transport import HttpTransport
from market.chain.values import BlockHeader, ChainEvent
from tests.integration.chain_fixtures import newcomers, settle


@dataclass
class Store:
    """What an indexer keeps: checkpoints and events by block."""

    blocks: list[tuple[Checkpoint, tuple[ChainEvent, ...]]] = field(default_factory=list)
    rollbacks: int = 0

    @property
    def checkpoints(self) -> list[Checkpoint]:
        return [point for point, _ in self.blocks]

    @property
    def events(self) -> list[tuple[bytes, bytes, int]]:
        return [(e.block_hash, e.tx_hash, e.log_index) for _, events in self.blocks for e in events]

    async def follow(self, transport: HttpTransport, deployment: Deployment, *, limit: int = 100) -> None:
        """Apply steps until there is nothing more to do."""
        while True:
            step = await read_step(transport, deployment, self.checkpoints[-20:], limit=limit)
            if step.rollback_to is not None:
                self.rollbacks += 1
                self.blocks = [block for block in self.blocks if block[0].number <= step.rollback_to]
            for block in step.blocks:
                self.blocks.append((Checkpoint(number=block.header.number, hash=block.header.hash), block.events))
            if not step.blocks and step.rollback_to is None:
                return


async def events_on_chain(transport: HttpTransport, deployment: Deployment) -> list[tuple[bytes, bytes, int]]:
    query = {"fromBlock": "0x0", "toBlock": "latest", "address": list(deployment.addresses.values())}
    return [
        (bytes.fromhex(log["blockHash"][2:]), bytes.fromhex(log["transactionHash"][2:]), int(log["logIndex"], 16))
        for log in await transport.request("eth_getLogs", [query])
    ]


async def test_a_first_reading_starts_at_the_deployment_and_finds_every_event(
    quiet_rpc: HttpTransport, quiet_deployment: Deployment
) -> None:
    await quiet_rpc.request("anvil_mine", [hex(5)])
    wallet, store = await newcomers(quiet_rpc, quiet_deployment)(), Store()
    await wallet.deposit_bond(1)

    await store.follow(quiet_rpc, quiet_deployment, limit=3)

    assert store.events == await events_on_chain(quiet_rpc, quiet_deployment)
    assert store.checkpoints[0].number == quiet_deployment.deployed_block


async def test_a_reorganisation_rolls_back_to_the_common_ancestor(
    quiet_rpc: HttpTransport, quiet_deployment: Deployment
) -> None:
    wallet, store = await newcomers(quiet_rpc, quiet_deployment)(), Store()
    for _ in range(4):
        await wallet.transfer(Account.create().address, 1)
    await store.follow(quiet_rpc, quiet_deployment)
    before = store.checkpoints
    await settle(quiet_rpc)

    await quiet_rpc.request("anvil_reorg", [3, []])
    await settle(quiet_rpc)
    step = await read_step(quiet_rpc, quiet_deployment, before)
    await store.follow(quiet_rpc, quiet_deployment)

    assert step.rollback_to == before[-1].number - 3
    assert store.events == await events_on_chain(quiet_rpc, quiet_deployment)


async def test_a_chain_that_became_shorter_is_rolled_back_too(
    quiet_rpc: HttpTransport, quiet_deployment: Deployment
) -> None:
    wallet, store = await newcomers(quiet_rpc, quiet_deployment)(), Store()
    snapshot = await quiet_rpc.request("evm_snapshot")
    for _ in range(5):
        await wallet.transfer(Account.create().address, 1)
    await store.follow(quiet_rpc, quiet_deployment)
    await settle(quiet_rpc)

    await quiet_rpc.request("evm_revert", [snapshot])
    await store.follow(quiet_rpc, quiet_deployment)

    assert store.events == await events_on_chain(quiet_rpc, quiet_deployment)
    assert store.checkpoints[-1].number == (await logs.latest_header(quiet_rpc)).number


@pytest.mark.parametrize("seed", range(3))
async def test_after_many_random_reorganisations_the_store_equals_the_chain(
    quiet_rpc: HttpTransport, quiet_deployment: Deployment, seed: int
) -> None:
    chance, store = random.Random(seed), Store()
    wallet = await newcomers(quiet_rpc, quiet_deployment)()

    for _ in range(25):
        for _ in range(chance.randint(2, 4)):
            await wallet.transfer(Account.create().address, 1)
        if chance.random() < 0.7:
            await store.follow(quiet_rpc, quiet_deployment, limit=chance.choice([1, 2, 100]))
        await settle(quiet_rpc)
        await quiet_rpc.request("anvil_reorg", [chance.randint(1, 2), []])
        await settle(quiet_rpc)
    await store.follow(quiet_rpc, quiet_deployment)

    assert store.rollbacks > 5
    assert store.events == await events_on_chain(quiet_rpc, quiet_deployment)


async def test_a_reorganisation_deeper_than_the_remembered_blocks_reads_everything_anew(
    quiet_rpc: HttpTransport, quiet_deployment: Deployment
) -> None:
    forgotten = [Checkpoint(number=quiet_deployment.deployed_block + 2, hash=bytes(32))]

    step = await read_step(quiet_rpc, quiet_deployment, forgotten)

    assert step.rollback_to == quiet_deployment.deployed_block - 1
    assert step.blocks[0].header.number == quiet_deployment.deployed_block


async def test_blocks_below_the_confirmation_depth_alone_are_read(
    quiet_rpc: HttpTransport, quiet_deployment: Deployment
) -> None:
    await quiet_rpc.request("anvil_mine", [hex(10)])

    step = await read_step(quiet_rpc, quiet_deployment, [], confirmations=4)

    assert step.blocks[-1].header.number == step.head.number - 4


async def test_a_vanished_block_is_named(quiet_rpc: HttpTransport, quiet_deployment: Deployment) -> None:
    header = await logs.latest_header(quiet_rpc)
    ghost = BlockHeader(
        number=header.number, hash=b"\x01" * 32, parent_hash=header.parent_hash, timestamp=0, base_fee_wei=0
    )

    with pytest.raises(BlockVanished):
        await logs.events_in(quiet_rpc, quiet_deployment, ghost)


async def test_another_chain_under_the_same_url_is_refused_by_name(
    quiet_rpc: HttpTransport, quiet_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = start_anvil(tmp_path_factory.mktemp("other"), port=0, keep_state=False, ticking=False)
    try:
        async with HttpTransport(other.url) as transport:
            await transport.request("anvil_mine", [hex(20)])
            with pytest.raises(ChainReplaced):
                await read_step(transport, quiet_deployment, [])
    finally:
        stop_process(other.pid)
