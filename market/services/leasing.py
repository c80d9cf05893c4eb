"""Who holds what: leases, heartbeats, releases and expiry.

Decides by market.domain.lifecycle and the worker's record which assignment a worker gets next: a drawn vote or audit
first, then the first READY unit of the oldest job in which it is matched and honest so far. Every lease raises the
epoch; an act with another epoch comes from a late holder and is refused, so a unit is never handed in twice.
"""

import secrets
from dataclasses import dataclass

from market.db.models import Assignment, JobRecordRow, Unit, WorkerRow
from market.db.repositories import chain as chain_rows
from market.db.repositories import work as rows
from market.db.repositories.events import record_event
from market.db.repositories.running import enqueue_task
from market.db.session import Database, WriteSession
from market.domain.lifecycle import AssignmentAct, UnitAct, advance_assignment, advance_unit
from market.domain.policy import Policy
from market.domain.reputation import Record, units_in_flight_allowed
from market.protocol.errors import CommonwattError
from market.protocol.jobs import JobRecord
from market.protocol.specs import TrainSpec
from market.protocol.wire import Heartbeat, HeartbeatReply, Lease, Predecessor, ReleaseSubmission
from market.protocol.words import AssignmentKind, AssignmentStatus, UnitStatus
from market.services.clock import Clock
from market.services.projection import voided_of
from market.services.wakeups import Wakeups

READY_LOOKED_AT = 200
SEEN_EVERY_MS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerUnknown(CommonwattError):
    """The market does not know this worker; announce it first."""

    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentUnknown(CommonwattError):
    """There is no such assignment."""

    assignment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYourAssignment(CommonwattError):
    """The assignment belongs to another worker."""

    assignment_id: str
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLost(CommonwattError):
    """The assignment is no longer held under this epoch."""

    assignment_id: str
    status: str
    epoch: int
    your_epoch: int


class LeasingService:
    """Owns READY and LEASED units and held assignments."""

    def __init__(self, database: Database, policy: Policy, clock: Clock, wakeups: Wakeups) -> None:
        self._database, self._policy, self._clock, self._wakeups = database, policy, clock, wakeups

    async def lease(self, worker: str, wait_seconds: float) -> Lease | None:
        """Return the next assignment for a worker, waiting for one at most `wait_seconds`; None when there is none.

        A worker that asks has dropped whatever it held. Raises WorkerUnknown.
        """
        give_up_ms = self._clock.now_ms() + int(wait_seconds * 1000)
        with self._wakeups.subscribe("assignments") as changed:
            while True:
                lease = await self._try_lease(worker.lower())
                if lease is not None:
                    self._wakeups.wake(f"job:{lease.job_id}")
                left_ms = give_up_ms - self._clock.now_ms()
                if lease is not None or left_ms <= 0:
                    return lease
                await changed.sleep(min(left_ms / 1000, 5.0))

    async def heartbeat(self, assignment_id: str, worker: str, beat: Heartbeat) -> HeartbeatReply:
        """Prolong a lease. Raises AssignmentUnknown, NotYourAssignment or LeaseLost."""
        now_ms = self._clock.now_ms()
        async with self._database.write() as session:
            held = await held_by(session, assignment_id, worker, beat.epoch)
            (await session.get_one(WorkerRow, held.worker)).last_seen = now_ms // 1000
            held.expires_at_ms = now_ms + int(self._policy.lease_seconds * 1000)
            held.last_step = max(held.last_step, beat.step)
            if beat.step > 0 and held.first_step_at_ms is None:
                held.first_step_at_ms = now_ms
                await self._tell_first_step(session, held, now_ms)
            record = await chain_rows.record_of(session, held.job_id)
            abandon = record is None or record.status.is_terminal
        self._wakeups.wake(f"job:{held.job_id}")
        return HeartbeatReply(expires_at=held.expires_at_ms // 1000, abandon=abandon)

    async def release(self, assignment_id: str, worker: str, release: ReleaseSubmission) -> None:
        """Give an assignment back, done or not; another worker may take it at once. Raises as `heartbeat` does."""
        act = AssignmentAct.FAIL if release.failed else AssignmentAct.RELEASE
        async with self._database.write() as session:
            held = await held_by(session, assignment_id, worker, release.epoch)
            await self._let_go(session, held, act, release.reason)
        self._wake()

    async def sweep(self) -> int:
        """Expire what was held too long; return how many."""
        async with self._database.read() as session:
            if not await rows.held_assignments(session, expired_at_ms=self._clock.now_ms()):
                return 0
        async with self._database.write() as session:
            expired = await rows.held_assignments(session, expired_at_ms=self._clock.now_ms())
            for held in expired:
                await self._let_go(session, held, AssignmentAct.EXPIRE, "not heard of in time")
        self._wake()
        return len(expired)

    def _wake(self) -> None:
        self._wakeups.wake("assignments")
        self._wakeups.wake("tasks")

    async def _try_lease(self, worker: str) -> Lease | None:
        async with self._database.read() as session:
            row = await rows.worker_of(session, worker)
            if row is None:
                raise WorkerUnknown(worker=worker)
            stale = self._clock.now_ms() - row.last_seen * 1000 > SEEN_EVERY_MS
            promising = await rows.has_anything_for(session, worker)
        if not promising and not stale:
            return None
        async with self._database.write() as session:
            row = await session.get_one(WorkerRow, worker)
            row.last_seen = self._clock.now_ms() // 1000
            await self._drop_held(session, worker)
            if row.draining:
                return None
            lease = await self._drawn(session, worker)
            return lease if lease is not None or row.checks_only else await self._first_ready(session, row)

    async def _drop_held(self, session: WriteSession, worker: str) -> None:
        for held in await rows.leased_by(session, worker):
            await self._let_go(session, held, AssignmentAct.EXPIRE, "the worker asked for other work")

    async def _drawn(self, session: WriteSession, worker: str) -> Lease | None:
        assignment = await rows.open_assignment_of(session, worker)
        if assignment is None:
            return None
        assignment.status = advance_assignment(assignment.status, AssignmentAct.TAKE)
        return await self._grant(session, assignment)

    async def _first_ready(self, session: WriteSession, worker: WorkerRow) -> Lease | None:
        for unit, record_row in await rows.ready_units(session, limit=READY_LOOKED_AT):
            record = JobRecord.from_json(record_row.record)
            if await self._may_take(session, worker, unit, record_row, record):
                return await self._take(session, worker, unit)
        return None

    async def _may_take(
        self, session: WriteSession, worker: WorkerRow, unit: Unit, record_row: JobRecordRow, record: JobRecord
    ) -> bool:
        index = record.match_of(worker.worker)
        top = await chain_rows.top_block(session)
        if index is None or index in voided_of(record_row) or unit.attempts >= self._policy.max_attempts:
            return False
        if top is None or top.timestamp > record.deadline:
            return False
        allowed = units_in_flight_allowed(Record(streak=worker.streak), self._policy)
        return await rows.unverified_units_of(session, unit.job_id, worker.worker) < allowed

    async def _take(self, session: WriteSession, worker: WorkerRow, unit: Unit) -> Lease:
        now_ms = self._clock.now_ms()
        unit.status = advance_unit(unit.status, UnitAct.LEASE)
        unit.attempts, unit.worker, unit.provider = unit.attempts + 1, worker.worker, worker.provider
        assignment = Assignment(
            assignment_id=secrets.token_hex(16),
            kind=AssignmentKind.WORK,
            status=AssignmentStatus.LEASED,
            job_id=unit.job_id,
            unit_index=unit.unit_index,
            attempt=unit.attempts,
            worker=worker.worker,
            provider=worker.provider,
            epoch=0,
            expires_at_ms=now_ms,
            created_at_ms=now_ms,
        )
        session.add(assignment)
        facts = {"unit": unit.unit_index, "attempt": unit.attempts, "worker": worker.worker}
        await record_event(session, unit.job_id, "unit.leased", now_ms, **facts)
        return await self._grant(session, assignment)

    async def _grant(self, session: WriteSession, assignment: Assignment) -> Lease:
        """Start the lease under a new epoch, and write down all that the worker needs."""
        assignment.epoch += 1
        expires_ms = self._clock.now_ms() + int(self._policy.lease_seconds * 1000)
        assignment.expires_at_ms = max(expires_ms, assignment.expires_at_ms)
        await session.flush()
        job = await rows.job_of(session, assignment.job_id)
        record_row = await chain_rows.record_of(session, assignment.job_id)
        assert record_row is not None, "only units of jobs on chain are leased"
        index = JobRecord.from_json(record_row.record).match_of(assignment.worker)
        price_wei = JobRecord.from_json(record_row.record).matches[index].unit_price_wei if index is not None else 0
        return Lease(
            assignment_id=assignment.assignment_id,
            kind=assignment.kind,
            epoch=assignment.epoch,
            job_id=assignment.job_id,
            unit=assignment.unit_index,
            attempt=assignment.attempt,
            spec=job.spec,
            price_wei=str(price_wei),
            predecessors=await self._predecessors(session, assignment, TrainSpec.from_json(job.spec)),
            expires_at=assignment.expires_at_ms // 1000,
            lease_seconds=self._policy.lease_seconds,
            challenge_id=assignment.challenge_id,
        )

    async def _predecessors(self, session: WriteSession, assignment: Assignment, spec: TrainSpec) -> list[Predecessor]:
        units = {unit.unit_index: unit for unit in await rows.units_of(session, assignment.job_id)}
        wanted = [units[index] for index in spec.units()[assignment.unit_index].predecessors]
        receipts = await rows.receipts_by_digest(session, [str(unit.receipt_digest) for unit in wanted])
        found = [(unit, receipts[str(unit.receipt_digest)]) for unit in wanted]
        return [Predecessor(unit=u.unit_index, artifact=r.artifact, output_root=r.output_root) for u, r in found]

    async def _let_go(self, session: WriteSession, held: Assignment, act: AssignmentAct, reason: str) -> None:
        held.status, held.reason = advance_assignment(held.status, act), reason
        now_ms = self._clock.now_ms()
        if held.kind is AssignmentKind.WORK:
            unit = await rows.unit_at(session, held.job_id, held.unit_index)
            if unit.status is UnitStatus.LEASED and unit.worker == held.worker:
                unit.status, unit.worker, unit.provider = advance_unit(unit.status, UnitAct.LOSE), None, None
                facts = {"unit": held.unit_index, "worker": held.worker, "reason": reason}
                await record_event(session, held.job_id, "unit.reassigned", now_ms, **facts)
        await enqueue_task(session, "advance_job", held.job_id)

    async def _tell_first_step(self, session: WriteSession, held: Assignment, now_ms: int) -> None:
        facts = {"unit": held.unit_index, "worker": held.worker, "kind": held.kind.value}
        await record_event(session, held.job_id, "unit.started", now_ms, **facts)


async def held_by(session: WriteSession, assignment_id: str, worker: str, epoch: int) -> Assignment:
    """Return the assignment if this worker holds it under this epoch.

    Raises AssignmentUnknown, NotYourAssignment or LeaseLost.
    """
    assignment = await session.get(Assignment, assignment_id)
    if assignment is None:
        raise AssignmentUnknown(assignment_id=assignment_id)
    if assignment.worker != worker.lower():
        raise NotYourAssignment(assignment_id=assignment_id, worker=worker)
    if assignment.status is not AssignmentStatus.LEASED or assignment.epoch != epoch:
        raise LeaseLost(
            assignment_id=assignment_id, status=assignment.status.value, epoch=assignment.epoch, your_epoch=epoch
        )
    return assignment
