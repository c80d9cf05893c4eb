"""NVIDIA's total energy counter: millijoules since the driver was loaded, per device.

Decides nothing beyond summing the devices. The counter covers the whole board, other processes included.
"""

from dataclasses import dataclass
from typing import Any

import pynvml

from market.protocol.words import EnergySource
from worker.energy.meter import Reading, Usage, capped


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmlMeter:
    """handles: NVML device handles. envelope_watts: the boards' enforced power limits, summed."""

    handles: tuple[Any, ...]
    envelope_watts: int
    source: EnergySource = EnergySource.NVML

    def begin(self) -> tuple[int, ...]:
        return tuple(int(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) for handle in self.handles)

    def end(self, begun: tuple[int, ...], usage: Usage) -> Reading:
        drawn = sum(self.begin()) - sum(begun)
        return capped(drawn, envelope_watts=self.envelope_watts, seconds=usage.seconds, source=self.source)


def open_meter() -> NvmlMeter:
    """Return a meter over all devices; raises pynvml.NVMLError when there is no driver, device or counter."""
    pynvml.nvmlInit()
    handles = tuple(pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount()))
    milliwatts = sum(int(pynvml.nvmlDeviceGetEnforcedPowerLimit(handle)) for handle in handles)
    meter = NvmlMeter(handles=handles, envelope_watts=-(-milliwatts // 1000))
    meter.begin()
    return meter
