"""Which units of tolerance-class work are planted, and what does a verifier's answer to one mean?

Where equal means close and not bitwise equal (the class CLOSE), a verifier could say "as claimed" without looking and
almost never be wrong: the verifier's dilemma. So some of the units it is given are planted: the operator knows their
answer, and their claim is off by more than the bound. Who looked is within the bound of the answer; who copied is not.

Decides how many are planted, which, and how much evidence is enough before pay is withheld. Distances are whole numbers
in the unit of their calibration. Nobody is slashed here, and one answer alone never costs anything: rounding has tails.
CLOSE jobs are not served yet; these are the functions that serving them will call.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from market.domain.policy import Policy
from market.protocol.errors import CommonwattError

BPS: Final = 10_000
TAG: Final = b"commonwatt canary"


class Finding(StrEnum):
    """What a verifier's answers to planted units say about it."""

    CLEAR = "CLEAR"
    WATCHED = "WATCHED"
    WITHHELD = "WITHHELD"


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingCalibrated(CommonwattError):
    """A bound needs distances that honest runs have shown."""

    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The largest distance from a known answer at which an honest execution may land."""

    distance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one verifier. answered: planted units. missed: those answered beyond the bound."""

    answered: int = 0
    missed: int = 0


def canary_rate_bps(policy: Policy) -> int:
    """Return the least rate q at which looking pays, rounded up: q * (bonus + slash) >= the price of looking."""
    incentive_bps = policy.canary_bonus_bps + policy.canary_slash_bps
    return min(BPS, -(-BPS * BPS // incentive_bps)) if incentive_bps > 0 else BPS


def seed_commitment(seed: bytes) -> bytes:
    """Return what the operator publishes before the first unit is given out, so that nothing is planted afterwards."""
    return hashlib.sha256(TAG + b" seed" + seed).digest()


def is_planted(seed: bytes, unit: int, rate_bps: int) -> bool:
    """Return whether a unit is planted. To who does not know the seed, one index is as likely as the next."""
    number = int.from_bytes(hashlib.sha256(TAG + hashlib.sha256(seed).digest() + unit.to_bytes(8, "big")).digest())
    return number % BPS < rate_bps


def planted_units(seed: bytes, units: int, rate_bps: int) -> tuple[int, ...]:
    """Return the planted ones of a job's units, in order."""
    return tuple(unit for unit in range(units) if is_planted(seed, unit, rate_bps))


def calibrate(honest_distances: Sequence[int], policy: Policy) -> Bound:
    """Return the bound that honest runs on the admitted machines suggest: their worst, widened by the policy's margin
    and never narrowed by it. Raises NothingCalibrated."""
    if not honest_distances:
        raise NothingCalibrated(runs=0)
    worst = max(honest_distances)
    return Bound(distance=max(worst, -(-worst * policy.canary_margin_bps // BPS)))


def is_telling(claim_distance: int, bound: Bound) -> bool:
    """Return whether a planted claim tells a copier from an honest verifier. A copier reports the claim; an honest one
    lands within the bound, so only a claim beyond the bound tells."""
    return claim_distance > bound.distance


def after_answer(evidence: Evidence, distance: int, bound: Bound) -> Evidence:
    """Return the evidence with one more answer. distance: of what the verifier measured from the known answer."""
    missed = evidence.missed + (distance > bound.distance)
    return replace(evidence, answered=evidence.answered + 1, missed=missed)


def finding(evidence: Evidence, policy: Policy) -> Finding:
    """Return what the evidence says: withheld only for misses that are both many and more than a stray share."""
    if evidence.missed == 0:
        return Finding.CLEAR
    enough = evidence.missed >= policy.canary_misses
    common = evidence.missed * BPS >= policy.canary_miss_share_bps * evidence.answered
    return Finding.WITHHELD if enough and common else Finding.WATCHED
