"""What is a worker's record worth? A streak of verified units, lost at the first voided one.

A streak buys fewer audits and more units in flight; it is bound to the worker's key and to its provider's bond.
"""

from dataclasses import dataclass, replace

from market.domain.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """streak: verified units since the last voided one."""

    streak: int = 0
    units_verified: int = 0
    units_voided: int = 0


def after_verified(record: Record) -> Record:
    return replace(record, streak=record.streak + 1, units_verified=record.units_verified + 1)


def after_voided(record: Record) -> Record:
    return replace(record, streak=0, units_voided=record.units_voided + 1)


def units_in_flight_allowed(record: Record, policy: Policy) -> int:
    """Return how many unverified units a worker may have at once, so that one bond never answers for many frauds."""
    return policy.unproven_units + record.streak
