"""Asks how much the contracts' tests would notice: makes one small change at a time, counts those that no test sees.

`python contracts/tools/mutate.py` takes every mutant of the files of the money; `--sample N --seed S` the same N each
time; names or globs choose other files. Results go to contracts/audit/mutants.json, a section a file, and a section is
replaced only by a new run of that file. Each survivor there has an `explanation`, which a person writes and which lives
as long as the statement it speaks of. Exits 1 when less than 90 % in the run's files were killed or a survivor is
unexplained, 2 when the tests fail with no mutant at all. What does not compile, or compiles to the same bytecode, does
not count. Never changes the room: mutants live in a scratch copy (mutate_bench).
"""

import argparse
import fnmatch
import hashlib
import itertools
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mutate_bench import ROOM, Bench, DoesNotCompile, NotReady, Stage
from mutate_operators import Mutant, mutants_of
from mutate_pool import Pool, pool
from mutate_report import Result, load, merged, render, shortfalls

# All of src but this is the money: interfaces have no code, and the court of exact work has its own vectors.
NOT_THE_MONEY = (
    "src/interfaces/*", "src/Games.sol", "src/Rounds.sol", "src/libraries/Chains.sol", "src/libraries/Float32.sol",
    "src/libraries/Frames.sol", "src/libraries/Judge.sol", "src/libraries/Leaves.sol", "src/libraries/Merkle.sol",
    "src/libraries/Readings.sol", "src/libraries/Turns.sol",
)  # fmt: skip
REPORT = ROOM / "audit" / "mutants.json"
SHORT = {"FOUNDRY_FUZZ_RUNS": "32", "FOUNDRY_INVARIANT_RUNS": "24", "FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT": "0"}
STAGES = tuple(Stage(folder, SHORT) for folder in ("unit", "fuzz", "invariant"))  # cheapest first
SECONDS = 180.0  # a stage that takes longer has stopped: the whole suite needs a quarter of it


def main() -> int:
    options = _options()
    try:
        with pool(options.work, options.jobs) as benches:
            return _run(options, benches)
    except NotReady as reason:
        sys.stderr.write(f"{reason}\n")
        return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="names or globs under contracts/, e.g. 'src/Jobs*.sol'")
    parser.add_argument("--sample", type=int, help="how many mutants that compile to try (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, choices=(1, 2), help="how many at a time")
    parser.add_argument("--work", type=Path, help="keep the scratch copies here, which saves the next run a minute")
    parser.add_argument("--report", type=Path, default=REPORT)
    return parser.parse_args()


def _run(options: argparse.Namespace, benches: Pool) -> int:
    asts = benches.first.asts
    files = chosen(options.files, asts)
    sources = {file: benches.first.source(file) for file in files}
    mutants = [mutant for file in files for mutant in mutants_of(file, sources[file], asts[file])]
    benches.each(lambda bench: check_sound(bench, files))
    results = list(examine(ordered(mutants, options.seed), options.sample, benches))
    drawn = [options.sample, options.seed] if options.sample is not None else None
    report = merged(load(options.report), sources, mutants, results, drawn)
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(render(report))
    complaints = shortfalls(report, files)
    print("\n".join(complaints) or "enough were killed, and every survivor is explained")
    return 1 if complaints else 0


def chosen(patterns: Sequence[str], sources: Iterable[str]) -> list[str]:
    """Return the sources that match, each once; the files of the money when no pattern is given."""
    known = sorted(file for file in sources if file.startswith("src/"))
    if missing := [pattern for pattern in patterns if not fnmatch.filter(known, pattern)]:
        raise NotReady(f"no source of this name: {', '.join(missing)}")
    if not patterns:
        return [file for file in known if not _matches(file, NOT_THE_MONEY)]
    return [file for file in known if _matches(file, patterns)]


def _matches(file: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(file, pattern) for pattern in patterns)


def ordered(mutants: Iterable[Mutant], seed: int) -> list[Mutant]:
    """Return them shuffled by seed and id alone, so that a sample changes little when the sources do."""
    return sorted(mutants, key=lambda mutant: hashlib.sha256(f"{seed}:{mutant.id}".encode()).digest())


def check_sound(bench: Bench, files: Sequence[str]) -> None:
    """Raise unless everything passes with no mutant: a test that always fails would kill them all."""
    artifacts = bench.graph.touched(set(files))
    bench.sound(artifacts)
    suites = bench.graph.suites(artifacts)
    failed = [test for stage in STAGES for test in bench.failures(stage, suites, SECONDS)]
    bench.restore()
    if failed:
        raise NotReady(f"with no mutant at all these fail: {', '.join(failed)}")


def examine(queue: Sequence[Mutant], sample: int | None, benches: Pool) -> Iterator[Result]:
    """Yield a result for each mutant, until `sample` of them were alive."""
    rest, alive, started = iter(queue), 0, time.monotonic()
    while batch := list(itertools.islice(rest, None if sample is None else sample - alive)):
        for result in benches.map(judge, batch):
            alive += result.verdict != "stillborn"
            seconds = time.monotonic() - started
            print(f"{seconds:6.0f} s {alive:4} {result.verdict:9} {result.mutant.id}  {result.by}", flush=True)
            yield result


def judge(bench: Bench, mutant: Mutant) -> Result:
    """Return what becomes of one mutant."""
    artifacts = bench.graph.touched({mutant.file}, mutant.function)
    try:
        codes = bench.compile({mutant.file: mutant.applied(bench.source(mutant.file))}, artifacts)
    except DoesNotCompile as refusal:
        return Result(mutant, "stillborn", str(refusal))
    if codes == bench.sound(artifacts):
        return Result(mutant, "stillborn", "the bytecode is the same")
    bench.put(codes)
    suites = bench.graph.suites(artifacts)
    for stage in STAGES:
        if failed := bench.failures(stage, suites, SECONDS):
            return Result(mutant, "killed", failed[0])
    return Result(mutant, "survived", "")


if __name__ == "__main__":
    raise SystemExit(main())
