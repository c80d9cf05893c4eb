"""Takes a challenge one step further, and draws its consequences for the unit.

Decides nothing about guilt: the verdict comes from the chain, a committee's or a game's. This service asks for the draw
once the beacon block is there, gives the members their VOTE assignments, asks for the resolution, ends a game that both
sides have left, and moves the unit.
"""

import secrets

from market.db.models import Assignment, Challenge, ReceiptRow, Unit, WorkerRow
from market.db.repositories import chain as chain_rows
from market.db.repositories import work as rows
from market.db.repositories.events import record_event
from market.db.repositories.running import enqueue_task
from market.db.session import Database, WriteSession
from market.domain.lifecycle import UnitAct, advance_unit
from market.domain.reputation import Record, after_verified, after_voided
from market.protocol.words import AssignmentKind, AssignmentStatus, ChallengeStatus, UnitStatus, Verdict
from market.services.clock import Clock
from market.services.intents import Intents
from market.services.wakeups import Wakeups

LOOK_AGAIN_MS = 1_000
INCONCLUSIVE_AUDITS = 3


class ChallengeService:
    """Owns units in DISPUTED, and VOTE assignments."""

    def __init__(
        self, database: Database, intents: Intents, *, draw_seconds: int, clock: Clock, wakeups: Wakeups
    ) -> None:
        """draw_seconds: how long after a challenge its committee can be drawn; afterwards it ends INCONCLUSIVE."""
        self._database, self._intents, self._draw_seconds = database, intents, draw_seconds
        self._clock, self._wakeups = clock, wakeups

    async def advance(self, challenge_id: int) -> None:
        """Do for one challenge whatever is due."""
        async with self._database.write() as session:
            challenge = await chain_rows.challenge_of(session, challenge_id)
            if challenge is None:
                return
            receipt = await rows.receipt_of(session, challenge.receipt_digest)
            unit = await rows.unit_at(session, receipt.job_id, receipt.unit_index) if receipt else None
            if unit is not None:
                await self._dispute(session, challenge, unit)
            if challenge.status is ChallengeStatus.RESOLVED:
                if receipt is not None and unit is not None:
                    await self._conclude(session, challenge, receipt, unit)
            else:
                await self._pursue(session, challenge)
        for topic in ("assignments", "transactions", "tasks", f"job:{challenge.job_id}"):
            self._wakeups.wake(topic)

    async def _pursue(self, session: WriteSession, challenge: Challenge) -> None:
        if challenge.status is ChallengeStatus.RAISED:
            await self._ask_for_draw(session, challenge)
        elif challenge.status is ChallengeStatus.NARROWING:
            await self._ask_for_the_end(session, challenge)
        else:
            await self._ask_for_votes(session, challenge)
            await self._ask_for_resolution(session, challenge)
        later_ms = self._clock.now_ms() + LOOK_AGAIN_MS
        await enqueue_task(session, "advance_challenge", str(challenge.challenge_id), run_after_ms=later_ms)

    async def _dispute(self, session: WriteSession, challenge: Challenge, unit: Unit) -> None:
        """The first sight of a challenge; an auditor's has moved the unit already, a stranger's has not. A receipt that
        starts from another state than the terms is judged as it is raised, so the first sight can be the last."""
        if unit.receipt_digest == challenge.receipt_digest and unit.status is UnitStatus.COMMITTED:
            unit.status = advance_unit(unit.status, UnitAct.DISPUTE)
        if challenge.draws == 0 and not await rows.was_told(
            session, unit.job_id, "challenge.raised", challenge.challenge_id
        ):
            facts = {
                "challenge_id": challenge.challenge_id,
                "unit": unit.unit_index,
                "challenger": challenge.challenger,
                "provider": challenge.provider,
            }
            await record_event(session, unit.job_id, "challenge.raised", self._clock.now_ms(), **facts)

    async def _ask_for_draw(self, session: WriteSession, challenge: Challenge) -> None:
        top = await chain_rows.top_block(session)
        assert top is not None, "a challenge comes from an indexed block"
        if top.timestamp > challenge.raised_at + self._draw_seconds:
            await self._intents.resolve(session, challenge.challenge_id, challenge.draws, challenge.status.value)
        elif top.number > challenge.beacon_block:
            await self._intents.draw(session, challenge.challenge_id, challenge.beacon_block)

    async def _ask_for_the_end(self, session: WriteSession, challenge: Challenge) -> None:
        """The players move by themselves; should both fall silent, the unit must not wait for ever, neither for a
        move nor for a judgement to be carried out."""
        top = await chain_rows.top_block(session)
        assert top is not None, "a challenge comes from an indexed block"
        if top.timestamp <= challenge.phase_ends_at:
            return
        if challenge.verdict is not Verdict.NONE:
            await self._intents.conclude(session, challenge.challenge_id)
        else:
            await self._intents.timeout(session, challenge.challenge_id, challenge.phase_ends_at)

    async def _ask_for_votes(self, session: WriteSession, challenge: Challenge) -> None:
        """Give every drawn member its VOTE assignment, once per draw."""
        if challenge.status is not ChallengeStatus.VOTING:
            return
        given = await rows.assignments_of_challenge(session, challenge.challenge_id)
        known = {assignment.worker for assignment in given if assignment.attempt == challenge.draws}
        now_ms = self._clock.now_ms()
        for member in challenge.members:
            worker = await rows.worker_for_member(session, member)
            if worker is not None and worker.worker not in known:
                session.add(self._vote(challenge, worker, now_ms))

    def _vote(self, challenge: Challenge, worker: WorkerRow, now_ms: int) -> Assignment:
        return Assignment(
            assignment_id=secrets.token_hex(16),
            kind=AssignmentKind.VOTE,
            status=AssignmentStatus.OPEN,
            job_id=challenge.job_id,
            unit_index=challenge.unit,
            attempt=challenge.draws,
            worker=worker.worker,
            provider=worker.provider,
            expires_at_ms=max(challenge.phase_ends_at * 1000, now_ms),
            challenge_id=challenge.challenge_id,
            audited_digest=challenge.receipt_digest,
            created_at_ms=now_ms,
        )

    async def _ask_for_resolution(self, session: WriteSession, challenge: Challenge) -> None:
        top = await chain_rows.top_block(session)
        assert top is not None, "a challenge comes from an indexed block"
        all_revealed = challenge.members and challenge.reveals >= len(challenge.members)
        if all_revealed or top.timestamp > challenge.phase_ends_at:
            await self._intents.resolve(session, challenge.challenge_id, challenge.draws, challenge.status.value)

    async def _conclude(self, session: WriteSession, challenge: Challenge, receipt: ReceiptRow, unit: Unit) -> None:
        """Move the unit by the verdict, once."""
        if unit.receipt_digest != challenge.receipt_digest or unit.status is not UnitStatus.DISPUTED:
            return
        now_ms, worker = self._clock.now_ms(), await session.get_one(WorkerRow, receipt.worker)
        facts = {
            "challenge_id": challenge.challenge_id,
            "unit": unit.unit_index,
            "provider": challenge.provider,
            "verdict": challenge.verdict.value,
            "slashed_wei": str(challenge.slashed_wei),
        }
        await record_event(session, unit.job_id, "challenge.resolved", now_ms, **facts)
        if challenge.verdict is Verdict.OVERTURNED:
            receipt.voided = True
            unit.status = advance_unit(unit.status, UnitAct.OVERTURN)
            unit.worker = unit.provider = unit.receipt_digest = None
            _remember(worker, after_voided(_record(worker)))
            await record_event(
                session, unit.job_id, "unit.reassigned", now_ms, unit=unit.unit_index, worker=worker.worker
            )
        elif challenge.verdict is Verdict.UPHELD or await self._audited_enough(session, receipt):
            unit.status = advance_unit(unit.status, UnitAct.UPHOLD)
            _remember(worker, after_verified(_record(worker)))
        else:
            unit.status = advance_unit(unit.status, UnitAct.AUDIT_AGAIN)
        await enqueue_task(session, "advance_job", unit.job_id)

    async def _audited_enough(self, session: WriteSession, receipt: ReceiptRow) -> bool:
        return len(await rows.audits_of(session, receipt.digest)) >= INCONCLUSIVE_AUDITS


def _record(worker: WorkerRow) -> Record:
    return Record(streak=worker.streak, units_verified=worker.units_verified, units_voided=worker.units_voided)


def _remember(worker: WorkerRow, record: Record) -> None:
    worker.streak, worker.units_verified = record.streak, record.units_verified
    worker.units_voided = record.units_voided
