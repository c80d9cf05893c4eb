"""Decides what a planted bug's patch says and whether it still fits the sources. A patch opens with three lines:

    Bug: one sentence, what it breaks and for whom
    Theft: yes or no; a theft must be caught by an invariant
    Falls: the tests and invariants that must fail, commas between

and goes on as a unified diff of files under contracts/src. It fits only when every line it shows stands in the source,
letter for letter, in one place alone: line numbers may be old, nothing else may. Never guesses, never writes a file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

ROOT = "contracts/"
HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@.*")


class BadPatch(Exception):
    """The patch is not what a patch must be, or no longer fits."""


@dataclass(frozen=True)
class Hunk:
    """Lines that stand in a file, and the lines that come in their place."""

    file: str
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True)
class Patch:
    """One planted bug."""

    name: str
    bug: str
    is_theft: bool
    falls: tuple[str, ...]
    hunks: tuple[Hunk, ...]

    def applied(self, sources: Mapping[str, str]) -> dict[str, str]:
        """Return the files that the patch changes, changed."""
        changed: dict[str, str] = {}
        for hunk in self.hunks:
            if hunk.file not in sources:
                raise BadPatch(f"{self.name}: there is no {hunk.file}")
            text = changed.get(hunk.file, sources[hunk.file])
            changed[hunk.file] = _replaced(self.name, hunk, text)
        return changed


def parse(name: str, text: str) -> Patch:
    """Return the patch that a file holds."""
    lines = text.splitlines()
    start = next((place for place, line in enumerate(lines) if line.startswith("--- ")), None)
    if start is None:
        raise BadPatch(f"{name}: no diff in it")
    head = dict(line.split(": ", 1) for line in lines[:start] if ": " in line)
    missing = [word for word in ("Bug", "Theft", "Falls") if not head.get(word, "").strip()]
    if missing or head["Theft"] not in {"yes", "no"}:
        raise BadPatch(f"{name}: its first lines must say Bug, Theft (yes or no) and Falls")
    falls = tuple(word.strip() for word in head["Falls"].split(","))
    return Patch(name, head["Bug"], head["Theft"] == "yes", falls, _hunks(name, lines[start:]))


def _hunks(name: str, lines: list[str]) -> tuple[Hunk, ...]:
    found: list[Hunk] = []
    file, place = "", 0
    while place < len(lines):
        line = lines[place]
        place += 1
        if line.startswith("--- "):
            file = _file(name, line, lines[place] if place < len(lines) else "")
            place += 1
        elif (head := HUNK.fullmatch(line)) and file:
            counts = int(head[1] or 1), int(head[2] or 1)
            hunk, place = _hunk(name, file, lines, place, counts)
            found.append(hunk)
        else:
            raise BadPatch(f"{name}: not a line of a diff: {line!r}")
    return tuple(found)


def _file(name: str, old: str, new: str) -> str:
    path = old.removeprefix("--- a/")
    if new != f"+++ b/{path}" or not path.startswith(f"{ROOT}src/"):
        raise BadPatch(f"{name}: it must change a file of {ROOT}src in place, not {old!r} to {new!r}")
    return path.removeprefix(ROOT)


def _hunk(name: str, file: str, lines: list[str], place: int, counts: tuple[int, int]) -> tuple[Hunk, int]:
    old: list[str] = []
    new: list[str] = []
    while (len(old), len(new)) != counts:
        if place == len(lines) or lines[place][:1] not in {" ", "+", "-", ""}:
            raise BadPatch(f"{name}: a hunk of {file} is shorter than it says")
        sign, line = lines[place][:1] or " ", lines[place][1:]
        old += [line] if sign in " -" else []
        new += [line] if sign in " +" else []
        if len(old) > counts[0] or len(new) > counts[1]:
            raise BadPatch(f"{name}: a hunk of {file} is longer than it says")
        place += 1
    return Hunk(file, tuple(old), tuple(new)), place


def _replaced(name: str, hunk: Hunk, text: str) -> str:
    before = "\n" + "".join(f"{line}\n" for line in hunk.old)
    after = "\n" + "".join(f"{line}\n" for line in hunk.new)
    places = ("\n" + text).count(before)
    if places != 1:
        raise BadPatch(f"{name}: no longer fits {hunk.file}: the lines it shows stand there {places} times")
    return ("\n" + text).replace(before, after)[1:]
