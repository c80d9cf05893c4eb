"""Pay without the operator: settles what it countersigned and did not commit, and ends a job that it leaves lying.

Decides when to step in: only after the operator's own last chance, so that an honest one is never raced, and for a job
that can be ended only a while after that. Everything it needs lies on disk and on chain; it asks the chain and never
the market. What the contract refuses for now is tried again at the next look.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from market.chain import orders
from market.chain.errors import ContractRevert
from market.chain.gateway import ChainGateway, Sent
from market.protocol.errors import CommonwattError
from market.protocol.jobs import JobRecord
from market.protocol.wire import CommitReply, CommitSubmission
from market.protocol.words import JobStatus
from worker.agent.acceptances import AcceptanceJournal, Accepted, NotAccepted, accepted_of
from worker.agent.history import record_of

WATCH_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 60  # how long the operator may take to end a job that can be ended

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One act that was sent. act: settleReceipt, settle or expire."""

    act: str
    job_id: bytes
    tx_hash: bytes


class Settling(Protocol):
    """What the agent's loop needs of it."""

    def follow(self, job_id: bytes) -> None: ...

    def take(self, submission: CommitSubmission, reply: CommitReply) -> None: ...

    async def watch(self) -> None: ...


class Settler:
    """Looks after the jobs of one worker."""

    def __init__(
        self, journal: AcceptanceJournal, chain: ChainGateway, *, patience_seconds: int = PATIENCE_SECONDS
    ) -> None:
        self._journal, self._chain, self._patience_seconds = journal, chain, patience_seconds

    def follow(self, job_id: bytes) -> None:
        """Look after a job that this worker has a bond in, even if nothing of it is ever accepted."""
        self._journal.follow(job_id)

    def take(self, submission: CommitSubmission, reply: CommitReply) -> None:
        """Keep what a market answered to a receipt, if it is worth anything."""
        if reply.acceptance is None or submission.receipt is None:
            return
        try:
            self.remember(accepted_of(submission, reply.acceptance))
        except (NotAccepted, ValueError) as error:
            _log.warning("acceptance.refused", assignment_id=reply.assignment_id, reason=str(error)[:300])

    def remember(self, accepted: Accepted) -> None:
        """Write an acceptance down; raises NotAccepted unless it is the operator's word about the receipt."""
        deployment = self._chain.deployment
        accepted.check(deployment.domain, deployment.operator)
        self._journal.write(accepted)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(WATCH_SECONDS)

    async def look(self) -> list[Done]:
        """Do for every job whatever has to be done now, and return it. One that cannot be seen is left for later."""
        done = []
        for job_id in self._journal.jobs():
            try:
                done += await self._look_at(job_id)
            except CommonwattError as error:
                reason = str(error)[:300]
                _log.warning("settling.put_off", job_id=job_id.hex(), error=type(error).__name__, reason=reason)
        return done

    async def _look_at(self, job_id: bytes) -> list[Done]:
        record = await record_of(self._chain, job_id)
        if record.status.is_terminal:
            self._journal.forget(job_id)
            return []
        now = (await self._chain.latest_block()).timestamp
        last_receipt_at = record.deadline + record.bid.challenge_window_seconds
        owed = owed_by(record, self._journal.of(job_id))
        if owed is not None and record.deadline < now <= last_receipt_at:
            return [await self._settle_receipt(record, owed)]
        if now > last_receipt_at + self._patience_seconds:
            return await self._end(job_id, record)
        return []

    async def _settle_receipt(self, record: JobRecord, owed: Accepted) -> Done:
        sent = await orders.settle_receipt(
            self._chain,
            record,
            owed.receipt,
            owed.signature,
            acceptance=owed.acceptance,
            countersignature=owed.countersignature,
        )
        return _done("settleReceipt", owed.receipt.job_id, sent)

    async def _end(self, job_id: bytes, record: JobRecord) -> list[Done]:
        """Pay the job out. While the contract has a reason against it, such as a challenge, nothing happens."""
        is_complete = record.status is JobStatus.COMMITTED
        act, end = ("settle", orders.settle) if is_complete else ("expire", orders.expire)
        try:
            sent = await end(self._chain, record)
        except ContractRevert as revert:
            _log.info("settling.not_yet", act=act, job_id=job_id.hex(), contract_error=revert.contract_error)
            return []
        return [_done(act, job_id, sent)]


def owed_by(record: JobRecord, kept: list[Accepted]) -> Accepted | None:
    """Return the acceptance that adds most to what commits have counted for its match; None when none adds anything."""
    owed = [accepted for accepted in kept if _adds(record, accepted)]
    return max(owed, key=lambda accepted: accepted.acceptance.units + accepted.acceptance.audits, default=None)


def _adds(record: JobRecord, accepted: Accepted) -> bool:
    index, tally = record.match_of(accepted.receipt.worker), accepted.acceptance
    if index is None:
        return False
    entry = record.matches[index]
    is_less = tally.units < entry.units or tally.audits < entry.audits
    return not is_less and (tally.units > entry.units or tally.audits > entry.audits)


def _done(act: str, job_id: bytes, sent: Sent) -> Done:
    _log.info("settling.done", act=act, job_id=job_id.hex(), tx_hash=sent.tx_hash.hex(), gas_used=sent.gas_used)
    return Done(act=act, job_id=job_id, tx_hash=sent.tx_hash)
