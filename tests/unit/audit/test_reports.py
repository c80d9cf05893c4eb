"""What the audit tools report is read as it is meant: nothing unexplained, unreached or unproved passes for good."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOOLS = Path(__file__).resolve().parents[3] / "contracts" / "tools"


@pytest.fixture(scope="module")
def tools() -> dict[str, ModuleType]:
    sys.path.insert(0, str(TOOLS))
    try:
        return {name: importlib.import_module(name) for name in ("findings", "lcov", "symbolic")}
    finally:
        sys.path.remove(str(TOOLS))


def finding(detector: str, impact: str, *, variable: str | None = None) -> dict[str, Any]:
    contract = {"type": "contract", "name": "Jobs", "type_specific_fields": {}}
    function = {"type": "function", "name": "_close", "type_specific_fields": {"parent": contract}}
    inner = {"type": "variable", "name": variable, "type_specific_fields": {"parent": function}}
    return {"check": detector, "impact": impact, "elements": [inner if variable else function]}


def slither(*found: dict[str, Any]) -> dict[str, Any]:
    return {"success": True, "error": None, "results": {"detectors": list(found)}}


def explanation(detector: str, element: str, **fields: Any) -> dict[str, Any]:
    return {"detector": detector, "element": element, "reason": "A count that starts at zero."} | fields


def test_a_finding_is_known_by_its_function_or_variable(tools: dict[str, ModuleType]) -> None:
    report = slither(finding("a", "High"), finding("a", "Medium", variable="sum"), finding("b", "Low"))

    assert tools["findings"].read(report) == {("a", "Jobs._close"): 1, ("a", "Jobs._close.sum"): 1}


def test_a_report_of_failure_is_no_report_of_nothing(tools: dict[str, ModuleType]) -> None:
    with pytest.raises(ValueError, match="slither failed"):
        tools["findings"].read({"success": False, "error": "no build info", "results": {}})


def test_what_is_explained_as_often_as_it_is_found_is_no_problem(tools: dict[str, ModuleType]) -> None:
    found = {("a", "Jobs._close"): 2}

    assert tools["findings"].compare(found, [explanation("a", "Jobs._close", times=2)]) == []


@pytest.mark.parametrize(
    ("explained", "problem"),
    [
        ([], "not explained: a of Jobs._close"),
        ([explanation("a", "Jobs._close", times=2)], "explained but gone: a of Jobs._close"),
        ([explanation("a", "Jobs._close"), explanation("b", "Jobs.open")], "explained but gone: b of Jobs.open"),
        ([explanation("a", "Jobs._close", reason=" ")], "not an explanation"),
        ([explanation("a", "Jobs._close", line=7)], "not an explanation"),
        ([explanation("a", "Jobs._close")] * 2, "not an explanation, or a second one"),
    ],
)
def test_a_finding_and_its_explanation_must_fit(
    tools: dict[str, ModuleType], explained: list[dict[str, Any]], problem: str
) -> None:
    [line] = tools["findings"].compare({("a", "Jobs._close"): 1}, explained)

    assert line.startswith(problem)


LCOV = """TN:
SF:src/Jobs.sol
DA:3,7
DA:4,0
BRDA:3,0,0,7
BRDA:3,0,1,-
end_of_record
SF:src/Jobs.sol
DA:4,1
DA:9,0
end_of_record
"""


def test_coverage_counts_what_is_named_twice_once(tools: dict[str, ModuleType]) -> None:
    files = tools["lcov"].read(LCOV)
    summary = tools["lcov"].summarise(files)

    assert (summary["coverage_lines"], summary["coverage_branches"]) == (66.66, 50.0)
    assert summary["files"]["src/Jobs.sol"]["missed_lines"] == [9]
    assert summary["files"]["src/Jobs.sol"]["missed_branches"] == [3]


def halmos(**fields: int) -> dict[str, Any]:
    result = {"name": "check_it(uint256)", "exitcode": 0, "num_paths": [5, 5, 0], "time": [1.5, 1, 0]}
    return {"test_results": {"tests/It.t.sol:It": [result | {"num_bounded_loops": 0} | fields]}}


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, "proved"),
        ({"exitcode": 1}, "refuted"),
        ({"exitcode": 2}, "timeout"),
        ({"exitcode": 4}, "reverts"),
        ({"exitcode": 9}, "code 9"),
        ({"num_bounded_loops": 1}, "loops cut"),
    ],
)
def test_a_check_is_proved_only_when_every_path_was_followed(
    tools: dict[str, ModuleType], fields: dict[str, int], outcome: str
) -> None:
    [proof] = tools["symbolic"].read(halmos(**fields))

    assert (proof.name, proof.outcome, proof.is_proved) == ("It.check_it", outcome, outcome == "proved")


def test_no_check_at_all_is_no_proof(tools: dict[str, ModuleType]) -> None:
    with pytest.raises(ValueError, match="no check_ function"):
        tools["symbolic"].read({"test_results": {}})
