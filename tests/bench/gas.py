"""Suite `gas`: what the money costs on chain, and how far its proofs reach.

Gas is deterministic, so its figures are those of `contracts/snapshots/gas`, which every test run checks: whole
transactions, in gas. coverage_*: percent of contracts/src, from `make audit`. mutants_*: counts of the files that
contracts/audit/mutants.json names, no others. planted_total: how many bugs there are to plant; `make planted` says
which are caught. exits_*: cells of the table in contracts/EXITS.md. Measures nothing that those have not measured; a
figure whose tool has not run is an error, never a blank.
"""

import json
from pathlib import Path
from typing import Any, Final

ROOM: Final = Path(__file__).resolve().parents[2] / "contracts"


def measure() -> dict[str, Any]:
    jobs, channels, exits = (_snapshot(name) for name in ("jobs", "channels", "exits"))
    coverage = json.loads((ROOM / "audit" / "coverage.json").read_text())
    mutants = json.loads((ROOM / "audit" / "mutants.json").read_text())
    return {
        "single_job_total": jobs["single_job_total"],
        "single_job_settled_with_nine_others": jobs["single_job_settled_with_nine_others"],
        "per_unit_1000": jobs["per_unit_1000"],
        "per_unit_10000": jobs["per_unit_10000"],
        "gasless_deposit": jobs["gasless_deposit"],
        "voucher_claim_per_channel": channels["claim_10_per_channel"],
        "gasless_channel": channels["openWithAuthorization"],
        "coverage_lines": coverage["coverage_lines"],
        "coverage_branches": coverage["coverage_branches"],
        "mutants_total": mutants["totals"]["mutants"],
        "mutants_killed": mutants["totals"]["killed"],
        "exits_total": exits["exits_total"],
        "exits_proved": sum(count for name, count in exits.items() if name.startswith("exits_proved: ")),
        "planted_total": len(list((ROOM.parent / "tests" / "contracts" / "planted").glob("*.patch"))),
    }


def _snapshot(name: str) -> dict[str, int]:
    """Return a file of gas snapshots with its figures as numbers."""
    return {
        key: int(value) for key, value in json.loads((ROOM / "snapshots" / "gas" / f"{name}.json").read_text()).items()
    }
