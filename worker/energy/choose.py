"""Which meter does this machine have for the device that does the work? Asked once, at start, and the reason is kept.

A GPU's counter says nothing about work on the CPU, so the device decides first: NVML for cuda; for the CPU its package
counter, else an estimate.
"""

from dataclasses import dataclass
from pathlib import Path

import pynvml

from worker.energy import nvml, rapl
from worker.energy.estimate import EstimateMeter, core_count, cpu_name, envelope_watts_of
from worker.energy.meter import Meter


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A meter, and why it is this one."""

    meter: Meter
    reason: str


def choose(*, device: str, envelope_watts: int | None = None, powercap: Path = rapl.POWERCAP) -> Choice:
    """Return the best meter for the device ("cpu" or "cuda"). envelope_watts: the operator's own figure, if any."""
    if device == "cuda":
        try:
            return Choice(meter=nvml.open_meter(), reason="the GPU's own energy counter")
        except pynvml.NVMLError as error:
            return _on_cpu(envelope_watts, powercap, f"no NVML counter ({error}); ")
    return _on_cpu(envelope_watts, powercap, "")


def _on_cpu(envelope_watts: int | None, powercap: Path, before: str) -> Choice:
    cores, name = core_count(), cpu_name()
    watts = envelope_watts or envelope_watts_of(name, cores)
    try:
        packages = rapl.packages(powercap)
        missing = "no RAPL counter on this machine"
    except OSError as error:
        packages, missing = (), f"the RAPL counter cannot be read ({error.strerror})"
    if packages:
        meter = rapl.RaplMeter(packages=packages, envelope_watts=watts)
        return Choice(meter=meter, reason=f"{before}the CPU package's own energy counter")
    whose = "as told" if envelope_watts else f"from the name {name!r}"
    reason = f"{before}{missing}; estimated from an envelope of {watts} W, {whose}"
    return Choice(meter=EstimateMeter(envelope_watts=watts, cores=cores), reason=reason)
