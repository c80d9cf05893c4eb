"""The demo as a person starts it, timed from outside; a demo that does not hold has no time."""

import json
import subprocess
import sys
import time
from pathlib import Path


def measure() -> dict[str, float]:
    """Return its seconds and the fall of its validation loss; raises CalledProcessError when the demo fails."""
    command = [str(Path(sys.executable).parent / "commonwatt"), "demo", "--json"]
    started = time.perf_counter()
    finished = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    seconds = time.perf_counter() - started
    report = json.loads(finished.stdout)
    fall = 1 - report["val_loss_end"] / report["val_loss_start"]
    return {"demo_seconds": round(seconds, 1), "demo_val_loss_fall_percent": round(100 * fall, 1)}
