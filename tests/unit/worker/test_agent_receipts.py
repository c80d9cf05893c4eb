"""Receipts and challenges: what a worker is ready to sign its name under."""

from market.protocol.words import AssignmentKind, ReceiptKind
from tests.unit.worker.agent_samples import PROVIDER, case, lease, outcome
from worker.agent.loop import is_justified
from worker.agent.receipts import receipt_of

NAMES = {"provider": PROVIDER, "worker": PROVIDER, "fingerprint": b"\x09" * 32, "artifact": b"\x08" * 32}


def test_a_receipt_takes_the_price_from_the_lease_and_the_rest_from_the_run() -> None:
    receipt = receipt_of(lease(), outcome(), **NAMES)  # type: ignore[arg-type]

    assert (receipt.kind, receipt.price_wei, receipt.steps, receipt.millijoules) == (ReceiptKind.WORK, 5_000, 20, 1_500)
    assert (receipt.trace_root, receipt.artifact) == (b"\x03" * 32, b"\x08" * 32)


def test_an_audits_receipt_names_no_artifact() -> None:
    receipt = receipt_of(lease(kind=AssignmentKind.AUDIT), outcome(), **NAMES)  # type: ignore[arg-type]

    assert (receipt.kind, receipt.artifact) == (ReceiptKind.AUDIT, bytes(32))


def test_a_challenge_is_justified_by_another_trace_of_the_same_unit() -> None:
    assert is_justified(case(), lease(), outcome())


def test_a_challenge_is_not_justified_by_the_same_trace() -> None:
    assert not is_justified(case(trace_root=b"\x03" * 32), lease(), outcome())


def test_a_challenge_is_not_justified_by_another_unit_or_job() -> None:
    assert not is_justified(case(unit=3), lease(), outcome())
    assert not is_justified(case(job_id=bytes(32)), lease(), outcome())
