"""Careers of cheating workers, drawn with the market's own functions: who is audited, by whom, and what that tells.

Decides what a career is: a trusted worker with some bond hands in units, false from some point on, until an audit tells
or the work is paid. A share of the auditors is in league with it and says EQUAL whatever they are shown. Money is
counted in unit prices.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from market.domain.policy import Policy
from market.domain.verification import (
    BPS,
    Auditor,
    Exposure,
    Judgement,
    audit_rate_bps,
    is_drawn,
    judge,
    pick_auditor,
)

PRICE_WEI: Final = 10**15
TRUSTED: Final = 10_000  # a streak that no draw thinks twice about
AUDITORS: Final = 30
TRUE, FALSE = b"\x01" * 32, b"\x02" * 32


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a worker is about to do. stake: its bond in unit prices. units: unverified at once, all false.
    gain: what one false unit brings, in unit prices: 1 for laziness, which keeps the pay and saves the work."""

    stake: int
    units: int
    gain: float = 1.0
    collusion_bps: int | None = None

    def exposure(self) -> Exposure:
        return Exposure(stake_wei=self.stake * PRICE_WEI, unit_price_wei=PRICE_WEI, units=self.units)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    caught: bool
    value: float


def auditors(policy: Policy, collusion_bps: int | None = None) -> tuple[tuple[Auditor, ...], frozenset[str]]:
    """Return who may audit, and which of them are in league with whom they audit: the policy's share, rounded up."""
    share = policy.collusion_bps if collusion_bps is None else collusion_bps
    names = [f"0x{at:040x}" for at in range(1, AUDITORS + 1)]
    colluding = frozenset(names[: -(-AUDITORS * share // BPS)])
    return tuple(Auditor(worker=name, provider=name) for name in names), colluding


def live(plan: Plan, policy: Policy, seed: int) -> Outcome:
    """Return how one career ends: the first audit that tells takes the bond and all pay that is not yet verified."""
    rate = audit_rate_bps(TRUSTED, plan.exposure(), policy)
    pool, colluding = auditors(policy, plan.collusion_bps)
    for unit in range(plan.units):
        if told(seed, unit, rate, pool, colluding):
            return Outcome(caught=True, value=-float(plan.stake))
    return Outcome(caught=False, value=plan.gain * plan.units)


def expected_value(plan: Plan, policy: Policy) -> float:
    """Return what a career is worth, computed: simulated careers scatter around it."""
    pool, colluding = auditors(policy, plan.collusion_bps)
    rate = audit_rate_bps(TRUSTED, plan.exposure(), policy) / BPS
    escapes = (1 - rate * (1 - len(colluding) / len(pool))) ** plan.units
    return escapes * plan.gain * plan.units - (1 - escapes) * plan.stake


def told(seed: int, unit: int, rate: int, pool: Sequence[Auditor], colluding: frozenset[str]) -> bool:
    """Return whether a false unit is drawn, and its auditor says what it finds."""
    beacon = hashlib.sha256(b"beacon %d" % seed).digest()
    receipt = hashlib.sha256(b"receipt %d %d" % (seed, unit)).digest()
    if not is_drawn(beacon, receipt, rate):
        return False
    auditor = pick_auditor(beacon, receipt, pool, provider="0xcheat", tried=())
    assert auditor is not None
    return reported(auditor, colluding, claimed=FALSE) is Judgement.DIFFERENT


def reported(auditor: Auditor, colluding: frozenset[str], *, claimed: bytes) -> Judgement:
    """Return what an auditor's own trace says of a claim; one in league hands in the claim itself."""
    return judge(claimed, claimed if auditor.worker in colluding else TRUE)


def mean_value(plan: Plan, policy: Policy, careers: int, seed: int = 0) -> tuple[float, float]:
    """Return what a career is worth on average, and which share of them is caught."""
    first = Random(seed).randrange(1 << 40)
    outcomes = [live(plan, policy, first + at) for at in range(careers)]
    return sum(o.value for o in outcomes) / careers, sum(o.caught for o in outcomes) / careers
