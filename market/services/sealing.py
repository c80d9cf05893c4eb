"""Gathers what market.domain.verification wants to know before a receipt is shown or an audit is taken.

An auditor commits first: its signed AUDIT receipt binds its address and its trace root. Until then nobody but the
operator and the provider may learn what the audited receipt claims. Changes nothing; runs inside the caller's
transaction.
"""

from collections.abc import Sequence

from market.db.models import Assignment, ReceiptRow, Unit
from market.db.repositories import chain as chain_rows
from market.db.repositories import work as rows
from market.db.session import ReadSession
from market.domain.verification import is_late, is_sealed


async def unsealed(session: ReadSession, job_id: str, receipts: Sequence[ReceiptRow]) -> list[ReceiptRow]:
    """Return those of a job's receipts, of work and of audits, whose claims are kept back no more."""
    over = await is_over(session, job_id)
    status = {unit.unit_index: unit.status for unit in await rows.units_of(session, job_id)}
    shown = []
    for receipt in receipts:
        unit = status[receipt.unit_index]
        closed = is_sealed(unit, job_over=over, disclosed=False)
        disclosed = closed and bool(await chain_rows.challenges_of_receipt(session, receipt.digest))
        if not is_sealed(unit, job_over=over, disclosed=disclosed):
            shown.append(receipt)
    return shown


async def audit_is_late(session: ReadSession, audit: Assignment) -> bool:
    """Return whether what this audit is to find may have been revealed before it was handed in."""
    unit = await rows.unit_at(session, audit.job_id, audit.unit_index)
    stands = unit.receipt_digest == audit.audited_digest
    return is_late(unit.status, stands=stands, job_over=await is_over(session, audit.job_id))


async def is_over(session: ReadSession, job_id: str) -> bool:
    """Return whether the chain has ended the job."""
    record = await chain_rows.record_of(session, job_id)
    return record is not None and record.status.is_terminal


def shows_artifact(unit: Unit, *, job_over: bool) -> bool:
    """Return whether a unit's output may be named. A challenge names it on chain too, but there is no need to."""
    return not is_sealed(unit.status, job_over=job_over, disclosed=False)
