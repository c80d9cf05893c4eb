"""The demo, as a person runs it: real processes, a real chain, real training; once with the cheat, once without."""

from pathlib import Path

import pytest

from tests.e2e.running import SECONDS, run_demo


@pytest.mark.timeout(SECONDS + 10)
def test_the_demo_catches_the_cheat_and_everything_holds(tmp_path: Path) -> None:
    code, found, errors = run_demo(tmp_path / "demo")
    assert code == 0, (found, errors)
    assert found["val_loss_end"] <= 0.6 * found["val_loss_start"]
    assert found["workers_slashed"] == 1
    assert found["units_reassigned"] >= 1
    assert found["buyer_paid"] == found["providers_earned"]
    assert int(found["buyer_paid"]) > 0
    assert found["conservation_ok"] is True
    assert found["joules"] > 0
    assert found["joules_source"] in {"NVML", "RAPL", "ESTIMATE"}
    assert found["receipts_verified"] >= found["units_total"] == 17
    assert all(found["gas"][step] > 21_000 for step in ("open", "commit", "settle", "claim"))
    assert set(found) == {
        "val_loss_start", "val_loss_end", "units_total", "units_reassigned", "workers_slashed", "buyer_paid",
        "providers_earned", "conservation_ok", "joules", "joules_source", "gas", "receipts_verified", "seconds",
        "execution_class", "dispute",
    }  # fmt: skip


@pytest.mark.deep
@pytest.mark.timeout(SECONDS + 10)
def test_without_a_cheat_nobody_is_slashed(tmp_path: Path) -> None:
    code, found, errors = run_demo(tmp_path / "demo", "--honest")
    assert code == 0, (found, errors)
    assert (found["workers_slashed"], found["units_total"]) == (0, 17)
    assert found["conservation_ok"] is True
