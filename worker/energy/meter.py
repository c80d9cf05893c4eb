"""What a meter is, and the bound that every figure keeps.

Decides how a reading is capped: a machine cannot draw more than its power envelope for the time that passed. Energy in
millijoules (1 W for 1 ms), power in watts, time in seconds. Reads no clock: the caller says how long it took.
"""

from dataclasses import dataclass
from typing import Protocol

from market.protocol.words import EnergySource


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one unit drew, and where the figure came from."""

    millijoules: int
    source: EnergySource


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What is known about the time between begin and end."""

    seconds: float
    cpu_seconds: float


class Meter(Protocol):
    """A meter: `begin` before the work, `end` after it with what `begin` returned."""

    @property
    def source(self) -> EnergySource: ...

    @property
    def envelope_watts(self) -> int: ...

    def begin(self) -> tuple[int, ...]:
        """Return the counters as they stand."""

    def end(self, begun: tuple[int, ...], usage: Usage) -> Reading:
        """Return what was drawn since, at most envelope times time."""


def capped(millijoules: float, *, envelope_watts: int, seconds: float, source: EnergySource) -> Reading:
    """Return the figure, or the bound where the figure is above it; never negative."""
    bound = envelope_watts * seconds * 1000
    return Reading(millijoules=int(max(0.0, min(millijoules, bound))), source=source)
