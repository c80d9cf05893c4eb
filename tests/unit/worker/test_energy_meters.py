"""Meters: arithmetic on counters, a fake sysfs tree, and the bound that no figure passes."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.protocol.words import EnergySource
from worker.energy import rapl
from worker.energy.choose import choose
from worker.energy.estimate import EstimateMeter, cpu_name, envelope_watts_of
from worker.energy.meter import Usage, capped
from worker.energy.rapl import RaplMeter

TICKS = os.sysconf("SC_CLK_TCK")


def powercap(root: Path, *, microjoules: int, range_microjoules: int = 1_000_000_000) -> Path:
    for name, label in (("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "core"), ("intel-rapl:1", "psys")):
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "name").write_text(label + "\n")
        (folder / "energy_uj").write_text(f"{microjoules}\n")
        (folder / "max_energy_range_uj").write_text(f"{range_microjoules}\n")
    return root


def busy(stat: Path, seconds: float) -> Path:
    stat.write_text(f"cpu  {int(seconds * TICKS)} 0 0 999999 5 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0\n")
    return stat


def test_an_estimate_is_the_envelope_times_the_busy_share_of_the_cores() -> None:
    meter = EstimateMeter(envelope_watts=40, cores=8)

    reading = meter.end(meter.begin(), Usage(seconds=10, cpu_seconds=10))

    assert (reading.millijoules, reading.source) == (50_000, EnergySource.ESTIMATE)


@given(millijoules=st.floats(-1e12, 1e12), envelope=st.integers(1, 10_000), seconds=st.floats(0, 1e6))
def test_no_figure_passes_the_envelope_times_the_time(millijoules: float, envelope: int, seconds: float) -> None:
    reading = capped(millijoules, envelope_watts=envelope, seconds=seconds, source=EnergySource.RAPL)

    assert 0 <= reading.millijoules <= envelope * seconds * 1000


def test_only_packages_are_counted_because_they_include_their_parts(tmp_path: Path) -> None:
    found = rapl.packages(powercap(tmp_path, microjoules=5))

    assert [package.counter.parent.name for package in found] == ["intel-rapl:0"]


def test_rapl_gives_the_counted_energy_to_the_only_busy_process(tmp_path: Path) -> None:
    root, stat = powercap(tmp_path / "powercap", microjoules=1_000_000), busy(tmp_path / "stat", 100)
    meter = RaplMeter(packages=rapl.packages(root), envelope_watts=100, stat=stat)
    begun = meter.begin()
    powercap(root, microjoules=31_000_000)
    busy(stat, 102)

    reading = meter.end(begun, Usage(seconds=2, cpu_seconds=2))

    assert (reading.millijoules, reading.source) == (30_000, EnergySource.RAPL)


def test_rapl_splits_the_package_by_busy_time(tmp_path: Path) -> None:
    root, stat = powercap(tmp_path / "powercap", microjoules=0), busy(tmp_path / "stat", 0)
    meter = RaplMeter(packages=rapl.packages(root), envelope_watts=100, stat=stat)
    begun = meter.begin()
    powercap(root, microjoules=40_000_000)
    busy(stat, 8)

    assert meter.end(begun, Usage(seconds=4, cpu_seconds=2)).millijoules == 10_000


def test_a_counter_that_wrapped_is_read_across_the_wrap(tmp_path: Path) -> None:
    root, stat = powercap(tmp_path / "powercap", microjoules=999_000_000), busy(tmp_path / "stat", 0)
    meter = RaplMeter(packages=rapl.packages(root), envelope_watts=100, stat=stat)
    begun = meter.begin()
    powercap(root, microjoules=3_999_999)
    busy(stat, 1)

    assert meter.end(begun, Usage(seconds=1, cpu_seconds=1)).millijoules == 5_000


def test_a_machine_with_a_readable_counter_gets_it(tmp_path: Path) -> None:
    choice = choose(device="cpu", powercap=powercap(tmp_path, microjoules=1))

    assert choice.meter.source is EnergySource.RAPL


def test_a_machine_without_a_counter_estimates_and_says_why(tmp_path: Path) -> None:
    choice = choose(device="cpu", envelope_watts=65, powercap=tmp_path)

    assert (choice.meter.source, choice.meter.envelope_watts) == (EnergySource.ESTIMATE, 65)
    assert choice.reason == "no RAPL counter on this machine; estimated from an envelope of 65 W, as told"


def test_a_counter_that_cannot_be_read_is_named_in_the_reason(tmp_path: Path) -> None:
    root = powercap(tmp_path, microjoules=1)
    (root / "intel-rapl:0" / "energy_uj").unlink()

    choice = choose(device="cpu", powercap=root)

    assert choice.meter.source is EnergySource.ESTIMATE
    assert choice.reason.startswith("the RAPL counter cannot be read (No such file or directory)")


@pytest.mark.parametrize(
    ("name", "cores", "watts"),
    [("AMD EPYC 9654 96-Core Processor", 192, 864), ("AMD Ryzen 9 7950X", 32, 288), ("something new", 4, 32)],
)
def test_the_envelope_follows_the_name_and_the_cores(name: str, cores: int, watts: int) -> None:
    assert envelope_watts_of(name, cores) == watts


def test_the_processors_name_is_read_from_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Fast One\n")

    assert cpu_name(tmp_path / "cpuinfo") == "Fast One"
    assert cpu_name(tmp_path / "absent") == "unknown"
