"""Who is owed what when a job ends? The twin of `Jobs.settle` and `Jobs.expire` in integers.

Decides pay, refund and unlocked bonds from the record and what was voided. All pay plus the refund is the budget to
the last unit; the contract does the same arithmetic, and an integration test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from market.protocol.jobs import JobRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Voided:
    """What verdicts took from one match: units off the bill, and the part of its bond that was slashed."""

    units: int
    slashed_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """pay_wei and unlocked_wei: by match index."""

    pay_wei: tuple[int, ...]
    unlocked_wei: tuple[int, ...]
    refund_wei: int

    @property
    def paid_wei(self) -> int:
        return sum(self.pay_wei)


def settle(job: JobRecord, voided: Mapping[int, Voided]) -> Settlement:
    """Return the settlement of a job. Pay is price times verified units and audits; a void takes one unit, never more
    than were committed."""
    nothing = Voided(units=0, slashed_wei=0)
    pay_wei, unlocked_wei = [], []
    for index, entry in enumerate(job.matches):
        lost = voided.get(index, nothing)
        pay_wei.append((max(entry.units - lost.units, 0) + entry.audits) * entry.unit_price_wei)
        unlocked_wei.append(entry.bond_wei - lost.slashed_wei)
    refund_wei = job.bid.budget_wei - sum(pay_wei)
    assert refund_wei >= 0, "commits are bounded by units and maxAudits at prices bounded by maxUnitPriceWei"
    return Settlement(pay_wei=tuple(pay_wei), unlocked_wei=tuple(unlocked_wei), refund_wei=refund_wei)
