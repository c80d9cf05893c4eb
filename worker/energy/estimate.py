"""The meter of a machine that has none: power envelope times the share of it that was busy.

Decides the envelope of a CPU from its name, in watts per core: coarse on purpose, and overruled by the operator's own
figure. The estimate is labelled ESTIMATE wherever it goes.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from market.protocol.words import EnergySource
from worker.energy.meter import Reading, Usage, capped

# Sustained package power by cores, from the data sheets of recent parts; the first word found in the name wins.
_WATTS_PER_CORE: Final = (
    ("epyc", 4.5), ("xeon", 6.0), ("threadripper", 6.0), ("ryzen", 9.0), ("core(tm)", 10.0), ("graviton", 2.5),
    ("neoverse", 2.5), ("ampere", 2.5), ("apple", 4.0), ("atom", 2.5), ("celeron", 3.0),
)  # fmt: skip
_UNKNOWN_WATTS_PER_CORE: Final = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateMeter:
    """envelope_watts: what the whole machine draws when all `cores` are busy."""

    envelope_watts: int
    cores: int
    source: EnergySource = EnergySource.ESTIMATE

    def begin(self) -> tuple[int, ...]:
        return ()

    def end(self, begun: tuple[int, ...], usage: Usage) -> Reading:
        assert begun == ()
        drawn = self.envelope_watts * usage.cpu_seconds / self.cores * 1000
        return capped(drawn, envelope_watts=self.envelope_watts, seconds=usage.seconds, source=self.source)


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name as the kernel knows it, or "unknown"."""
    if not cpuinfo.exists():
        return "unknown"
    lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == "model name"), "unknown")


def envelope_watts_of(name: str, cores: int) -> int:
    """Return the power envelope of a CPU by name and cores."""
    per_core = next((watts for word, watts in _WATTS_PER_CORE if word in name.lower()), _UNKNOWN_WATTS_PER_CORE)
    return math.ceil(per_core * cores)


def core_count() -> int:
    return os.cpu_count() or 1
