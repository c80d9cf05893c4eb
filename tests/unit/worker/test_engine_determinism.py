"""A fingerprint says which machines may be compared, and changes with everything known to change bits."""

import platform
from pathlib import Path

import pytest
import torch

from worker.engine import determinism
from worker.engine.determinism import facts, fingerprint, pinned


def test_a_fingerprint_is_32_bytes_and_stays() -> None:
    assert len(fingerprint()) == 32
    assert fingerprint() == fingerprint()


def test_threads_change_the_fingerprint() -> None:
    assert fingerprint(threads=1) != fingerprint(threads=2)


@pytest.mark.parametrize("switch", ["ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_CBWR"])
def test_an_instruction_set_cap_changes_the_fingerprint(switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint()

    monkeypatch.setenv(switch, "AVX2")

    assert fingerprint() != before


def test_another_torch_build_changes_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint()

    monkeypatch.setattr(torch.version, "git_version", "0" * 40)

    assert fingerprint() != before


def test_another_processor_changes_the_fingerprint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("model name\t: Somebody's CPU\nflags\t\t: fpu\n\nmodel name : second core\n")
    before, other = fingerprint(), determinism.processor(tmp_path / "cpuinfo")

    monkeypatch.setattr(determinism, "processor", lambda: other)

    assert other == {"model name": "Somebody's CPU", "flags": "fpu"}
    assert fingerprint() != before


def test_a_machine_without_cpuinfo_still_has_a_processor(tmp_path: Path) -> None:
    assert determinism.processor(tmp_path / "none") == {"model name": platform.processor()}


def test_facts_hold_no_floats_and_no_secrets() -> None:
    assert set(facts()["switches"]) <= set(determinism.SWITCHES)


def test_pinned_puts_everything_back() -> None:
    before = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
    with pinned():
        assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == (1, True)

    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_pinned_keeps_denormals() -> None:
    torch.set_flush_denormal(True)
    try:
        with pinned():
            assert (torch.tensor([1e-40]) * torch.tensor([0.5])).item() != 0
    finally:
        torch.set_flush_denormal(False)
