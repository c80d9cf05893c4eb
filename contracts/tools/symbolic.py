"""Reads halmos' report: which symbolic checks are proved for every path, and which are not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# As halmos numbers how a check ended. A check of which every path reverts proves nothing and is no pass.
OUTCOMES = {0: "proved", 1: "refuted", 2: "timeout", 3: "stuck", 4: "reverts", 5: "error"}


@dataclass(frozen=True)
class Proof:
    name: str
    outcome: str
    seconds: float
    paths: int

    @property
    def is_proved(self) -> bool:
        return self.outcome == "proved"


def read(report: Mapping[str, Any]) -> list[Proof]:
    """Return every check of the report; raises ValueError when there is none, for then nothing was asked."""
    proofs = []
    for place, results in report["test_results"].items():
        for result in results:
            outcome = OUTCOMES.get(result["exitcode"], f"code {result['exitcode']}")
            # A loop that was cut short is a path that nobody looked at.
            if outcome == "proved" and result["num_bounded_loops"]:
                outcome = "loops cut"
            name = f"{place.rpartition(':')[2]}.{result['name'].partition('(')[0]}"
            proofs.append(Proof(name, outcome, result["time"][0], result["num_paths"][0]))
    if not proofs:
        raise ValueError("halmos found no check_ function")
    return proofs
