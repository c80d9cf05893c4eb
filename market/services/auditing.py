"""Draws audits of committed receipts and hands them to auditors.

Gathers facts for market.domain.verification and stores what it decides: a unit that is not drawn is verified at once, a
drawn one waits for an auditor that may not be its provider. How likely a draw is follows from the worker's streak and
from what it has at stake in this job: its match's bond, and the pay of its unverified units. The seed is the hash of
the block after the commit, so that nobody knew it when the work was committed. Runs inside the caller's transaction.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from market.db.models import Account, Assignment, Epoch, JobRecordRow, ReceiptRow, Unit, WorkerRow
from market.db.repositories import chain as chain_rows
from market.db.repositories import work as rows
from market.db.repositories.events import record_event
from market.db.session import WriteSession
from market.domain.lifecycle import UnitAct, advance_unit
from market.domain.policy import Policy
from market.domain.verification import Auditor, Exposure, audit_rate_bps, is_drawn, pick_auditor, seed_of
from market.protocol.jobs import JobRecord
from market.protocol.words import AssignmentKind, AssignmentStatus, ReceiptKind, UnitStatus
from market.services.clock import Clock
from market.services.projection import voided_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRules:
    """challenge_cost_wei: free bond that an auditor needs, so that it can challenge what it finds."""

    policy: Policy
    challenge_cost_wei: int


class AuditingService:
    """Owns AUDIT assignments from the draw until they are handed in."""

    def __init__(self, rules: AuditRules, clock: Clock) -> None:
        self._rules, self._clock = rules, clock

    async def draw(self, session: WriteSession, row: JobRecordRow, epoch: Epoch, beacon_hash: str) -> None:
        """Draw the audits of one observed epoch; every unit in it is verified or given an auditor."""
        seed = seed_of(bytes.fromhex(beacon_hash[2:]), bytes.fromhex(row.job_id[2:]), epoch.epoch)
        found = await rows.standing_receipts(session, row.job_id, epoch=epoch.epoch)
        work = [receipt for receipt in found if receipt.kind is ReceiptKind.WORK]
        exposures = {worker: await self._exposure(session, row, worker) for worker in {r.worker for r in work}}
        for receipt in work:
            await self._draw_one(session, row, receipt, seed, exposures[receipt.worker])
        epoch.drawn = True

    async def _exposure(self, session: WriteSession, row: JobRecordRow, worker: str) -> Exposure:
        """What the worker stands to lose when the beacon falls, before any unit of the epoch is let off."""
        record = JobRecord.from_json(row.record)
        index = record.match_of(worker)
        assert index is not None, "a receipt is accepted only from a matched worker"
        lost = voided_of(row).get(index)
        units = await rows.unverified_units_of(session, row.job_id, worker)
        stake_wei = record.bid.bond_wei - (lost.slashed_wei if lost else 0)
        return Exposure(stake_wei=stake_wei, unit_price_wei=record.matches[index].unit_price_wei, units=max(units, 1))

    async def redraw(self, session: WriteSession, row: JobRecordRow, unit: Unit) -> bool:
        """Give a drawn unit another auditor when the last one was lost; return whether it still waits for one."""
        if unit.receipt_digest is None:
            return False
        tried = await rows.audits_of(session, unit.receipt_digest)
        if any(audit.status in rows.HELD for audit in tried):
            return False
        receipt = await rows.receipt_of(session, unit.receipt_digest)
        assert receipt is not None, "a unit's receipt digest names a stored receipt"
        return not await self._assign(session, row, receipt, _reseed(receipt, len(tried)), tried)

    async def _draw_one(
        self, session: WriteSession, row: JobRecordRow, receipt: ReceiptRow, seed: bytes, exposure: Exposure
    ) -> None:
        unit = await rows.unit_at(session, row.job_id, receipt.unit_index)
        if unit.receipt_digest != receipt.digest or unit.status is not UnitStatus.COMMITTED:
            return
        worker = await session.get_one(WorkerRow, receipt.worker)
        rate_bps = audit_rate_bps(worker.streak, exposure, self._rules.policy)
        drawn = is_drawn(seed, bytes.fromhex(receipt.digest[2:]), rate_bps)
        if drawn and await self._audits_left(session, row):
            await self._assign(session, row, receipt, seed, ())
        else:
            await self._pass(session, unit, rate_bps)

    async def _pass(self, session: WriteSession, unit: Unit, rate_bps: int) -> None:
        unit.status = advance_unit(unit.status, UnitAct.VERIFY)
        facts = {"unit": unit.unit_index, "worker": unit.worker, "audited": False, "audit_rate_bps": rate_bps}
        await record_event(session, unit.job_id, "unit.verified", self._clock.now_ms(), **facts)

    async def _audits_left(self, session: WriteSession, row: JobRecordRow) -> bool:
        record = JobRecord.from_json(row.record)
        return await rows.audit_count(session, row.job_id) < record.max_audits

    async def _assign(
        self, session: WriteSession, row: JobRecordRow, receipt: ReceiptRow, seed: bytes, tried: Sequence[Assignment]
    ) -> bool:
        auditor = await self._pick(session, row, receipt, seed, tried)
        if auditor is None:
            return False
        now_ms = self._clock.now_ms()
        session.add(
            Assignment(
                assignment_id=secrets.token_hex(16),
                kind=AssignmentKind.AUDIT,
                status=AssignmentStatus.OPEN,
                job_id=row.job_id,
                unit_index=receipt.unit_index,
                attempt=receipt.attempt,
                worker=auditor.worker,
                provider=auditor.provider,
                expires_at_ms=now_ms + int(self._rules.policy.take_seconds * 1000),
                audited_digest=receipt.digest,
                created_at_ms=now_ms,
            )
        )
        facts = {"unit": receipt.unit_index, "worker": receipt.worker, "auditor": auditor.worker}
        await record_event(session, row.job_id, "audit.drawn", now_ms, **facts)
        return True

    async def _pick(
        self, session: WriteSession, row: JobRecordRow, receipt: ReceiptRow, seed: bytes, tried: Sequence[Assignment]
    ) -> Auditor | None:
        """Somebody idle before somebody busy, somebody new before somebody who was too busy to take it last time."""
        candidates = await self._candidates(session, row)
        busy = await rows.busy_workers(session)
        idle = [candidate for candidate in candidates if candidate.worker not in busy]
        answered = [audit.worker for audit in tried if audit.status is AssignmentStatus.COMMITTED]
        asked = [audit.worker for audit in tried]
        for pool, barred in ((idle, asked), (candidates, asked), (idle, answered), (candidates, answered)):
            digest = bytes.fromhex(receipt.digest[2:])
            auditor = pick_auditor(seed, digest, pool, provider=receipt.provider, tried=barred)
            if auditor is not None:
                return auditor
        return None

    async def _candidates(self, session: WriteSession, row: JobRecordRow) -> list[Auditor]:
        """Return the job's matched workers who are present, honest so far, and able to pay for a challenge."""
        voided = voided_of(row)
        found = []
        silent_since = self._clock.now_ms() // 1000 - int(self._rules.policy.live_seconds)
        for index, entry in enumerate(JobRecord.from_json(row.record).matches):
            worker = await session.get(WorkerRow, entry.worker.lower())
            account = await chain_rows.account_of(session, entry.provider)
            if index in voided or worker is None or worker.draining or worker.last_seen < silent_since:
                continue
            if account is not None and _free_wei(account) >= self._rules.challenge_cost_wei:
                found.append(Auditor(worker=worker.worker, provider=worker.provider))
        return found


def _free_wei(account: Account) -> int:
    """Return stake that Disputes can lock; what Jobs holds idle is not for it."""
    return account.bond_wei - account.bond_locked_wei - account.bond_unbonding_wei


def _reseed(receipt: ReceiptRow, turn: int) -> bytes:
    """A later turn's order among those not tried yet; the draw itself was already decided by the beacon."""
    return seed_of(bytes.fromhex(receipt.digest[2:]), bytes.fromhex(receipt.job_id[2:]), turn)
