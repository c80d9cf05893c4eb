"""Who is owed what when a job is paid, in part or at its end? The twin of `Jobs._pay` and `Jobs._close` in integers.

Decides pay, refund and freed bonds from the record and what was voided. All pay plus the refund is the budget to the
last unit; the contract does the same arithmetic, and the projection compares the two at every event.
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
    """pay_wei: what each match earns now. freed_wei: what is left of its bond, idle for the provider's next match.

    before_wei: what earlier payments have taken out of the budget.
    """

    pay_wei: tuple[int, ...]
    freed_wei: tuple[int, ...]
    before_wei: int
    refund_wei: int

    @property
    def paid_wei(self) -> int:
        return sum(self.pay_wei)


NOTHING_VOIDED = Voided(units=0, slashed_wei=0)


def pay(job: JobRecord, voided: Mapping[int, Voided]) -> tuple[int, ...]:
    """Return what each match earns if the job is paid now: whatever stands and was not paid before, at its price."""
    return tuple(
        (entry.units - units_voided(voided, index) - entry.paid_units + entry.audits - entry.paid_audits)
        * entry.unit_price_wei
        for index, entry in enumerate(job.matches)
    )


def settle(job: JobRecord, voided: Mapping[int, Voided]) -> Settlement:
    """Return what the job's end pays, frees and gives back."""
    pay_wei = pay(job, voided)
    refund_wei = job.budget_wei - job.paid_wei - sum(pay_wei)
    assert refund_wei >= 0, "commits are bounded by units and maxAudits at prices bounded by maxUnitPriceWei"
    bond_wei = job.bid.bond_wei
    return Settlement(
        pay_wei=pay_wei,
        freed_wei=tuple(
            bond_wei - voided.get(index, NOTHING_VOIDED).slashed_wei if bond_wei else 0
            for index in range(len(job.matches))
        ),
        before_wei=job.paid_wei,
        refund_wei=refund_wei,
    )


def units_voided(voided: Mapping[int, Voided], index: int) -> int:
    """Return how many of a match's units verdicts have voided."""
    return voided.get(index, NOTHING_VOIDED).units


def units_by_match(voided: Mapping[int, Voided]) -> dict[int, int]:
    """Return the voided units of each match that has any, as the job's record wants them."""
    return {index: lost.units for index, lost in voided.items()}
