"""Suite `loop`: how long the whole market takes on real work, and what its proof costs the worker.

demo_seconds: `commonwatt demo --json` from start to exit, set-up done; demo_val_loss_fall_percent is what it achieved.
step_ratio: the verified training step over the same step in a plain torch loop. bid_to_first_step_p50_seconds: from
POST /v1/bids to the first step that a worker reports.
"""

from tests.bench import loop_demo, loop_latency, loop_step


def measure() -> dict[str, float]:
    return {**loop_demo.measure(), **loop_step.measure(), **loop_latency.measure()}
