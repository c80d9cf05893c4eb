"""Whom to check, how often, and what does a difference mean?

Sampling is a pure function of a seed that nobody knew when the work was committed (the hash of a later block). The rate
starts at certainty for a worker without a record and falls as 1/streak (BOINC's adaptive replication) to a floor
(which BOINC lacks: without one, trust is farmed and then sold). Measurements come from workers; only here
do they get a meaning.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from market.domain.policy import Policy

BPS = 10_000


class Judgement(StrEnum):
    """What one audit says about the audited receipt."""

    EQUAL = "EQUAL"
    DIFFERENT = "DIFFERENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """Somebody who could execute a unit again."""

    worker: str
    provider: str


def audit_rate_bps(streak: int, policy: Policy) -> int:
    """Return the chance, in basis points, that a unit of a worker with this streak is audited."""
    return BPS if streak <= 1 else max(policy.audit_floor_bps, BPS // streak)


def least_stake_wei(*, reward_wei: int, cost_wei: int, audits: int, segments: int, collusion_bps: int) -> int:
    """Return the stake S that makes skipping any part of the work a losing bet, rounded up (against the worker).

    Skipping a share f of N segments saves f * cost and is caught with chance 1 - (1 - f)^s, so honesty pays for every f
    when (reward + S) * d * (1 - a) >= cost with one audited segment in expectation; s audits of N scale the sabotage of
    a single segment: (s / N) * (reward + S) * (1 - a) >= reward. The larger of the two demands is returned.
    """
    honest_bps = BPS - collusion_bps
    against_laziness = -(-cost_wei * BPS // honest_bps) - reward_wei
    against_sabotage = -(-reward_wei * segments * BPS // (audits * honest_bps)) - reward_wei
    return max(against_laziness, against_sabotage, 0)


def is_drawn(seed: bytes, receipt_digest: bytes, rate_bps: int) -> bool:
    """Return whether the receipt is audited: a hash of beacon and receipt falls below the rate."""
    return _number(seed, b"draw", receipt_digest) % BPS < rate_bps


def pick_auditor(
    seed: bytes, receipt_digest: bytes, candidates: Iterable[Auditor], *, provider: str, tried: Iterable[str]
) -> Auditor | None:
    """Return the auditor for a receipt: never the provider's own, never one that was tried before; None if there is no
    other. The choice depends on the seed and the set of candidates, not on their order."""
    barred = {worker.lower() for worker in tried}
    pool = [c for c in candidates if c.provider.lower() != provider.lower() and c.worker.lower() not in barred]
    return min(pool, key=lambda c: _number(seed, receipt_digest, c.worker.lower().encode()), default=None)


def judge(claimed_trace_root: bytes, measured_trace_root: bytes) -> Judgement:
    """Exact and pinned work: the traces are equal or they are not."""
    return Judgement.EQUAL if claimed_trace_root == measured_trace_root else Judgement.DIFFERENT


def seed_of(block_hash: bytes, job_id: bytes, epoch: int) -> bytes:
    """Return the sampling seed of one epoch: the beacon block's hash bound to the job and the epoch."""
    return hashlib.sha256(block_hash + job_id + epoch.to_bytes(4, "big")).digest()


def _number(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest())


def expected_audits_up(streaks: Sequence[int], policy: Policy) -> int:
    """Return how many audits a buyer should budget for units of workers with these streaks, rounded up."""
    return -(-sum(audit_rate_bps(streak, policy) for streak in streaks) // BPS)
