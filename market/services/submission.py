"""The operator's only sender: from a promised intent to a confirmed transaction.

Decides the order of effects that makes a crash harmless: simulate (a refusal costs no nonce), store nonce and signed
bytes, broadcast those bytes, look for the receipt of every hash of that nonce, broadcast the same bytes again. One
process owns the operator's nonces. No remote call happens inside a transaction.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from market.chain import submit
from market.chain.deployment import Deployment
from market.chain.errors import ContractRevert, UnknownRevert
from market.chain.fees import Fees, bump
from market.chain.nonce import next_nonce
from market.chain.submit import Broadcast, Call
from market.chain.transport import RpcError, Transport
from market.chain.values import TransactionReceipt
from market.db.models import OutboxTransaction
from market.db.repositories import running as rows
from market.db.session import Database, WriteSession
from market.protocol.words import TransactionStatus as S
from market.services.clock import Clock
from market.services.wakeups import Wakeups

CONFIRMATIONS: Final = 6
REBROADCAST_MS: Final = 5_000
BUMP_AFTER_MS: Final = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Relayed:
    """What one pass did. waiting: transactions broadcast and not yet mined."""

    sent: int
    mined: int
    waiting: int


class SubmissionService:
    """Owns the outbox of one sender."""

    def __init__(
        self,
        database: Database,
        transport: Transport,
        deployment: Deployment,
        account: LocalAccount,
        *,
        clock: Clock,
        wakeups: Wakeups,
    ) -> None:
        self._database, self._transport, self._deployment = database, transport, deployment
        self._account, self._clock, self._wakeups = account, clock, wakeups
        self._one_pass_at_a_time = asyncio.Lock()

    async def relay(self) -> Relayed:
        """Take every promise one step further. Raises ChainUnreachable; nothing is lost by it."""
        async with self._one_pass_at_a_time:
            sent = await self._send_queued()
            mined, waiting = await self._look_for_receipts()
            await self._watch_mined()
        if mined:
            self._wakeups.wake("chain")
        return Relayed(sent=sent, mined=mined, waiting=waiting)

    async def _send_queued(self) -> int:
        async with self._database.read() as session:
            queued = await rows.transactions_in(session, self._account.address, S.QUEUED, S.SIGNED)
        for row in queued:
            signed = row if row.status is S.SIGNED else await self._sign(row)
            if signed is not None:
                await self._broadcast(signed)
        return len(queued)

    async def _sign(self, row: OutboxTransaction) -> OutboxTransaction | None:
        """Simulate, then store nonce and bytes; a contract's refusal drops the promise with its reason."""
        call = Call(to=to_checksum_address(row.to), data=bytes.fromhex(row.data[2:]))
        try:
            gas = await submit.estimate_gas(self._transport, call, sender=self._account.address)
        except (ContractRevert, UnknownRevert) as refusal:
            await self._drop(row.id, refusal)
            return None
        fees = await submit.current_fees(self._transport)
        chain_count = await submit.mined_count(self._transport, self._account.address)
        async with self._database.write() as session:
            stored = await session.get_one(OutboxTransaction, row.id)
            if stored.status is not S.QUEUED:
                return stored
            highest = await rows.highest_nonce(session, self._account.address)
            stored.nonce = next_nonce(mined_count=chain_count, highest_used=highest)
            self._put_bytes(stored, call, gas, fees)
            stored.status = S.SIGNED
        return stored

    def _put_bytes(self, row: OutboxTransaction, call: Call, gas: int, fees: Fees) -> None:
        assert row.nonce is not None, "a nonce is allocated before anything is signed"
        signed = submit.sign_call(
            call, account=self._account, chain_id=self._deployment.chain_id, nonce=row.nonce, gas=gas, fees=fees
        )
        if row.hash is not None:
            row.earlier_hashes = [*row.earlier_hashes, row.hash]
        row.raw, row.hash, row.fee_wei = "0x" + signed.raw.hex(), "0x" + signed.hash.hex(), fees.max_fee_wei
        row.tip_wei, row.gas_limit = fees.max_priority_fee_wei, gas

    async def _broadcast(self, row: OutboxTransaction) -> None:
        assert row.raw is not None, "only signed rows are broadcast"
        try:
            outcome = await submit.broadcast(self._transport, bytes.fromhex(row.raw[2:]))
        except RpcError as refusal:
            await self._note(row.id, refusal)
            return
        if outcome is Broadcast.UNDERPRICED:
            await self._replace(row)
        async with self._database.write() as session:
            stored = await session.get_one(OutboxTransaction, row.id)
            if stored.status is S.SIGNED:
                stored.status = S.BROADCAST
            stored.broadcast_at_ms = self._clock.now_ms()

    async def _look_for_receipts(self) -> tuple[int, int]:
        async with self._database.read() as session:
            sent = await rows.transactions_in(session, self._account.address, S.BROADCAST)
        mined = 0
        for row in sent:
            receipt = await self._receipt(row)
            if receipt is not None:
                await self._mark_mined(row.id, receipt)
                mined += 1
            elif (row.broadcast_at_ms or 0) + REBROADCAST_MS < self._clock.now_ms():
                await self._nudge(row)
        return mined, len(sent) - mined

    async def _receipt(self, row: OutboxTransaction) -> TransactionReceipt | None:
        for tx_hash in (row.hash, *row.earlier_hashes):
            receipt = await submit.receipt_of(self._transport, bytes.fromhex(str(tx_hash)[2:]))
            if receipt is not None:
                return receipt
        return None

    async def _nudge(self, row: OutboxTransaction) -> None:
        """Send the same bytes again, or dearer ones once the old have waited too long."""
        if row.created_at_ms + BUMP_AFTER_MS < self._clock.now_ms():
            row = await self._replace(row)
        await self._broadcast(row)

    async def _replace(self, row: OutboxTransaction) -> OutboxTransaction:
        current = await submit.current_fees(self._transport)
        async with self._database.write() as session:
            stored = await session.get_one(OutboxTransaction, row.id)
            before = Fees(max_fee_wei=stored.fee_wei, max_priority_fee_wei=stored.tip_wei)
            call = Call(to=to_checksum_address(stored.to), data=bytes.fromhex(stored.data[2:]))
            self._put_bytes(stored, call, stored.gas_limit, bump(before, current=current))
        return stored

    async def _watch_mined(self) -> None:
        """Confirm what is deep enough; send again what a reorganisation took out."""
        async with self._database.read() as session:
            mined = await rows.transactions_in(session, self._account.address, S.MINED)
        if not mined:
            return
        head = int(await self._transport.request("eth_blockNumber"), 16)
        for row in mined:
            receipt = await self._receipt(row)
            if receipt is None:
                await self._mark_lost(row)
            elif head - receipt.block_number >= CONFIRMATIONS or receipt.block_number != row.block_number:
                await self._mark_mined(row.id, receipt, confirmed=head - receipt.block_number >= CONFIRMATIONS)

    async def _mark_mined(self, row_id: int, receipt: TransactionReceipt, *, confirmed: bool = False) -> None:
        async with self._database.write() as session:
            row = await session.get_one(OutboxTransaction, row_id)
            row.block_number, row.gas_used = receipt.block_number, receipt.gas_used
            row.hash = "0x" + receipt.tx_hash.hex()
            if not receipt.succeeded:
                row.status = S.REVERTED
                await self._ask_again(session, row)
            else:
                row.status = S.CONFIRMED if confirmed else S.MINED

    async def _mark_lost(self, row: OutboxTransaction) -> None:
        async with self._database.write() as session:
            stored = await session.get_one(OutboxTransaction, row.id)
            stored.status, stored.block_number = S.BROADCAST, None
        await self._broadcast(row)

    async def _drop(self, row_id: int, refusal: ContractRevert | UnknownRevert) -> None:
        async with self._database.write() as session:
            row = await session.get_one(OutboxTransaction, row_id)
            row.status, row.problem = S.DROPPED, {"error": type(refusal).__name__, "detail": str(refusal)}
            await self._ask_again(session, row)

    async def _note(self, row_id: int, refusal: RpcError) -> None:
        async with self._database.write() as session:
            row = await session.get_one(OutboxTransaction, row_id)
            row.problem = {"error": "RpcError", "detail": str(refusal)}
            row.broadcast_at_ms = self._clock.now_ms()

    async def _ask_again(self, session: WriteSession, row: OutboxTransaction) -> None:
        """Let whoever promised it decide anew from what the chain says now."""
        later_ms = self._clock.now_ms() + 500
        if row.job_id is not None:
            await rows.enqueue_task(session, "advance_job", row.job_id, run_after_ms=later_ms)
        verb, _, rest = row.intent.partition(":")
        if verb in {"draw", "resolve"}:
            await rows.enqueue_task(session, "advance_challenge", rest.partition(":")[0], run_after_ms=later_ms)
