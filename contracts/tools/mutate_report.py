"""Decides what is kept of a mutation run and when it is good enough. Explanations are a person's and are never lost in
silence: one is dropped only when the statement it speaks of is gone, or when its mutant was killed.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutate_operators import Mutant

ENOUGH = 0.90


@dataclass(frozen=True)
class Result:
    """One mutant's end: killed, survived or stillborn; by which test, or why."""

    mutant: Mutant
    verdict: str
    by: str


def load(path: Path) -> dict[str, Any]:
    """Return the report of earlier runs, or an empty one."""
    return dict(json.loads(path.read_text())) if path.is_file() else {"files": {}}


def render(report: Mapping[str, Any]) -> str:
    """Return the report as it is kept."""
    return json.dumps(report, indent=1) + "\n"


def merged(
    earlier: Mapping[str, Any], sources: Mapping[str, str], mutants: Sequence[Mutant], results: Sequence[Result],
    drawn: Sequence[int] | None,
) -> dict[str, Any]:  # fmt: skip
    """Return the earlier report with the sections of these sources replaced; `drawn` is a sample's size and seed."""
    sections = dict(earlier["files"])
    for file, text in sources.items():
        mine = [result for result in results if result.mutant.file == file]
        known = {mutant.id for mutant in mutants if mutant.file == file}
        kept = {one: words for one, words in _explanations(sections.get(file, {})).items() if one in known}
        sections[file] = _section(text, len(known), mine, kept) | {"sample": drawn}
    totals = {word: sum(section[word] for section in sections.values()) for word in ("mutants", "killed", "survived")}
    return {"totals": totals | {"score": _score(totals)}, "files": dict(sorted(sections.items()))}


def _section(text: str, generated: int, results: Sequence[Result], kept: Mapping[str, str]) -> dict[str, Any]:
    counts = Counter(result.verdict for result in results)
    by_operator: dict[str, list[int]] = {}
    for result in results:
        if result.verdict != "stillborn":
            tally = by_operator.setdefault(result.mutant.operator, [0, 0])
            tally[0] += result.verdict == "killed"
            tally[1] += 1
    stages = Counter(result.by.split("/")[0] for result in results if result.verdict == "killed")
    tried = {result.mutant.id for result in results}
    return {
        "source": hashlib.sha256(text.encode()).hexdigest(),
        "generated": generated,
        "stillborn": counts["stillborn"],
        "mutants": counts["killed"] + counts["survived"],
        "killed": counts["killed"],
        "survived": counts["survived"],
        "killedOfMutantsByOperator": dict(sorted(by_operator.items())),
        "killedByStage": dict(sorted(stages.items())),
        "survivors": [_survivor(result.mutant, kept) for result in _by_place(results) if result.verdict == "survived"],
        "untriedExplanations": {one: words for one, words in kept.items() if one not in tried},
    }


def _by_place(results: Iterable[Result]) -> list[Result]:
    return sorted(results, key=lambda result: (result.mutant.start, result.mutant.end, result.mutant.mutated))


def _survivor(mutant: Mutant, kept: Mapping[str, str]) -> dict[str, str]:
    return {
        "id": mutant.id,
        "operator": mutant.operator,
        "statement": mutant.statement[:200],
        "original": " ".join(mutant.original.split()),
        "mutated": " ".join(mutant.mutated.split()),
        "explanation": kept.get(mutant.id, ""),
    }


def _explanations(section: Mapping[str, Any]) -> dict[str, str]:
    written = {survivor["id"]: survivor["explanation"] for survivor in section.get("survivors", [])}
    return {one: words for one, words in (section.get("untriedExplanations", {}) | written).items() if words}


def _score(totals: Mapping[str, int]) -> float:
    return round(totals["killed"] / totals["mutants"], 4) if totals["mutants"] else 0.0


def shortfalls(report: Mapping[str, Any], files: Sequence[str]) -> list[str]:
    """Return what keeps a run over these files from being good enough, a line each."""
    sections = {file: report["files"][file] for file in files}
    totals = {word: sum(section[word] for section in sections.values()) for word in ("mutants", "killed", "survived")}
    lines = [
        f"{file}: {survivor['id']} survived unexplained: {survivor['original']} -> {survivor['mutated'] or 'nothing'}"
        f" in {survivor['statement']}"
        for file, section in sections.items()
        for survivor in section["survivors"]
        if not survivor["explanation"].strip()
    ]
    if totals["killed"] < ENOUGH * totals["mutants"] or not totals["mutants"]:
        lines.append(f"{totals['killed']} of {totals['mutants']} killed; {ENOUGH:.0%} is the least")
    return lines
