"""How figures are kept: one committed bench.json, suite -> figures, with the machine, the versions and the day.

A suite is a module of this folder with `measure()`, which returns numbers by name, or by name and case; add its name to
SUITES. Measuring one suite never touches the figures of another. Nothing here asserts: people read the figures and
compare them over time.
"""

import importlib
import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

BENCH: Final = Path(__file__).resolve().parents[2] / "bench.json"
SUITES: Final = ("loop", "proof", "gas")
# Beside the figures of a suite stand these three, which say what the figures are worth.
CIRCUMSTANCES: Final = ("machine", "versions", "date")
_REPORTED: Final = ("torch", "numpy", "web3", "fastapi", "sqlalchemy", "commonwatt")


def measure(suite: str) -> dict[str, Any]:
    """Run one suite; returns its figures and the circumstances."""
    figures: dict[str, Any] = importlib.import_module(f"tests.bench.{suite}").measure()
    return {**figures, "machine": machine(), "versions": versions(), "date": datetime.now(UTC).date().isoformat()}


def merge(suite: str, entry: dict[str, Any], path: Path = BENCH) -> dict[str, Any]:
    """Put one suite's entry into the file and return what stood there before (empty when nothing did)."""
    book = load(path)
    before: dict[str, Any] = book.get(suite, {})
    text = json.dumps({**book, suite: entry}, indent=2, sort_keys=True) + "\n"
    scratch = path.with_suffix(".next")
    scratch.write_text(text)
    scratch.replace(path)
    return before


def load(path: Path = BENCH) -> dict[str, Any]:
    book: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return book


def figures_of(entry: dict[str, Any]) -> dict[str, float]:
    """Return the figures by name; of a figure per case (`catch_rate`), one for each as `catch_rate.lazy`."""
    found: dict[str, float] = {}
    for name, value in entry.items():
        if isinstance(value, dict) and name not in CIRCUMSTANCES:
            found |= {f"{name}.{case}": figure for case, figure in figures_of(value).items()}
        elif name not in CIRCUMSTANCES:
            found[name] = value
    return found


def machine() -> dict[str, Any]:
    """Return the processor's name, the cores this process may use, and the memory in GiB."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": _cpu(), "cores": len(os.sched_getaffinity(0)), "memory_gib": round(memory_bytes / 2**30, 1)}


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in _REPORTED}}


def _cpu() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
