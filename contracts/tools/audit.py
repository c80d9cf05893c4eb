"""Asks tools other than forge about the contracts: slither, halmos, and forge's coverage.

`python contracts/tools/audit.py slither|coverage|halmos` runs one and exits 1 when it says no: a High or Medium finding
that `contracts/audit/findings.json` does not explain (or an explanation of nothing), coverage of `src/` below the
figures here, a symbolic check that is refuted, does not end, or holds of no path. Slither and halmos live in `.audit`,
which `.ci/audit` makes, for they want other versions than ours. What the tools say goes to `build/audit`; no source and
no snapshot is changed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import findings
import lcov
import symbolic

ROOM = Path(__file__).resolve().parents[1]
HOUSE = ROOM.parent
REPORTS = HOUSE / "build" / "audit"
ENVIRONMENT = HOUSE / ".audit" / "bin"
COVERAGE = ROOM / "audit" / "coverage.json"  # committed: the figures of the bench
EXPLAINED = ROOM / "audit" / "findings.json"
MIN_LINES_PERCENT = 98.0
MIN_BRANCHES_PERCENT = 95.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", choices=sorted(TOOLS))
    tool = parser.parse_args().tool
    REPORTS.mkdir(parents=True, exist_ok=True)
    _report(f"{tool}.txt")
    problems = TOOLS[tool]()
    for problem in problems:
        sys.stderr.write(problem + "\n")
    return 1 if problems else 0


def slither() -> list[str]:
    """Compare what slither finds at High and Medium with what is explained."""
    report = _report("slither.json")
    # Slither reads every build info that lies there, and those of older sources would be found fault with as well.
    shutil.rmtree(ROOM / "out" / "slither", ignore_errors=True)
    _must(_run(_forge(), "build", "src", "--build-info", "--ast", "--force", name="slither"), "slither")
    reading = ["--ignore-compile", "--foundry-out-directory", "out/slither", "--filter-paths", "node_modules"]
    _must(_run(_installed("slither"), ".", *reading, "--json", str(report), "--fail-none", name="slither"), "slither")
    found = findings.read(json.loads(report.read_text()))
    problems = findings.compare(found, json.loads(EXPLAINED.read_text()))
    print(f"slither: {sum(found.values())} High and Medium findings, {len(problems)} kinds of them not as explained")
    return problems


def coverage() -> list[str]:
    """Run every test but the gas figures, and measure which lines and branches of src/ they reach."""
    report = _report("coverage.lcov")
    # Gas figures are of optimized code, and this is measured on plain code: they are neither compared nor written.
    asked = ["--no-match-path", "*/gas/*", "--report", "lcov", "--report-file", str(report)]
    _must(_run(_forge(), "coverage", *asked, name="coverage", settings={"FOUNDRY_PROFILE": "coverage"}), "coverage")
    files = [file for file in lcov.read(report.read_text()) if file.path.startswith("src/")]
    summary = lcov.summarise(files)
    COVERAGE.write_text(json.dumps(summary, indent=1) + "\n")
    for line in lcov.table(files, ROOM):
        print(line)
    lines, branches = summary["coverage_lines"], summary["coverage_branches"]
    print(f"coverage of contracts/src: {lines} % of lines, {branches} % of branches")
    wanted = (("lines", lines, MIN_LINES_PERCENT), ("branches", branches, MIN_BRANCHES_PERCENT))
    return [f"{kind}: {share} % is below {least} %" for kind, share, least in wanted if share < least]


def halmos() -> list[str]:
    """Prove every function `check_...` of tests/contracts/symbolic."""
    report = _report("halmos.json")
    # Loops here run over five amounts at most, so six rounds leave none cut; a cut one is no proof in any case.
    limits = ["--loop", "6", "--solver-timeout-assertion", "60s", "--no-status"]
    # What halmos exits with says no more than its report does. Only src and these tests are compiled.
    asked = ["--root", ".", "--forge-build-out", "out/halmos", *limits, "--json-output", str(report)]
    _run(_installed("halmos"), *asked, name="halmos", settings={"FOUNDRY_TEST": "../tests/contracts/symbolic"})
    _must(0 if report.exists() else 1, "halmos")
    proofs = symbolic.read(json.loads(report.read_text()))
    for proof in proofs:
        print(f"{proof.outcome:10} {proof.seconds:6.1f} s {proof.paths:5} paths  {proof.name}")
    return [f"{proof.name}: {proof.outcome}" for proof in proofs if not proof.is_proved]


TOOLS: dict[str, Callable[[], list[str]]] = {"slither": slither, "coverage": coverage, "halmos": halmos}


def _report(name: str) -> Path:
    """Return where a report goes, without the one of an earlier run."""
    path = REPORTS / name
    path.unlink(missing_ok=True)
    return path


def _forge() -> str:
    return str(ROOM / "tools" / "forge")


def _installed(name: str) -> str:
    program = ENVIRONMENT / name
    if not program.is_file():
        sys.exit(f"{name} is not installed; run .ci/audit")
    return str(program)


def _run(program: str, *words: str, name: str, settings: dict[str, str] | None = None) -> int:
    """Run a program in the contracts room, its outputs in folders of their own, and return what it exits with."""
    # FOUNDRY_* and FORGE_* settings of whoever calls must not decide what is examined.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("FOUNDRY_", "FORGE_"))}
    # Halmos and slither call `forge` by name.
    places = [ENVIRONMENT, ROOM / "node_modules" / ".bin", HOUSE / ".venv" / "bin", environment.get("PATH", "")]
    environment["PATH"] = os.pathsep.join(str(place) for place in places)
    environment |= {"FOUNDRY_OUT": f"out/{name}", "FOUNDRY_CACHE_PATH": f"cache/{name}", **(settings or {})}
    with (REPORTS / f"{name}.txt").open("a") as log:
        command = [program, *words]
        return subprocess.run(command, cwd=ROOM, env=environment, check=False, stdout=log, stderr=log).returncode  # noqa: S603 - pinned tools, our own flags


def _must(status: int, name: str) -> None:
    """End here, with the last of what the tool said, when it could not do its work."""
    if status:
        said = (REPORTS / f"{name}.txt").read_text().splitlines()
        where = f"{name} could not do its work; all that it said is in build/audit/{name}.txt"
        sys.exit("\n".join([*said[-20:], where]))


if __name__ == "__main__":
    raise SystemExit(main())
