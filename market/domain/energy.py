"""Can this joule figure be true? A label is bounded, never paid for.

A machine cannot draw more than its power envelope for the time the work took; a figure above that is refused with the
bound. Watts are integers, energy millijoules, time milliseconds.
"""

from dataclasses import dataclass

from market.protocol.errors import CommonwattError


@dataclass(frozen=True, slots=True, kw_only=True)
class JoulesImplausible(CommonwattError):
    """The receipt claims more energy than its machine can draw in that time."""

    claimed_millijoules: int
    bound_millijoules: int


def bound_millijoules_up(*, envelope_watts: int, milliseconds: int) -> int:
    """Return the most energy a machine can have drawn: 1 W for 1 ms is 1 mJ, and a started millisecond counts."""
    return envelope_watts * max(milliseconds, 1)


def check_millijoules(claimed_millijoules: int, *, envelope_watts: int, milliseconds: int) -> None:
    """Raise JoulesImplausible when the claim exceeds the bound."""
    bound = bound_millijoules_up(envelope_watts=envelope_watts, milliseconds=milliseconds)
    if claimed_millijoules > bound:
        raise JoulesImplausible(claimed_millijoules=claimed_millijoules, bound_millijoules=bound)
