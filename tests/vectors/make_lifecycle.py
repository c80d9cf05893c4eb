"""Writes lifecycle.json: for each status of a job and each act, the status after it, or NONE where the act is refused.

The table is `market.domain.lifecycle`'s; tests/contracts/unit/Lifecycle.t.sol tries every pair on the contracts, each
under the circumstances that favour it most. `--check` writes nothing and exits 1 when the file is out of date.
"""

from pathlib import Path

from market.domain.lifecycle import JOB_TRANSITIONS, JobAct
from market.protocol.words import JobStatus
from tests.vectors.writing import write_or_check

FILE = Path(__file__).with_name("lifecycle.json")


def make() -> list[dict[str, str | int]]:
    """Return one row per pair; numbers are those of the Solidity enums, with the names beside them for the reader."""
    return [
        {
            "before": before.value,
            "act": act.value,
            "after": JOB_TRANSITIONS.get((before, act), JobStatus.NONE).value,
            "before_number": before.on_chain,
            "act_number": list(JobAct).index(act),
            "after_number": JOB_TRANSITIONS.get((before, act), JobStatus.NONE).on_chain,
        }
        for before in JobStatus
        for act in JobAct
    ]


if __name__ == "__main__":
    raise SystemExit(write_or_check({"rows": make()}, FILE))
