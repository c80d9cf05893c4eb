"""Ready-made leases, outcomes and cases for tests of the agent."""

from pathlib import Path
from typing import Any

from market.protocol.typed import Receipt
from market.protocol.wire import ChallengeCase, Lease
from market.protocol.words import AssignmentKind, EnergySource, ReceiptKind
from worker.agent.outcome import Outcome
from worker.energy.meter import Reading

JOB = bytes([7]) * 32
PROVIDER = "0x" + "11" * 20


def lease(assignment_id: str = "a1", kind: AssignmentKind = AssignmentKind.WORK, **changes: Any) -> Lease:
    fields: dict[str, Any] = {
        "assignment_id": assignment_id, "kind": kind, "epoch": 3, "job_id": "0x" + JOB.hex(), "unit": 2, "attempt": 1,
        "spec": {}, "price_wei": "5000", "predecessors": [], "expires_at": 0, "lease_seconds": 15.0,
        "challenge_id": 9 if kind is AssignmentKind.VOTE else None,
    }  # fmt: skip
    return Lease(**fields | changes)


def outcome(**changes: Any) -> Outcome:
    fields: dict[str, Any] = {
        "input_root": b"\1" * 32, "output_root": b"\2" * 32, "trace_root": b"\3" * 32,
        "segment_roots": (b"\4" * 32, b"\2" * 32), "output": Path("state.safetensors"), "steps": 20,
        "started_at": 1_000, "finished_at": 3_000,
        "energy": Reading(millijoules=1_500, source=EnergySource.ESTIMATE),
    }  # fmt: skip
    return Outcome(**fields | changes)


def receipt(**changes: Any) -> Receipt:
    fields: dict[str, Any] = {
        "job_id": JOB, "kind": ReceiptKind.WORK, "unit": 2, "attempt": 1, "provider": PROVIDER, "worker": PROVIDER,
        "input_root": b"\1" * 32, "output_root": b"\2" * 32, "trace_root": b"\5" * 32, "artifact": b"\6" * 32,
        "fingerprint": b"\7" * 32, "price_wei": 5_000, "steps": 20, "started_at": 1_000, "finished_at": 3_000,
        "millijoules": 1, "energy_source": EnergySource.ESTIMATE,
    }  # fmt: skip
    return Receipt(**fields | changes)


def case(**changes: Any) -> ChallengeCase:
    return ChallengeCase(
        job={}, match_index=0, receipt=receipt(**changes).to_json(), signature="0x00",
        measured_trace_root="0x" + (b"\3" * 32).hex(),
    )  # fmt: skip
