"""The CPU package's own energy counter (RAPL), as Linux shows it under /sys/class/powercap.

Decides how counters that wrap are read and how a package shared with other work is split: by busy CPU time. Readable by
root alone on most machines; a worker that cannot read it says so and estimates.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from market.protocol.words import EnergySource
from worker.energy.meter import Reading, Usage, capped

POWERCAP: Final = Path("/sys/class/powercap")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One package's counter: microjoules, wrapping after `range_microjoules`."""

    counter: Path
    range_microjoules: int

    def read(self) -> int:
        return int(self.counter.read_text())


def packages(powercap: Path = POWERCAP) -> tuple[Package, ...]:
    """Return the packages (not their sub-domains, which they include); raises OSError when a counter is unreadable."""
    folders = sorted(path for path in powercap.glob("*-rapl:*") if path.name.count(":") == 1)
    found = tuple(
        Package(counter=folder / "energy_uj", range_microjoules=int((folder / "max_energy_range_uj").read_text()))
        for folder in folders
        if (folder / "name").read_text().startswith("package")
    )
    for package in found:
        package.read()
    return found


def busy_jiffies(stat: Path = Path("/proc/stat")) -> int:
    """Return how long all cores together have been busy since the machine started."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, stat.read_text().split("\n", 1)[0].split()[1:])
    return user + nice + system + irq + softirq


@dataclass(frozen=True, slots=True, kw_only=True)
class RaplMeter:
    """Begin and end carry one counter per package, then the busy time."""

    packages: tuple[Package, ...]
    envelope_watts: int
    stat: Path = Path("/proc/stat")
    source: EnergySource = EnergySource.RAPL

    def begin(self) -> tuple[int, ...]:
        return (*(package.read() for package in self.packages), busy_jiffies(self.stat))

    def end(self, begun: tuple[int, ...], usage: Usage) -> Reading:
        *now, busy_now = self.begin()
        *then, busy_then = begun
        drawn = sum(
            (after - before) % (package.range_microjoules + 1)
            for package, before, after in zip(self.packages, then, now, strict=True)
        )
        busy_seconds = (busy_now - busy_then) / os.sysconf("SC_CLK_TCK")
        share = min(1.0, usage.cpu_seconds / busy_seconds) if busy_seconds > 0 else 1.0
        return capped(
            drawn / 1000 * share, envelope_watts=self.envelope_watts, seconds=usage.seconds, source=self.source
        )
