"""Queries over accounts' money that join the projection with what this market has promised but not yet opened.

Writes nothing: what the chain holds is written by the indexer alone.
"""

from collections.abc import Sequence

from sqlalchemy import select

from market.db.models import Account, Job, JobRecordRow
from market.db.session import ReadSession


def matchable_bond_wei(account: Account) -> int:
    """Return stake that can answer for a new match: what is free in Bonds, and what Jobs holds idle."""
    return account.bond_wei - account.bond_locked_wei - account.bond_unbonding_wei + account.bond_idle_wei


async def unopened_jobs_of(session: ReadSession, payer: str) -> Sequence[Job]:
    """Return the accepted bids that an account pays for and that have not been seen on chain; their budgets are still
    free escrow there."""
    query = (
        select(Job)
        .outerjoin(JobRecordRow, JobRecordRow.job_id == Job.job_id)
        .where(Job.payer == payer.lower(), JobRecordRow.job_id.is_(None))
        .order_by(Job.created_at, Job.job_id)
    )
    return (await session.scalars(query)).all()


async def unopened_job_ids(session: ReadSession) -> Sequence[str]:
    """Return every accepted bid that has not been seen on chain: what a new offer or a returning worker may unblock."""
    query = (
        select(Job.job_id)
        .outerjoin(JobRecordRow, JobRecordRow.job_id == Job.job_id)
        .where(JobRecordRow.job_id.is_(None))
        .order_by(Job.created_at.desc())
        .limit(1000)
    )
    return (await session.scalars(query)).all()
