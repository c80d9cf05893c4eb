"""Takes a job one step further: gathers its facts, asks market.domain.progress, applies the plan.

Called after anything about a job changed and whenever the plan asked to be called again. One write transaction, no
remote call: what must happen on chain becomes an outbox row. Every part is idempotent: a repeated call changes nothing.
"""

from collections.abc import Sequence

from market.db.models import Epoch, JobRecordRow, ReceiptRow, Unit
from market.db.repositories import chain as chain_rows
from market.db.repositories import work as rows
from market.db.repositories.events import record_event
from market.db.repositories.running import enqueue_task
from market.db.session import Database, WriteSession
from market.domain import progress
from market.domain.lifecycle import UnitAct, advance_unit
from market.domain.policy import Policy
from market.protocol import merkle
from market.protocol.jobs import JobRecord, WorkDone
from market.protocol.receipts import receipt_leaf
from market.protocol.specs import TrainSpec
from market.protocol.typed import Extension
from market.protocol.words import JobStatus, ReceiptKind, UnitStatus
from market.services.auditing import AuditingService
from market.services.clock import Clock
from market.services.countersigned import adopt_epochs
from market.services.intents import Intents
from market.services.projection import voided_of
from market.services.wakeups import Wakeups

LOOK_AGAIN_FOR_AUDITOR_MS = 1_000
LOOK_AGAIN_FOR_WORKERS_MS = 5_000
TOLD = {"JobOpened": "job.opened", "JobMatched": "job.matched", "JobExtended": "job.extended", "JobPaid": "job.paid",
        "JobSettled": "job.settled", "JobExpired": "job.expired", "JobCancelled": "job.cancelled"}  # fmt: skip


class PlanningService:
    """Owns units between their receipts, and epochs."""

    def __init__(
        self,
        database: Database,
        intents: Intents,
        auditing: AuditingService,
        policy: Policy,
        *,
        clock: Clock,
        wakeups: Wakeups,
    ) -> None:
        self._database, self._intents, self._auditing, self._policy = database, intents, auditing, policy
        self._clock, self._wakeups = clock, wakeups

    async def advance(self, job_id: str) -> None:
        """Do for one job whatever is due."""
        async with self._database.write() as session:
            row = await chain_rows.record_of(session, job_id)
            if row is None:
                await enqueue_task(session, "match_job", job_id, run_after_ms=self._clock.now_ms() + 1000)
                return
            await self._tell(session, row)
            units = await rows.units_of(session, job_id)
            await self._observe_epochs(session, row, units)
            await self._give_up_on_silent_challengers(session, units)
            waiting = await self._replace_lost_auditors(session, row, units)
            await self._apply(session, row, units, help_wanted=waiting)
        for topic in ("assignments", "transactions", f"job:{job_id}"):
            self._wakeups.wake(topic)

    async def _tell(self, session: WriteSession, row: JobRecordRow) -> None:
        """Turn chain events that were not told yet into job events."""
        told = await rows.told_logs(session, row.job_id)
        for log in await chain_rows.logs_of_job(session, row.job_id, *TOLD):
            key = f"{log.block_hash}:{log.log_index}"
            if key not in told:
                facts = {name: value for name, value in log.args.items() if name not in {"bid", "job_id"}}
                at_ms = log.block_timestamp * 1000
                await record_event(session, row.job_id, TOLD[log.name], at_ms, log=key, **_texts(facts))

    async def _observe_epochs(self, session: WriteSession, row: JobRecordRow, units: Sequence[Unit]) -> None:
        """Bring epochs level with the ReceiptsCommitted events that stand, and draw audits once a beacon is known."""
        logs = {
            log.args["epoch"]: log for log in await chain_rows.logs_of_job(session, row.job_id, "ReceiptsCommitted")
        }
        await adopt_epochs(session, row, logs)
        for epoch in await rows.epochs_of(session, row.job_id):
            log = logs.get(epoch.epoch)
            block = log.block_number if log else None
            if block != epoch.block_number:
                epoch.block_number, epoch.transaction_hash = block, log.transaction_hash if log else None
                epoch.drawn = epoch.drawn and block is not None
                act = UnitAct.COMMIT if block is not None else UnitAct.UNCOMMIT
                await self._move_units(session, row, epoch, units, act)
            if block is not None and not epoch.drawn:
                beacon = await chain_rows.block_at(session, block + 1)
                if beacon is not None:
                    await self._auditing.draw(session, row, epoch, beacon.hash)

    async def _move_units(
        self, session: WriteSession, row: JobRecordRow, epoch: Epoch, units: Sequence[Unit], act: UnitAct
    ) -> None:
        before = UnitStatus.DONE if act is UnitAct.COMMIT else UnitStatus.COMMITTED
        digests = {r.digest for r in await rows.standing_receipts(session, row.job_id, epoch=epoch.epoch)}
        moved = [unit for unit in units if unit.receipt_digest in digests and unit.status is before]
        for unit in moved:
            unit.status = advance_unit(unit.status, act)
        if act is UnitAct.COMMIT:
            facts = {"epoch": epoch.epoch, "receipts_root": epoch.receipts_root, "transaction": epoch.transaction_hash}
            await record_event(session, row.job_id, "epoch.committed", self._clock.now_ms(), **facts)

    async def _give_up_on_silent_challengers(self, session: WriteSession, units: Sequence[Unit]) -> None:
        """An auditor that saw a difference and put no challenge on chain in time is replaced by another."""
        for unit in units:
            if unit.status is UnitStatus.DISPUTED and unit.receipt_digest is not None:
                audits = await rows.audits_of(session, unit.receipt_digest)
                waited = audits[-1].expires_at_ms <= self._clock.now_ms() if audits else False
                if waited and not await chain_rows.challenges_of_receipt(session, unit.receipt_digest):
                    unit.status = advance_unit(unit.status, UnitAct.AUDIT_AGAIN)

    async def _replace_lost_auditors(self, session: WriteSession, row: JobRecordRow, units: Sequence[Unit]) -> bool:
        drawn = {epoch.epoch for epoch in await rows.epochs_of(session, row.job_id) if epoch.drawn}
        waiting = False
        for unit in units:
            if unit.status is UnitStatus.COMMITTED and unit.receipt_digest is not None:
                receipt = await rows.receipt_of(session, unit.receipt_digest)
                if receipt is not None and receipt.epoch in drawn:
                    waiting |= await self._auditing.redraw(session, row, unit)
        return waiting

    async def _apply(
        self, session: WriteSession, row: JobRecordRow, units: Sequence[Unit], *, help_wanted: bool
    ) -> None:
        record = JobRecord.from_json(row.record)
        facts = await self._facts(session, row, record, units)
        now_ms = self._clock.now_ms()
        plan = progress.plan(facts, self._policy, now_ms=now_ms)
        for index in plan.unlock:
            units[index].status = advance_unit(units[index].status, UnitAct.UNLOCK)
        if await self._cancels(session, row, record, busy=facts.busy):
            return
        if await self._extends(session, row, record, facts):
            return
        await self._promise(session, row, record, plan)
        if help_wanted or await self._nobody_left(session, row, record, units):
            help_wanted = True
            if record.status is JobStatus.MATCHED and not facts.busy:  # a complete job takes no more offers
                await enqueue_task(session, "match_job", row.job_id)
        times = [plan.look_again_ms] if plan.look_again_ms is not None else []
        times += [now_ms + LOOK_AGAIN_FOR_AUDITOR_MS] if help_wanted or facts.busy else []
        if any(unit.status is UnitStatus.READY for unit in units):
            times.append(now_ms + LOOK_AGAIN_FOR_WORKERS_MS)
        if times:
            await enqueue_task(session, "advance_job", row.job_id, run_after_ms=min(times))

    async def _promise(self, session: WriteSession, row: JobRecordRow, record: JobRecord, plan: progress.Plan) -> None:
        if plan.commit:
            await self._commit(session, row, record, plan.commit)
        if plan.settle_part:
            await self._intents.settle_part(session, row.job_id, record)
        if plan.settle:
            await self._intents.settle(session, row.job_id, record)
        if plan.expire:
            await self._intents.expire(session, row.job_id, record)

    async def _nobody_left(
        self, session: WriteSession, row: JobRecordRow, record: JobRecord, units: Sequence[Unit]
    ) -> bool:
        """Return whether a unit waits to be leased and no matched worker is there that could take it."""
        if not any(unit.status is UnitStatus.READY for unit in units):
            return False
        voided = voided_of(row)
        honest = [entry.worker for index, entry in enumerate(record.matches) if index not in voided]
        silent_since = self._clock.now_ms() // 1000 - int(self._policy.live_seconds)
        found = (await rows.workers_by_address(session, honest)).values()
        return not any(w.last_seen >= silent_since and not w.draining and not w.checks_only for w in found)

    async def _cancels(self, session: WriteSession, row: JobRecordRow, record: JobRecord, *, busy: bool) -> bool:
        """Tell the chain of the buyer's wish to end the job, again with each new record until it has heard."""
        job = await rows.job_of(session, row.job_id)
        if job.cancel_signature is None or busy or record.status.is_terminal:
            return False
        if await chain_rows.logs_of_job(session, row.job_id, "JobCancelled"):
            return False
        signature = bytes.fromhex(job.cancel_signature[2:])
        await self._intents.cancel(session, row.job_id, record, signature)
        await enqueue_task(session, "advance_job", row.job_id, run_after_ms=self._clock.now_ms() + 1000)
        return True

    async def _extends(
        self, session: WriteSession, row: JobRecordRow, record: JobRecord, facts: progress.JobFacts
    ) -> bool:
        """Tell the chain of the payer's wish to have the job go on; return whether that is what is done now."""
        job = await rows.job_of(session, row.job_id)
        if job.extension is None or job.extension_signature is None or facts.busy or record.status.is_terminal:
            return False
        extension = Extension.from_json(job.extension)
        if extension.revision != record.revision or facts.chain_now > record.deadline:
            return False
        signature = bytes.fromhex(job.extension_signature[2:])
        if not await self._intents.extend(session, row.job_id, record, extension, signature):
            return False
        await enqueue_task(session, "advance_job", row.job_id, run_after_ms=self._clock.now_ms() + 1000)
        return True

    async def _facts(
        self, session: WriteSession, row: JobRecordRow, record: JobRecord, units: Sequence[Unit]
    ) -> progress.JobFacts:
        top = await chain_rows.top_block(session)
        assert top is not None, "a job record comes from an indexed block"
        in_flight = await chain_rows.transactions_in_flight(session, row.job_id, indexed_block=top.number)
        open_challenges = await chain_rows.open_challenges(session, row.job_id)
        challenged = {challenge.receipt_digest for challenge in open_challenges}
        about_to_challenge = any(
            unit.status is UnitStatus.DISPUTED and unit.receipt_digest not in challenged for unit in units
        )
        voided_units = sum(lost.units for lost in voided_of(row).values())
        plans = TrainSpec.from_json((await rows.job_of(session, row.job_id)).spec).units()
        return progress.JobFacts(
            status=record.status,
            units=tuple(
                progress.UnitFacts(index=u.unit_index, status=u.status, predecessors=plans[u.unit_index].predecessors)
                for u in units
            ),
            pending=tuple(_pending(r) for r in await self._uncommitted(session, row, record)),
            busy=in_flight > 0 or about_to_challenge,
            open_challenges=len(open_challenges),
            chain_now=top.timestamp,
            deadline=record.deadline,
            committed_at=record.committed_at,
            paid_at=(await chain_rows.logs_of_job(session, row.job_id, "JobOpened", "JobPaid"))[-1].block_timestamp,
            window_seconds=record.bid.challenge_window_seconds,
            wanted_units=record.units,
            standing_units=record.standing_units(voided_units),
            closed_units=record.closed_units,
        )

    async def _uncommitted(self, session: WriteSession, row: JobRecordRow, record: JobRecord) -> Sequence[ReceiptRow]:
        """Return the receipts for the next root. A root that was planned and never landed keeps its receipts."""
        planned = await rows.standing_receipts(session, row.job_id, epoch=record.epoch + 1)
        return planned or await rows.standing_receipts(session, row.job_id, epoch=None)

    async def _commit(
        self, session: WriteSession, row: JobRecordRow, record: JobRecord, digests: tuple[str, ...]
    ) -> None:
        """Fix the leaves of the next epoch and promise its root."""
        found = await rows.receipts_by_digest(session, digests)
        leaves = [found[digest] for digest in digests]
        for index, receipt in enumerate(leaves):
            receipt.epoch, receipt.leaf_index = record.epoch + 1, index
        root = merkle.root([receipt_leaf(bytes.fromhex(r.digest[2:]), bytes.fromhex(r.signature[2:])) for r in leaves])
        epoch = await rows.epoch_of(session, row.job_id, record.epoch + 1)
        if epoch is None:
            epoch = Epoch(job_id=row.job_id, epoch=record.epoch + 1, receipts_root="", leaf_count=0, drawn=False)
            session.add(epoch)
        epoch.receipts_root, epoch.leaf_count = "0x" + root.hex(), len(leaves)
        await self._intents.commit(session, row.job_id, record, root, _work(record, leaves))


def _pending(receipt: ReceiptRow) -> progress.PendingReceipt:
    return progress.PendingReceipt(digest=receipt.digest, kind=receipt.kind, accepted_at_ms=receipt.created_at_ms)


def _work(record: JobRecord, receipts: Sequence[ReceiptRow]) -> list[WorkDone]:
    """Return what each match did, in match order."""
    done: dict[int, list[int]] = {}
    for receipt in receipts:
        index = record.match_of(receipt.worker)
        assert index is not None, "a receipt is accepted only from a matched worker"
        counts = done.setdefault(index, [0, 0])
        counts[receipt.kind is ReceiptKind.AUDIT] += 1
    return [WorkDone(match_index=index, units=u, audits=a) for index, (u, a) in sorted(done.items())]


def _texts(facts: dict[str, object]) -> dict[str, object]:
    """Amounts pass 2^53, so watchers get them as decimal strings."""
    return {name: _text(value) if name.endswith("_wei") else value for name, value in facts.items()}


def _text(amount: object) -> object:
    return [str(each) for each in amount] if isinstance(amount, list) else str(amount)
