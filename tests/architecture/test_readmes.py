"""Each room says on one page what it decides, what it may import, and what must never break."""

import re
from enum import StrEnum

import pytest

from market.protocol.words import ChallengeStatus, JobStatus, UnitStatus, Verdict
from tests.architecture.tree import ROOT

ROOMS = sorted(
    [
        path.parent.relative_to(ROOT).as_posix()
        for top in ("market", "worker")
        for path in ROOT.glob(f"{top}/*/__init__.py")
    ]
    + ["contracts", "migrations"]
)
PAGE_LINES = 60


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_a_page_about_itself(room: str) -> None:
    lines = (ROOT / room / "README.md").read_text().splitlines()

    assert lines[0].startswith("# ")
    assert 3 < len(lines) <= PAGE_LINES


def test_the_map_in_the_readme_shows_every_room_and_no_other() -> None:
    text = (ROOT / "README.md").read_text()
    plan = text[text.index("```\ncontracts/") :].split("```")[1]
    shown, top = set(), ""
    for indent, name in re.findall(r"^( *)(\w+)/", plan, re.MULTILINE):
        top = top if indent else name
        shown.add(f"{top}/{name}" if indent else name)

    assert shown == {*ROOMS, "market", "worker", "tests"}


@pytest.mark.parametrize(
    ("row", "words"),
    [("Job", [JobStatus]), ("Work unit", [UnitStatus]), ("Challenge", [ChallengeStatus, Verdict])],
)
def test_the_readme_names_the_states_as_the_code_does(row: str, words: list[type[StrEnum]]) -> None:
    states = (ROOT / "README.md").read_text().partition("| state of |")[2]
    line = next(line for line in states.splitlines() if line.startswith(f"| {row} |"))

    assert set(re.findall(r"[A-Z]{4,}", line)) == {member for word in words for member in word} - {"NONE"}
