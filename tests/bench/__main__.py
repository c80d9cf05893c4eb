"""`python -m tests.bench [--only SUITE]`: measures suites one after another, keeps the figures, prints them by name."""

import argparse

from rich.console import Console
from rich.table import Table

from tests.bench import harness


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure suites and merge them into bench.json.")
    parser.add_argument("--only", choices=harness.SUITES, help="measure this suite alone")
    only: str | None = parser.parse_args().only
    for suite in (only,) if only else harness.SUITES:
        entry = harness.measure(suite)
        before = harness.merge(suite, entry)
        show(suite, harness.figures_of(entry), harness.figures_of(before))


def show(suite: str, figures: dict[str, float], before: dict[str, float]) -> None:
    table = Table("figure", "now", "before", title=f"suite {suite}")
    for name, value in figures.items():
        table.add_row(name, f"{value:g}", f"{before[name]:g}" if name in before else "")
    Console().print(table)


if __name__ == "__main__":
    main()
