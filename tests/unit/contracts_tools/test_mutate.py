"""Mutants come from code alone, are the same each time, and nothing written about a survivor is lost or outlives it."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from mutate import chosen, ordered
from mutate_bench import NotReady
from mutate_operators import Mutant, mutants_of
from mutate_report import Result, merged, shortfalls

FILE = "src/Till.sol"
SOURCE = """// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Größe: 1 + 1 < 3, and true is not false; the bytes of this line are more than its letters.
library Sums {
    function least(uint256 left, uint256 right) internal pure returns (uint256) {
        return left < right ? left : right;
    }
}

contract Till {
    error Till_Short(address who, uint256 asked, uint256 held);
    event Paid(address from, address to);

    uint256 private constant FEE = 5; // 5 == 5
    string private constant NAME = "a + b < 3 && true";
    uint8[3] private places;
    bool private isOpen = true;
    mapping(address who => uint256) private held;

    modifier onlyOpen() {
        require(isOpen, "is it open == true?");
        _;
    }

    function pay(address from, address to, uint256 wei_) external onlyOpen {
        // held[from] -= 1;
        if (held[from] < wei_ + FEE || !isOpen) revert Till_Short(from, wei_, held[from]);
        held[from] -= wei_;
        held[to] += Sums.least(wei_, 100);
        emit Paid(from, to);
        for (uint256 i = 0; i < 3; ++i) places[i] = 0;
        assembly ("memory-safe") {
            // mstore(0, 9)
            for { let j := 0 } lt(j, 2) { j := add(j, 1) } { mstore(mul(j, 32), 7) }
        }
    }
}
"""
Parse = Callable[[dict[str, str]], dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def mutants(parsed: Parse) -> list[Mutant]:
    return mutants_of(FILE, SOURCE, parsed({FILE: SOURCE})[FILE])


def blanked(source: str) -> str:
    """Return the source with each byte of a comment or string as a space."""
    hidden = re.compile(rb'//[^\n]*|"[^"\n]*"')
    return hidden.sub(lambda found: b" " * len(found[0]), source.encode()).decode()


def test_no_mutant_lies_in_a_comment_or_a_string(mutants: list[Mutant]) -> None:
    code = blanked(SOURCE).encode()

    assert [mutant for mutant in mutants if not code[mutant.start : mutant.end].strip()] == []


def test_no_mutant_changes_a_type(mutants: list[Mutant]) -> None:
    assert all("uint8[3] private places" in mutant.applied(SOURCE) for mutant in mutants)


def test_no_mutant_takes_a_loops_step_away(mutants: list[Mutant]) -> None:
    assert not {"++i", "j := add(j, 1)"} & {mutant.original for mutant in mutants if mutant.mutated == "{}"}


def test_every_mutant_reads_differently_from_the_source_and_from_each_other(mutants: list[Mutant]) -> None:
    texts = [mutant.applied(SOURCE) for mutant in mutants]

    assert len({SOURCE, *texts}) == len(mutants) + 1


def test_every_mutant_has_an_id_of_its_own(mutants: list[Mutant]) -> None:
    assert len({mutant.id for mutant in mutants}) == len(mutants)


def test_every_operator_finds_its_place(mutants: list[Mutant]) -> None:
    assert {mutant.operator for mutant in mutants} == {
        "accumulate", "arguments", "arithmetic", "assembly", "boolean", "branch", "check", "constant", "emit", "logic",
        "modifier", "relation", "statement",
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        ("wei_ + FEE", "wei_ - FEE"),
        ("held[from] < wei_ + FEE", "held[from] <= wei_ + FEE"),
        ("!isOpen", "isOpen"),
        ("isOpen", "!(isOpen)"),
        ("held[from] -= wei_", "held[from] = wei_"),
        ("held[from] -= wei_;", "{}"),
        ("emit Paid(from, to);", "{}"),
        ("from, to", "to, from"),
        ("onlyOpen", ""),
        ("5", "6"),
        ("true", "false"),
        ("mstore(mul(j, 32), 7)", "{}"),
        ("lt", "gt"),
        ("left < right ? left : right", "left < right ? right : left"),
    ],
)
def test_a_change_a_thief_would_like_is_among_them(mutants: list[Mutant], change: tuple[str, str]) -> None:
    assert change in [(mutant.original, mutant.mutated) for mutant in mutants]


def test_the_same_source_gives_the_same_mutants(mutants: list[Mutant], parsed: Parse) -> None:
    assert mutants_of(FILE, SOURCE, parsed({FILE: SOURCE})[FILE]) == mutants


def test_an_id_stays_when_lines_move(mutants: list[Mutant], parsed: Parse) -> None:
    moved = SOURCE.replace("contract Till", "// one line more\n\ncontract Till")

    assert [mutant.id for mutant in mutants_of(FILE, moved, parsed({FILE: moved})[FILE])] == [m.id for m in mutants]


def test_an_id_dies_with_its_statement(mutants: list[Mutant], parsed: Parse) -> None:
    changed = SOURCE.replace("Sums.least(wei_, 100)", "Sums.least(wei_, 200)")
    left = {mutant.id for mutant in mutants_of(FILE, changed, parsed({FILE: changed})[FILE])}

    gone = [mutant for mutant in mutants if mutant.id not in left]
    assert {mutant.statement for mutant in gone} == {"held[to] += Sums.least(wei_, 100)"}


def test_a_sample_follows_from_its_seed_alone(mutants: list[Mutant]) -> None:
    assert ordered(reversed(mutants), 3)[:5] == ordered(mutants, 3)[:5] != ordered(mutants, 4)[:5]


def test_a_new_file_is_of_the_money_until_somebody_says_otherwise() -> None:
    sources = ["src/Channels.sol", "src/Games.sol", "src/interfaces/IJobs.sol", "../tests/contracts/unit/Bonds.t.sol"]

    assert chosen([], sources) == ["src/Channels.sol"]


def test_a_file_that_does_not_exist_is_not_passed_over() -> None:
    with pytest.raises(NotReady, match=r"src/Chanels\.sol"):
        chosen(["src/Chanels.sol"], ["src/Channels.sol"])


def test_an_explanation_is_kept_across_runs(mutants: list[Mutant]) -> None:
    survivor, *others = mutants
    first = merged({"files": {}}, {FILE: SOURCE}, mutants, [Result(survivor, "survived", "")], None)
    first["files"][FILE]["survivors"][0]["explanation"] = "nobody can see it"

    without = merged(first, {FILE: SOURCE}, mutants, [Result(others[0], "killed", "unit/A.t.sol:A.test_a")], [1, 1])
    again = merged(without, {FILE: SOURCE}, mutants, [Result(survivor, "survived", "")], None)
    assert again["files"][FILE]["survivors"][0]["explanation"] == "nobody can see it"


def test_an_explanation_goes_when_its_mutant_is_no_more(mutants: list[Mutant]) -> None:
    gone = replace(mutants[0], statement="a statement of yesterday")
    first = merged({"files": {}}, {FILE: SOURCE}, [gone], [Result(gone, "survived", "")], None)
    first["files"][FILE]["survivors"][0]["explanation"] = "nobody can see it"

    assert "nobody can see it" not in str(merged(first, {FILE: SOURCE}, mutants, [], None))


def test_a_run_of_one_file_leaves_the_others_as_they_were(mutants: list[Mutant]) -> None:
    other = {"mutants": 2, "killed": 2, "survived": 0, "survivors": []}

    report = merged({"files": {"src/Other.sol": other}}, {FILE: SOURCE}, mutants, [], None)

    assert report["files"]["src/Other.sol"] == other


def test_a_stillborn_mutant_does_not_count(mutants: list[Mutant]) -> None:
    report = merged({"files": {}}, {FILE: SOURCE}, mutants, [Result(mutants[0], "stillborn", "no")], None)

    assert report["totals"] == {"mutants": 0, "killed": 0, "survived": 0, "score": 0.0}


def test_a_survivor_without_an_explanation_is_not_good_enough(mutants: list[Mutant]) -> None:
    results = [Result(mutant, "killed", "unit/A.t.sol:A.test_a") for mutant in mutants[1:]]
    report = merged({"files": {}}, {FILE: SOURCE}, mutants, [*results, Result(mutants[0], "survived", "")], None)

    assert [line for line in shortfalls(report, [FILE]) if mutants[0].id in line]
    report["files"][FILE]["survivors"][0]["explanation"] = "the same to whoever looks"
    assert shortfalls(report, [FILE]) == []


def test_explanations_do_not_make_up_for_too_few_killed(mutants: list[Mutant]) -> None:
    results = [Result(mutant, "survived" if n < 2 else "killed", "unit/A") for n, mutant in enumerate(mutants[:10])]
    report = merged({"files": {}}, {FILE: SOURCE}, mutants, results, None)
    for survivor in report["files"][FILE]["survivors"]:
        survivor["explanation"] = "the same to whoever looks"

    assert shortfalls(report, [FILE]) == ["8 of 10 killed; 90% is the least"]
