"""Plants bugs that a thief would like, one at a time, and asks whether the tests would have stopped them.

`python contracts/tools/plant.py` tries every patch of tests/contracts/planted (names choose some), `--fits` only
whether they still fit the sources. A bug is caught when each test it names falls; a theft must besides fall to an
invariant, which knows nothing of the bug. What fell is kept in contracts/audit/planted.json. Exits 1 when a bug is not
caught or a patch no longer fits, 2 when the tests fail with no bug at all. Never changes the room (mutate_bench).
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutate_bench import ROOM, Bench, DoesNotCompile, NotReady, Stage
from mutate_pool import Pool, pool
from plant_patch import BadPatch, Patch, parse

PLANTED = ROOM.parent / "tests" / "contracts" / "planted"
REPORT = ROOM / "audit" / "planted.json"
# Every failure counts, so nothing stops at the first; what a failing walk looks like at its shortest nobody reads here.
STAGES = tuple(
    Stage(folder, {"FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT": "0"}, fail_fast=False)
    for folder in ("invariant", "unit", "fuzz")
)
SECONDS = 300.0


@dataclass(frozen=True)
class Outcome:
    """What fell, and what is wrong with that."""

    patch: Patch
    fell: tuple[str, ...] = ()
    complaint: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="patches without .patch (default: all)")
    parser.add_argument("--fits", action="store_true", help="say only whether the patches fit; needs no forge")
    parser.add_argument("--jobs", type=int, default=1, choices=(1, 2), help="how many at a time")
    parser.add_argument("--work", type=Path, help="keep the scratch copies here, which saves the next run a minute")
    parser.add_argument("--report", type=Path, default=REPORT)
    options = parser.parse_args()
    patches, complaints = read(PLANTED, options.names)
    complaints += misfits(patches)
    if options.fits or complaints:
        print("\n".join(complaints) or f"all {len(patches)} patches fit")
        return 1 if complaints else 0
    try:
        with pool(options.work, options.jobs) as benches:
            outcomes = plant_all(patches, benches)
    except NotReady as reason:
        sys.stderr.write(f"{reason}\n")
        return 2
    keep(options.report, outcomes)
    return 1 if any(outcome.complaint for outcome in outcomes) else 0


def read(folder: Path, names: Sequence[str] = ()) -> tuple[list[Patch], list[str]]:
    """Return the patches that can be read, and what is wrong with the others."""
    paths = [folder / f"{name}.patch" for name in names] or sorted(folder.glob("*.patch"))
    patches, complaints = [], [] if paths else [f"no patch in {folder.name}"]
    for path in paths:
        try:
            patches.append(parse(path.stem, path.read_text()))
        except (BadPatch, FileNotFoundError) as refusal:
            complaints.append(str(refusal))
    return patches, complaints


def misfits(patches: Sequence[Patch], room: Path = ROOM) -> list[str]:
    """Return a line for each patch that no longer fits the sources."""
    sources = {path.relative_to(room).as_posix(): path.read_text() for path in (room / "src").rglob("*.sol")}
    lines = []
    for patch in patches:
        try:
            patch.applied(sources)
        except BadPatch as refusal:
            lines.append(str(refusal))
    return lines


def plant_all(patches: Sequence[Patch], benches: Pool) -> list[Outcome]:
    """Return what became of each, after seeing that all passes with none."""
    everything = {hunk.file for patch in patches for hunk in patch.hunks}
    benches.each(lambda bench: _check_sound(bench, everything))
    started, outcomes = time.monotonic(), []
    for outcome in benches.map(plant, patches):
        told = outcome.complaint or f"caught by {len(outcome.fell)}, {outcome.fell[0]} first"
        print(f"{time.monotonic() - started:6.0f} s  {outcome.patch.name}: {told}", flush=True)
        outcomes.append(outcome)
    return outcomes


def plant(bench: Bench, patch: Patch) -> Outcome:
    """Return what falls to one planted bug."""
    files = {hunk.file for hunk in patch.hunks}
    artifacts = bench.graph.touched(files)
    try:
        codes = bench.compile(patch.applied({file: bench.source(file) for file in files}), artifacts)
    except DoesNotCompile as refusal:
        return Outcome(patch, complaint=f"DOES NOT COMPILE: {refusal}")
    if codes == bench.sound(artifacts):
        return Outcome(patch, complaint="CHANGES NOTHING: the bytecode is the same")
    bench.put(codes)
    fell = _falling(bench, bench.graph.suites(artifacts))
    return Outcome(patch, fell, complaint_about(patch, fell))


def complaint_about(patch: Patch, fell: Sequence[str]) -> str:
    """Return what keeps the bug from being caught as it must be."""
    names = {test.rsplit(".", 1)[-1] for test in fell}
    if not fell:
        return "NOT CAUGHT by any test"
    if patch.is_theft and not any(name.startswith("invariant_") for name in names):
        return f"A THEFT CAUGHT BY NO INVARIANT, only by {', '.join(fell)}"
    if standing := sorted(set(patch.falls) - names):
        return f"CAUGHT, but {', '.join(standing)} should have fallen and did not; {', '.join(fell)} did"
    return ""


def keep(report: Path, outcomes: Sequence[Outcome]) -> None:
    """Write what fell beside what earlier runs kept; a bug whose patch is gone goes too."""
    earlier = json.loads(report.read_text()) if report.is_file() else {}
    bugs: dict[str, Any] = {name: entry for name, entry in earlier.items() if (PLANTED / f"{name}.patch").is_file()}
    for outcome in outcomes:
        bugs[outcome.patch.name] = {
            "bug": outcome.patch.bug,
            "theft": outcome.patch.is_theft,
            "caughtBy": list(outcome.fell),
            "complaint": outcome.complaint,
        }
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(dict(sorted(bugs.items())), indent=1) + "\n")


def _falling(bench: Bench, suites: set[str]) -> tuple[str, ...]:
    return tuple(test for stage in STAGES for test in bench.failures(stage, suites, SECONDS))


def _check_sound(bench: Bench, files: set[str]) -> None:
    artifacts = bench.graph.touched(files)
    bench.sound(artifacts)
    fell = _falling(bench, bench.graph.suites(artifacts))
    bench.restore()
    if fell:
        raise NotReady(f"with no bug at all these fail: {', '.join(fell)}")


if __name__ == "__main__":
    raise SystemExit(main())
