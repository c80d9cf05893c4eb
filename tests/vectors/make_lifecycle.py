"""Writes lifecycle.json: for each status of a job and each act, the status after it, or NONE where the act is refused.

The table is `market.domain.lifecycle`'s; tests/contracts/unit/Lifecycle.t.sol tries every pair on the contracts, each
under the circumstances that favour it most. `--check` writes nothing and exits 1 when the file is out of date.
"""

import argparse
import json
import sys
from pathlib import Path

from market.domain.lifecycle import JOB_TRANSITIONS, JobAct
from market.protocol.words import JobStatus

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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed file instead of writing it")
    text = json.dumps({"rows": make()}, indent=1) + "\n"
    if parser.parse_args().check:
        if FILE.is_file() and FILE.read_text() == text:
            return 0
        sys.stderr.write(f"{FILE.name} is not what market.domain gives; run {Path(__file__).name}\n")
        return 1
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
