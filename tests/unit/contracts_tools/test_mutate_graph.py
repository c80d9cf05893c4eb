"""A change reaches whoever carries its code, and no test that could see it is left out."""

from collections.abc import Callable
from typing import Any

import pytest
from mutate_graph import Graph

HEAD = "// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\n"
SOURCES = {
    "src/Low.sol": "uint256 constant LIMIT = 3;\n"
    "library Low { function one() internal pure returns (uint256) { return 1; }"
    " function two() internal pure returns (uint256) { return 2; } }",
    "src/High.sol": 'import {Low} from "src/Low.sol";\n'
    "library High { function both() internal pure returns (uint256) { return Low.one(); } }",
    "src/Base.sol": 'import {High} from "src/High.sol";\n'
    "abstract contract Base { function get() external pure returns (uint256) { return High.both(); } }",
    "src/Bank.sol": 'import {Base} from "src/Base.sol";\ncontract Bank is Base {}',
    "src/Other.sol": 'import {Low, LIMIT} from "src/Low.sol";\nimport {Bank} from "src/Bank.sol";\n'
    "contract Other { function ask(Bank b) external view returns (uint256) { return b.get() + Low.two() + LIMIT; } }",
    "src/Yul.sol": 'import {LIMIT} from "src/Low.sol";\n'
    "contract Yul { function ask() external pure returns (uint256 x) { assembly { x := LIMIT } } }",
    "tests/unit/Deploys.t.sol": 'contract DeploysTest { string private what = "Bank.sol:Bank"; }',
    "tests/unit/Creates.t.sol": 'import {Bank} from "src/Bank.sol";\n'
    "contract CreatesTest { function test_a() external { new Bank(); } }",
    "tests/unit/Asks.t.sol": 'contract AsksTest { string private what = "Other.sol:Other"; }',
}


@pytest.fixture(scope="module")
def graph(parsed: Callable[[dict[str, str]], dict[str, dict[str, Any]]]) -> Graph:
    return Graph(parsed({file: HEAD + text for file, text in SOURCES.items()}))


def names(artifacts: set[tuple[str, str]]) -> set[str]:
    return {name for _, name in artifacts}


def test_a_library_reaches_who_inherits_from_who_calls_who_calls_it(graph: Graph) -> None:
    assert names(graph.touched({"src/Low.sol"}, "Low.one")) == {"Bank", "CreatesTest"}


def test_a_function_reaches_only_who_names_it(graph: Graph) -> None:
    assert names(graph.touched({"src/Low.sol"}, "Low.two")) == {"Other"}


def test_a_file_reaches_whoever_any_part_of_it_reaches(graph: Graph) -> None:
    assert names(graph.touched({"src/Low.sol"})) == {"Bank", "CreatesTest", "Other", "Yul"}


def test_a_constant_outside_of_contracts_reaches_who_names_it_in_assembly_too(graph: Graph) -> None:
    assert names(graph.touched({"src/Low.sol"}, "LIMIT")) == {"Other", "Yul"}


def test_a_contract_does_not_reach_who_only_calls_it(graph: Graph) -> None:
    assert names(graph.touched({"src/Bank.sol"})) == {"Bank", "CreatesTest"}


def test_a_suite_that_deploys_by_name_is_chosen(graph: Graph) -> None:
    assert graph.suites(graph.touched({"src/Bank.sol"})) == {"tests/unit/Deploys.t.sol", "tests/unit/Creates.t.sol"}


def test_a_suite_of_something_else_is_not_chosen(graph: Graph) -> None:
    assert "tests/unit/Asks.t.sol" not in graph.suites(graph.touched({"src/Bank.sol"}))
