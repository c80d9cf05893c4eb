"""The indexer and the outbox against a real chain that reorganises, and a line that breaks at the worst moment."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from market.chain.bindings import encode_call
from market.chain.deployment import Deployment
from market.chain.devkeys import OPERATOR, dev_account
from market.chain.gateway import ChainGateway
from market.chain.logs import ChainStep, read_step
from market.chain.reorg import Checkpoint
from market.chain.submit import receipt_of
from market.chain.transport import ChainUnreachable, HttpTransport, Transport
from market.db.migrate import upgrade
from market.db.models import OutboxTransaction
from market.db.repositories.chain import account_of, recent_blocks
from market.db.repositories.running import enqueue_transaction, transaction_of
from market.db.session import Database
from market.protocol.words import TransactionStatus
from market.services.clock import SystemClock
from market.services.indexing import IndexingService
from market.services.submission import SubmissionService
from market.services.wakeups import Wakeups
from tests.integration.chain_fixtures import newcomers, settle

TOKEN = 10**18


class Steps:
    """Reads steps from one node."""

    def __init__(self, transport: Transport, deployment: Deployment) -> None:
        self._transport, self._deployment = transport, deployment

    async def read_step(self, stored: list[Checkpoint]) -> ChainStep:
        return await read_step(self._transport, self._deployment, stored)


class Breaking(HttpTransport):
    """A connection that breaks once at a chosen method, before or after the node has heard."""

    def __init__(self, url: str, method: str, *, heard: bool) -> None:
        super().__init__(url)
        self._method, self._heard, self._broken = method, heard, False

    async def request(self, method: str, params: Any = ()) -> Any:
        if method == self._method and not self._broken:
            self._broken = True
            if self._heard:
                await super().request(method, params)
            raise ChainUnreachable(url="test", reason="the line broke")
        return await super().request(method, params)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'market.sqlite3'}"
    await asyncio.to_thread(upgrade, url)
    database = Database(url)
    yield database
    await database.close()


async def index_to_head(indexing: IndexingService) -> None:
    while (step := await indexing.advance()).blocks or step.rolled_back:
        pass


async def test_after_random_reorganisations_the_projection_is_the_chain(
    quiet_rpc: HttpTransport, quiet_deployment: Deployment, database: Database
) -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    indexing = IndexingService(database, Steps(quiet_rpc, quiet_deployment), Wakeups())
    wallet = await newcomers(quiet_rpc, quiet_deployment)()
    chain = ChainGateway(quiet_rpc, quiet_deployment)
    await quiet_rpc.request("anvil_mine", [hex(8)])
    for _ in range(25):
        act = dice.choice((wallet.deposit_escrow, wallet.deposit_bond))
        await act(dice.randrange(1, TOKEN))
        if dice.random() < 0.6:
            await index_to_head(indexing)
        if dice.random() < 0.4:
            await settle(quiet_rpc)
            await quiet_rpc.request("anvil_reorg", [dice.randint(1, 3), []])
            await settle(quiet_rpc)
            wallet = ChainGateway(quiet_rpc, quiet_deployment, wallet.account)
    await index_to_head(indexing)
    async with database.read() as session:
        account = await account_of(session, wallet.address)
        tops = await recent_blocks(session, limit=1)
    escrow, bond = await chain.escrow(wallet.address), await chain.bond(wallet.address)
    held = (account.escrow_free_wei, account.bond_wei) if account else (0, 0)
    assert held == (escrow.free_wei, bond.stake_wei), f"seed {seed}"
    assert tops[0].hash == "0x" + (await chain.latest_block()).hash.hex(), f"seed {seed}"


async def promise(database: Database, deployment: Deployment, intent: str) -> None:
    """Promise a harmless act of the operator: an approval."""
    data = encode_call("PayoutToken", "approve", deployment.jobs, 1)
    async with database.write() as session:
        await enqueue_transaction(
            session,
            intent=intent,
            sender=deployment.operator,
            to=deployment.token,
            data="0x" + data.hex(),
            job_id=None,
            now_ms=0,
        )


def outbox(database: Database, transport: Transport, deployment: Deployment) -> SubmissionService:
    operator = dev_account(OPERATOR)
    return SubmissionService(database, transport, deployment, operator, clock=SystemClock(), wakeups=Wakeups())


async def row_of(database: Database, intent: str) -> OutboxTransaction:
    async with database.read() as session:
        row = await transaction_of(session, intent)
    assert row is not None
    return row


async def test_a_transaction_that_a_reorganisation_took_out_is_sent_again_as_the_same_bytes(
    quiet_rpc: HttpTransport, quiet_deployment: Deployment, database: Database
) -> None:
    sender = outbox(database, quiet_rpc, quiet_deployment)
    await promise(database, quiet_deployment, "once")
    await sender.relay()
    await settle(quiet_rpc)
    await sender.relay()
    before = await row_of(database, "once")
    sent = bytes.fromhex(str(before.hash)[2:])
    await quiet_rpc.request("anvil_reorg", [1, []])
    await settle(quiet_rpc)
    assert await receipt_of(quiet_rpc, sent) is None
    await sender.relay()
    await settle(quiet_rpc)
    await sender.relay()
    after = await row_of(database, "once")
    assert await receipt_of(quiet_rpc, sent) is not None
    assert (before.status, after.status) == (TransactionStatus.MINED, TransactionStatus.MINED)
    assert (after.hash, after.nonce) == (before.hash, before.nonce)


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize("method", ["eth_estimateGas", "eth_sendRawTransaction", "eth_getTransactionReceipt"])
async def test_a_line_that_breaks_anywhere_sends_every_intent_once(
    quiet_rpc: HttpTransport, quiet_deployment: Deployment, database: Database, method: str, heard: bool
) -> None:
    for number in range(3):
        await promise(database, quiet_deployment, f"intent {number}")
    chain = ChainGateway(quiet_rpc, quiet_deployment)
    count_before = int(await quiet_rpc.request("eth_getTransactionCount", [quiet_deployment.operator, "latest"]), 16)
    async with Breaking(quiet_rpc.url, method, heard=heard) as line:
        with pytest.raises(ChainUnreachable):
            await outbox(database, line, quiet_deployment).relay()
    survivor = outbox(database, quiet_rpc, quiet_deployment)
    for _ in range(10):
        await survivor.relay()
        await settle(quiet_rpc)
    count_after = int(await quiet_rpc.request("eth_getTransactionCount", [quiet_deployment.operator, "latest"]), 16)
    rows = [await row_of(database, f"intent {number}") for number in range(3)]
    assert {row.status for row in rows} <= {TransactionStatus.MINED, TransactionStatus.CONFIRMED}
    assert count_after - count_before == 3
    assert await chain.allowance_wei(quiet_deployment.operator, quiet_deployment.jobs) == 1


async def test_a_promise_that_the_contract_refuses_is_dropped_with_its_reason_and_costs_no_nonce(
    quiet_rpc: HttpTransport, quiet_deployment: Deployment, database: Database
) -> None:
    async with database.write() as session:
        await enqueue_transaction(
            session,
            intent="withdraw",
            sender=quiet_deployment.operator,
            to=quiet_deployment.bonds,
            data="0x" + encode_call("Bonds", "withdraw").hex(),
            job_id=None,
            now_ms=0,
        )
    await outbox(database, quiet_rpc, quiet_deployment).relay()
    row = await row_of(database, "withdraw")
    assert (row.status, row.nonce) == (TransactionStatus.DROPPED, None)
    assert row.problem is not None and row.problem["error"] == "ContractRevert"
