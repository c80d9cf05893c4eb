"""Whom to check, how often, and what does a difference mean?

Sampling is a pure function of a seed that nobody knew when the work was committed (the hash of a later block). The rate
starts at certainty for a worker without a record and falls as 1/streak (BOINC's adaptive replication) to the least rate
at which its stake makes cheating a losing bet (which BOINC lacks: without a floor, trust is farmed and then sold). What
was claimed stays sealed until an audit can no longer be copied from it. Measurements come from workers; only here do
they get a meaning. All rates are rounded up, against the worker.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from market.domain.policy import Policy
from market.protocol.errors import CommonwattError
from market.protocol.words import UnitStatus

BPS: Final = 10_000
AUDITABLE: Final = frozenset({UnitStatus.DONE, UnitStatus.COMMITTED})


class Judgement(StrEnum):
    """What one audit says about the audited receipt."""

    EQUAL = "EQUAL"
    DIFFERENT = "DIFFERENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingDeters(CommonwattError):
    """No stake makes cheating a losing bet: nothing is audited, or no audit would tell."""

    rate_bps: int
    collusion_bps: int
    detection_bps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What a worker has at stake in one job: the bond of its match, and the pay of its units not yet verified."""

    stake_wei: int
    unit_price_wei: int
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """Somebody who could execute a unit again."""

    worker: str
    provider: str


def audit_rate_bps(streak: int, exposure: Exposure, policy: Policy) -> int:
    """Return the chance, in basis points, that a unit of a worker with this streak is audited: never less than what
    makes cheating pay nothing, never less than the policy's floor, never more than certain."""
    if streak <= 1:
        return BPS
    return min(BPS, max(policy.audit_floor_bps, least_rate_bps(exposure, policy), -(-BPS // streak)))


def least_rate_bps(exposure: Exposure, policy: Policy) -> int:
    """Return the least rate p, in basis points, at which neither laziness nor sabotage pays, rounded up.

    Laziness saves at most the pay of all units at stake: p * d * (1 - a) * (R + S) >= R with R = units * price. One
    wrong unit found takes the stake, and more of them are found more surely, so this holds for every number of them.
    Sabotage spoils a single unit for an outside gain: p * d * (1 - a) * (price + S) >= gain * price. The detection d,
    the collusion share a and the gain are the policy's.
    """
    stake_wei = exposure.stake_wei
    return max(_least_rate_bps(gain_wei, pay_wei + stake_wei, policy) for gain_wei, pay_wei in _bets(exposure, policy))


def least_stake_wei(*, rate_bps: int, unit_price_wei: int, units: int, policy: Policy) -> int:
    """Return the least stake at which audits at this rate suffice, rounded up: the inverse of `least_rate_bps`."""
    seen_bps2 = _seen_bps2(policy)
    if rate_bps <= 0 or seen_bps2 <= 0:
        raise NothingDeters(rate_bps=rate_bps, collusion_bps=policy.collusion_bps, detection_bps=policy.detection_bps)
    exposure = Exposure(stake_wei=0, unit_price_wei=unit_price_wei, units=units)
    bets = _bets(exposure, policy)
    return max(0, *(-(-gain_wei * BPS**3 // (rate_bps * seen_bps2)) - reward_wei for gain_wei, reward_wei in bets))


def expected_audit_share_bps(streaks: Sequence[int], exposure: Exposure, policy: Policy) -> int:
    """Return which share of a job's compute goes into audits, one unit for each of these streaks, rounded up."""
    rates = [audit_rate_bps(streak, exposure, policy) for streak in streaks]
    return -(-sum(rates) // len(rates)) if rates else 0


def _bets(exposure: Exposure, policy: Policy) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return what each way to cheat gains and what pay it puts at risk beside the stake: laziness, then sabotage."""
    reward_wei = exposure.unit_price_wei * exposure.units
    sabotage_wei = -(-exposure.unit_price_wei * policy.sabotage_gain_bps // BPS)
    return (reward_wei, reward_wei), (sabotage_wei, exposure.unit_price_wei)


def _least_rate_bps(gain_wei: int, loss_wei: int, policy: Policy) -> int:
    if gain_wei <= 0:
        return 0
    denominator = loss_wei * _seen_bps2(policy)
    return min(BPS, -(-gain_wei * BPS**3 // denominator)) if denominator > 0 else BPS


def _seen_bps2(policy: Policy) -> int:
    """The chance that an audit of a wrong unit tells: the auditor is not in league, and sees it; in squared bps."""
    return (BPS - policy.collusion_bps) * policy.detection_bps


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


def is_sealed(unit: UnitStatus, *, job_over: bool, disclosed: bool) -> bool:
    """Return whether what a unit's receipts claim is kept from everybody but the operator and who signed them.

    An audit could be copied from it until the unit is verified (which an undrawn one is at once). Nobody audits when
    the job is over, and nobody can unsay what a challenge on chain has disclosed.
    """
    return unit is not UnitStatus.VERIFIED and not job_over and not disclosed


def is_late(unit: UnitStatus, *, stands: bool, job_over: bool) -> bool:
    """Return whether an audit comes when its answer may have been read elsewhere: the audited receipt stands no more,
    or its unit was verified or disputed meanwhile, or the job is over."""
    return job_over or not stands or unit not in AUDITABLE


def seed_of(block_hash: bytes, job_id: bytes, epoch: int) -> bytes:
    """Return the sampling seed of one epoch: the beacon block's hash bound to the job and the epoch."""
    return hashlib.sha256(block_hash + job_id + epoch.to_bytes(4, "big")).digest()


def expected_audits_up(streaks: Sequence[int], exposure: Exposure, policy: Policy) -> int:
    """Return how many audits a buyer should budget for units of workers with these streaks, rounded up."""
    return -(-sum(audit_rate_bps(streak, exposure, policy) for streak in streaks) // BPS)


def _number(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest())
