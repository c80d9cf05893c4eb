"""The demo in the exact class: the cheat defends one false word, and the chain itself computes that it is false.

A file of its own, so that it runs beside the other demo and not after it.
"""

from pathlib import Path

import pytest

from tests.e2e.running import SECONDS, run_demo


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
