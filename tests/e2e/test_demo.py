"""The demo, as a person runs it: real processes, a real chain, real training.

With a cheat that a committee judges, with one that the chain itself judges, and (`make test-deep`) with none.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SECONDS = 240


def run_demo(home: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    """Run `commonwatt demo --json` and return its exit code, its one JSON object, and stderr."""
    command = [sys.executable, "-m", "market.main", "demo", "--json", "--home", str(home), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.stdout.count("\n") <= 1, "stdout holds one JSON object and nothing else"
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


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


@pytest.mark.timeout(SECONDS + 10)
def test_the_chain_itself_convicts_a_cheat_by_one_word(tmp_path: Path) -> None:
    code, found, errors = run_demo(tmp_path / "demo", "--exact")
    assert code == 0, (found, errors)
    assert found["execution_class"] == "EXACT"
    assert (found["workers_slashed"], found["dispute"]["challenges"]) == (1, 1)
    assert found["conservation_ok"] is True
    assert found["dispute"]["transactions"] > 10, "the game went down to a word; nobody won it by silence"
    logs = "".join(path.read_text() for path in (tmp_path / "demo" / "logs").glob("*.log"))
    assert '"move": "JudgePiece"' in logs


@pytest.mark.deep
@pytest.mark.timeout(SECONDS + 10)
def test_without_a_cheat_nobody_is_slashed(tmp_path: Path) -> None:
    code, found, errors = run_demo(tmp_path / "demo", "--honest")
    assert code == 0, (found, errors)
    assert (found["workers_slashed"], found["units_total"]) == (0, 17)
    assert found["conservation_ok"] is True
