"""Suite `proof`: what exact work costs, how equal it is, and what happens to whoever cheats at it.

hash_mixes_equal of hash_mixes_total: mixes of kernels, processors compiled for, and threads with one result.
gemm_speed_ratio: exact over torch's speed, the smallest of four sizes. step_time_ratio: exact over stock torch's time
for a step of step_params parameters. commit_share: state hashing over compute. audit_share: repeated work over work.
faults_*: planted in a job and located on a chain. dispute_*, judge_gas: the dearest whole dispute, from challenge to
verdict carried out, and the dearest judgement; each the most of all that were played.
catch_rate, false_slash_rate: shares of trials. worst_*: synthetic, from contracts/snapshots/gas.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from tests.bench import proof_audits, proof_cheats, proof_faults, proof_mixes, proof_speed
from tests.support.arena import Arena
from tests.support.arena_chain import open_court
from worker.engine.exact import choose

GAS: Final = Path(__file__).resolve().parents[2] / "contracts" / "snapshots" / "gas"


def measure() -> dict[str, Any]:
    began = time.perf_counter()
    found = {
        **proof_speed.measure(),
        "kernels": {choose().name: 1},
        **proof_mixes.measure(),
        **proof_audits.measure(),
        **disputes(),
        **worst_case(),
    }
    return {**found, "suite_seconds": round(time.perf_counter() - began, 1)}


def disputes() -> dict[str, Any]:
    """Return what was played on one real chain: faults, false accusations, the gallery."""
    with tempfile.TemporaryDirectory() as home:
        court, costs = open_court(Arena(), Path(home)), proof_faults.Costs()
        try:
            found = {
                **proof_cheats.measure(court, costs),
                **proof_faults.measure(court, costs),
                **proof_faults.defend(court, costs),
            }
        finally:
            court.close()
    return {
        **found,
        "dispute_transactions": costs.transactions,
        "dispute_gas": costs.gas,
        "judge_gas": costs.judge_gas,
        "disputes_on_chain": len(costs.seconds),
        "dispute_seconds_max": round(max(costs.seconds), 3),
    }


def worst_case() -> dict[str, float]:
    """Return the gas of the largest synthetic dispute, as the contracts' own tests keep it."""
    kept = {path.stem: json.loads(path.read_text()) for path in sorted(GAS.glob("*.json")) if path.stem != "lifecycle"}
    return {f"worst_{stem}_{name}": float(gas) for stem, book in kept.items() for name, gas in book.items()}
