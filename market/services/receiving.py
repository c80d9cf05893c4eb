"""Takes in finished assignments: checks what can be checked cheaply, stores the receipt, judges an audit.

Decides nothing of its own: the receipt must say what the assignment said, be signed by the worker, and agree with the
bytes that were uploaded (the ladder's first step: schema, signatures, finiteness, energy bound). An audit's measurement
goes to market.domain.verification, and is taken only while what it could be copied from is sealed. Reading artifacts
happens before the transaction. Handing in the same receipt twice is one receipt; the second answer for a differing
audit carries a fresh challenge case.
"""

import asyncio
from dataclasses import dataclass

import numpy as np

from market.db.models import Assignment, OfferRow, ReceiptRow, Unit, WorkerRow
from market.db.repositories import chain as chain_rows
from market.db.repositories import work as rows
from market.db.repositories.events import record_event
from market.db.repositories.running import enqueue_task
from market.db.session import Database, ReadSession, WriteSession
from market.domain.energy import check_millijoules
from market.domain.lifecycle import AssignmentAct, UnitAct, advance_assignment, advance_unit
from market.domain.policy import Policy
from market.domain.reputation import Record, after_verified
from market.domain.verification import Judgement, judge
from market.protocol import tensors
from market.protocol.errors import CommonwattError
from market.protocol.exact.jobs import exact_state_root
from market.protocol.hashing import parse_artifact_id
from market.protocol.jobs import JobRecord, MatchEntry
from market.protocol.specs import TrainSpec
from market.protocol.state import state_root, trace_root
from market.protocol.typed import Receipt, SigningDomain, digest, recover_signer
from market.protocol.wire import ChallengeCase, CommitReply, CommitSubmission
from market.protocol.words import AssignmentKind, AssignmentStatus, ExecutionClass, ReceiptKind, UnitStatus
from market.services.acceptances import Acceptances, signed_acceptance
from market.services.clock import Clock
from market.services.leasing import AssignmentUnknown, NotYourAssignment, held_by
from market.services.sealing import audit_is_late
from market.services.store import ArtifactStore
from market.services.wakeups import Wakeups

CLOCK_SLACK_MS = 60_000
ENDED = frozenset({AssignmentStatus.EXPIRED, AssignmentStatus.FAILED, AssignmentStatus.RELEASED})
KINDS = {AssignmentKind.WORK: ReceiptKind.WORK, AssignmentKind.AUDIT: ReceiptKind.AUDIT}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRefused(CommonwattError):
    """The receipt does not say what its assignment, its upload or its clock says."""

    field: str
    said: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LateReveal(CommonwattError):
    """The audit came too late: what it was to find may have been read elsewhere by now."""

    assignment_id: str
    audited_receipt: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Handed:
    """A submission, parsed, with what it is held against."""

    receipt: Receipt
    digest: str
    signature: str
    segment_roots: tuple[bytes, ...]


class ReceivingService:
    """Owns receipts, and units from LEASED to DONE."""

    def __init__(
        self,
        database: Database,
        store: ArtifactStore,
        domain: SigningDomain,
        policy: Policy,
        *,
        acceptances: Acceptances,
        clock: Clock,
        wakeups: Wakeups,
        artifact_limit_bytes: int,
    ) -> None:
        self._database, self._store, self._domain, self._policy = database, store, domain, policy
        self._acceptances = acceptances
        self._clock, self._wakeups, self._artifact_limit_bytes = clock, wakeups, artifact_limit_bytes

    async def commit(self, assignment_id: str, worker: str, submission: CommitSubmission) -> CommitReply:
        """Accept a finished assignment.

        Raises AssignmentUnknown, NotYourAssignment, LeaseLost, LateReveal, ReceiptRefused, BadSignature,
        JoulesImplausible, ArtifactUnknown or TensorsMalformed; nothing is stored then, and the lease stands.
        """
        handed = self._parse(submission)
        async with self._database.read() as session:
            assignment = await self._assignment(session, assignment_id, worker)
            spec = TrainSpec.from_json((await rows.job_of(session, assignment.job_id)).spec)
            repeated = self._is_repeated(assignment, submission, handed)
            if not repeated and assignment.kind is not AssignmentKind.VOTE:
                await self._check(session, assignment, spec, handed)
        if repeated:
            return await self._answer(assignment_id)
        if assignment.kind is AssignmentKind.WORK and handed is not None:
            await self._check_upload(spec, handed.receipt)
        async with self._database.write() as session:
            await self._require_in_time(session, assignment_id)
            held = await held_by(session, assignment_id, worker, submission.epoch)
            held.status = advance_assignment(held.status, AssignmentAct.COMMIT)
            if handed is not None and held.kind is not AssignmentKind.VOTE:
                await self._accept(session, held, handed)
            await enqueue_task(session, "advance_job", held.job_id)
        for topic in ("tasks", "assignments", f"job:{assignment.job_id}"):
            self._wakeups.wake(topic)
        return await self._answer(assignment_id)

    def _parse(self, submission: CommitSubmission) -> _Handed | None:
        if submission.receipt is None or submission.signature is None:
            return None
        try:
            receipt = Receipt.from_json(submission.receipt)
        except ValueError as error:
            raise ReceiptRefused(field="receipt", said=str(error), expected="a receipt document") from error
        return _Handed(
            receipt=receipt,
            digest="0x" + digest(receipt, self._domain).hex(),
            signature=submission.signature,
            segment_roots=tuple(bytes.fromhex(root[2:]) for root in submission.segment_roots),
        )

    async def _assignment(self, session: ReadSession, assignment_id: str, worker: str) -> Assignment:
        assignment = await session.get(Assignment, assignment_id)
        if assignment is None:
            raise AssignmentUnknown(assignment_id=assignment_id)
        if assignment.worker != worker.lower():
            raise NotYourAssignment(assignment_id=assignment_id, worker=worker)
        return assignment

    async def _require_in_time(self, session: WriteSession, assignment_id: str) -> None:
        """An auditor commits before it could read; whoever is late is not believed, and not paid."""
        audit = await session.get_one(Assignment, assignment_id)
        if audit.kind is not AssignmentKind.AUDIT or audit.status is AssignmentStatus.COMMITTED:
            return
        reason = "its lease has ended" if audit.status in ENDED else None
        if reason is None and await audit_is_late(session, audit):
            reason = "the audited receipt waits for no audit any more"
        if reason is not None:
            raise LateReveal(assignment_id=assignment_id, audited_receipt=str(audit.audited_digest), reason=reason)

    def _is_repeated(self, assignment: Assignment, submission: CommitSubmission, handed: _Handed | None) -> bool:
        same = assignment.receipt_digest == (handed.digest if handed else None)
        return assignment.status is AssignmentStatus.COMMITTED and assignment.epoch == submission.epoch and same

    async def _check(
        self, session: ReadSession, assignment: Assignment, spec: TrainSpec, handed: _Handed | None
    ) -> None:
        """Hold the receipt against the assignment, the match, the specification, the clock and the power envelope."""
        if handed is None:
            raise ReceiptRefused(field="receipt", said="nothing", expected="a signed receipt")
        receipt = handed.receipt
        entry, offer = await self._terms(session, assignment)
        expected = {
            "job_id": bytes.fromhex(assignment.job_id[2:]),
            "kind": KINDS[assignment.kind],
            "unit": assignment.unit_index,
            "attempt": assignment.attempt,
            "provider": entry.provider,
            "worker": entry.worker,
            "price_wei": entry.unit_price_wei,
            "steps": spec.steps_per_unit,
            "fingerprint": bytes.fromhex(offer.fingerprint[2:]),
        }
        for field, value in expected.items():
            _require(receipt, field, value)
        _check_trace(handed, len(spec.segments()))
        if assignment.kind is AssignmentKind.AUDIT:
            _require(receipt, "artifact", bytes(32))
        self._check_clock_and_energy(receipt, offer)
        signer = recover_signer(receipt, self._domain, bytes.fromhex(handed.signature[2:]))
        if signer.lower() != assignment.worker:
            raise ReceiptRefused(field="signature", said=signer, expected=entry.worker)

    async def _terms(self, session: ReadSession, assignment: Assignment) -> tuple[MatchEntry, OfferRow]:
        record_row = await chain_rows.record_of(session, assignment.job_id)
        assert record_row is not None, "only units of jobs on chain are leased"
        record = JobRecord.from_json(record_row.record)
        index = record.match_of(assignment.worker)
        assert index is not None, "only matched workers hold work and audits"
        entry = record.matches[index]
        return entry, await session.get_one(OfferRow, "0x" + entry.offer_hash.hex())

    def _check_clock_and_energy(self, receipt: Receipt, offer: OfferRow) -> None:
        latest_ms = self._clock.now_ms() + CLOCK_SLACK_MS
        if not receipt.started_at <= receipt.finished_at <= latest_ms:
            said = f"{receipt.started_at}..{receipt.finished_at}"
            raise ReceiptRefused(field="finished_at", said=said, expected=f"in order and at most {latest_ms}")
        check_millijoules(
            receipt.millijoules,
            envelope_watts=int(offer.facts["envelope_watts"]),
            milliseconds=receipt.finished_at - receipt.started_at,
        )

    async def _check_upload(self, spec: TrainSpec, receipt: Receipt) -> None:
        """The uploaded state must be the committed one, and finite."""
        artifact = parse_artifact_id(receipt.artifact.hex())
        data = await self._store.read(artifact, limit_bytes=self._artifact_limit_bytes)
        is_exact = spec.execution_class is ExecutionClass.EXACT
        root, finite = await asyncio.to_thread(_measure_state, data, is_exact=is_exact)
        if root != receipt.output_root:
            raise ReceiptRefused(field="output_root", said=receipt.output_root.hex(), expected=root.hex())
        if not finite:
            raise ReceiptRefused(field="artifact", said="infinite or not-a-number weights", expected="finite weights")

    async def _accept(self, session: WriteSession, held: Assignment, handed: _Handed) -> None:
        receipt, now_ms = handed.receipt, self._clock.now_ms()
        _, offer = await self._terms(session, held)
        held.receipt_digest = handed.digest
        row = ReceiptRow(
            digest=handed.digest,
            job_id=held.job_id,
            kind=receipt.kind,
            unit_index=held.unit_index,
            attempt=held.attempt,
            worker=held.worker,
            provider=held.provider,
            offer_hash=offer.offer_hash,
            receipt=receipt.to_json(),
            signature=handed.signature,
            trace_root="0x" + receipt.trace_root.hex(),
            output_root="0x" + receipt.output_root.hex(),
            artifact=receipt.artifact.hex(),
            created_at_ms=now_ms,
        )
        await self._acceptances.add(session, row)
        unit = await rows.unit_at(session, held.job_id, held.unit_index)
        if held.kind is AssignmentKind.WORK:
            unit.status, unit.receipt_digest = advance_unit(unit.status, UnitAct.FINISH), handed.digest
            facts = {"unit": unit.unit_index, "worker": held.worker, "receipt": handed.digest}
            await record_event(session, held.job_id, "unit.done", now_ms, **facts)
        else:
            await self._judge(session, held, unit, receipt)

    async def _judge(self, session: WriteSession, held: Assignment, unit: Unit, measured: Receipt) -> None:
        audited = await rows.receipt_of(session, str(held.audited_digest))
        if audited is None or unit.receipt_digest != audited.digest or unit.status is not UnitStatus.COMMITTED:
            return
        judgement = judge(bytes.fromhex(audited.trace_root[2:]), measured.trace_root)
        facts = {"unit": unit.unit_index, "worker": audited.worker, "auditor": held.worker}
        now_ms = self._clock.now_ms()
        if judgement is Judgement.EQUAL:
            unit.status = advance_unit(unit.status, UnitAct.VERIFY)
            worker = await session.get_one(WorkerRow, audited.worker)
            after = after_verified(Record(streak=worker.streak, units_verified=worker.units_verified))
            worker.streak, worker.units_verified = after.streak, after.units_verified
            await record_event(session, unit.job_id, "unit.verified", now_ms, audited=True, **facts)
        else:
            unit.status = advance_unit(unit.status, UnitAct.DISPUTE)
            held.reason = "the measured trace differs"
            held.expires_at_ms = now_ms + int(self._policy.challenge_seconds * 1000)
            await record_event(session, unit.job_id, "audit.differed", now_ms, **facts)

    async def _answer(self, assignment_id: str) -> CommitReply:
        """Answer with the receipt's acceptance, and with a challenge case while a differing audit waits for it."""
        async with self._database.read() as session:
            held = await session.get_one(Assignment, assignment_id)
            receipt = await rows.receipt_of(session, held.receipt_digest) if held.receipt_digest is not None else None
            case = None
            if held.kind is AssignmentKind.AUDIT and held.audited_digest is not None:
                unit = await rows.unit_at(session, held.job_id, held.unit_index)
                on_chain = await chain_rows.challenges_of_receipt(session, held.audited_digest)
                if unit.status is UnitStatus.DISPUTED and unit.receipt_digest == held.audited_digest and not on_chain:
                    case = await self._case(session, held)
        return CommitReply(
            assignment_id=assignment_id,
            status=held.status,
            challenge=case,
            acceptance=signed_acceptance(receipt) if receipt is not None else None,
        )

    async def _case(self, session: ReadSession, held: Assignment) -> ChallengeCase:
        audited = await rows.receipt_of(session, str(held.audited_digest))
        measured = await rows.receipt_of(session, str(held.receipt_digest))
        record_row = await chain_rows.record_of(session, held.job_id)
        assert audited is not None and measured is not None and record_row is not None, "an audit of stored receipts"
        index = JobRecord.from_json(record_row.record).match_of(audited.worker)
        assert index is not None, "a receipt is accepted only from a matched worker"
        return ChallengeCase(
            job=record_row.record,
            match_index=index,
            receipt=audited.receipt,
            signature=audited.signature,
            measured_trace_root=measured.trace_root,
        )


def _require(receipt: Receipt, field: str, expected: object) -> None:
    said = getattr(receipt, field)
    if said != expected:
        raise ReceiptRefused(field=field, said=_text(said), expected=_text(expected))


def _text(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _check_trace(handed: _Handed, segments: int) -> None:
    """The segment roots must be as many as the specification says, and hash to what was signed."""
    if len(handed.segment_roots) != segments:
        said = str(len(handed.segment_roots))
        raise ReceiptRefused(field="segment_roots", said=said, expected=f"{segments} roots")
    _require(handed.receipt, "trace_root", trace_root(handed.segment_roots))
    _require(handed.receipt, "output_root", handed.segment_roots[-1])


def _measure_state(data: bytes, *, is_exact: bool) -> tuple[bytes, bool]:
    """Return a safetensors state's root in its class and whether all its float32 numbers are finite."""
    state = tensors.read(data)
    floats = (np.frombuffer(tensor.data, dtype="<f4") for tensor in state if tensor.dtype == "F32")
    root = exact_state_root(state) if is_exact else state_root(state)
    return root, all(bool(np.isfinite(values).all()) for values in floats)
