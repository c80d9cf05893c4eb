"""The receipt of a finished assignment, from what was leased, measured and metered. Pure.

Decides nothing about the figures: the price is the lease's, the roots are the run's, the joules are the meter's.
"""

from market.protocol.typed import Receipt
from market.protocol.wire import Lease
from market.protocol.words import AssignmentKind, ReceiptKind
from worker.agent.outcome import Outcome

_NO_ARTIFACT = bytes(32)


def receipt_of(
    lease: Lease, outcome: Outcome, *, provider: str, worker: str, fingerprint: bytes, artifact: bytes
) -> Receipt:
    """Return the receipt to sign. artifact: the uploaded end state's hash; an audit uploads none and carries zeros."""
    is_audit = lease.kind is AssignmentKind.AUDIT
    return Receipt(
        job_id=bytes.fromhex(lease.job_id[2:]),
        kind=ReceiptKind.AUDIT if is_audit else ReceiptKind.WORK,
        unit=lease.unit,
        attempt=lease.attempt,
        provider=provider,
        worker=worker,
        input_root=outcome.input_root,
        output_root=outcome.output_root,
        trace_root=outcome.trace_root,
        artifact=_NO_ARTIFACT if is_audit else artifact,
        fingerprint=fingerprint,
        price_wei=int(lease.price_wei),
        steps=outcome.steps,
        started_at=outcome.started_at,
        finished_at=outcome.finished_at,
        millijoules=outcome.energy.millijoules,
        energy_source=outcome.energy.source,
    )
