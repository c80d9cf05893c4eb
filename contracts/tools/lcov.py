"""Reads forge's coverage report and says what share of each file is reached.

Every line and branch that the report names counts, none is excused: what cannot be reached lowers the figure. Decides
nothing about which share is enough.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class File:
    path: str
    lines: dict[int, int] = field(default_factory=dict)  # hits by line
    branches: dict[tuple[int, str, str], int] = field(default_factory=dict)  # hits by line, block and branch

    def missed_lines(self) -> list[int]:
        return sorted(line for line, hits in self.lines.items() if hits == 0)

    def missed_branches(self) -> list[int]:
        return sorted(line for (line, _, _), hits in self.branches.items() if hits == 0)


def read(report: str) -> list[File]:
    """Return the files of a report in LCOV's form; one that is named twice is one file with the hits of both."""
    files: dict[str, File] = {}
    for record in report.split("end_of_record"):
        named = re.search(r"^SF:(.+)$", record, re.MULTILINE)
        if named is None:
            continue
        file = files.setdefault(named[1], File(named[1]))
        for line, hits in re.findall(r"^DA:(\d+),(\d+)", record, re.MULTILINE):
            file.lines[int(line)] = file.lines.get(int(line), 0) + int(hits)
        for line, block, branch, hits in re.findall(r"^BRDA:(\d+),(\d+),(\d+),(\d+|-)$", record, re.MULTILINE):
            key = (int(line), block, branch)
            file.branches[key] = file.branches.get(key, 0) + (0 if hits == "-" else int(hits))
    return sorted(files.values(), key=lambda file: file.path)


def summarise(files: Iterable[File]) -> dict[str, Any]:
    """Return the shares of all files together in percent, rounded down, and each file's places that no test reaches."""
    files = list(files)
    return {
        "coverage_lines": _percent([hits for file in files for hits in file.lines.values()]),
        "coverage_branches": _percent([hits for file in files for hits in file.branches.values()]),
        "files": {
            file.path: {
                "lines": _percent(file.lines.values()),
                "branches": _percent(file.branches.values()),
                "missed_lines": file.missed_lines(),
                "missed_branches": file.missed_branches(),
            }
            for file in files
        },
    }


def table(files: Iterable[File], room: Path) -> Iterator[str]:
    """Yield a line per file, and under it the text of each place that no test reaches."""
    for file in files:
        lines, branches = len(file.lines), len(file.branches)
        reached_lines, reached_branches = lines - len(file.missed_lines()), branches - len(file.missed_branches())
        yield f"{file.path:32} lines {reached_lines:4} of {lines:4}   branches {reached_branches:3} of {branches:3}"
        text = (room / file.path).read_text().splitlines()
        for kind, missed in (("line", file.missed_lines()), ("branch", file.missed_branches())):
            for line in missed:
                yield f"    {kind:6} {line:4}: {text[line - 1].strip()}"


def _percent(hits: Iterable[int]) -> float:
    counted = list(hits)
    return 10_000 * sum(1 for hit in counted if hit > 0) // len(counted) / 100 if counted else 100.0
