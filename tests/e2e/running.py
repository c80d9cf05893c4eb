"""Runs the demo as a person does, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SECONDS = 240


def run_demo(home: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    """Run `commonwatt demo --json` and return its exit code, its one JSON object, and stderr."""
    command = [sys.executable, "-m", "market.main", "demo", "--json", "--home", str(home), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.stdout.count("\n") <= 1, "stdout holds one JSON object and nothing else"
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr
