"""The record of a deployment, and the numbers contracts are built with."""

from pathlib import Path
from typing import Any

import pytest

from market.chain.bindings import CONTRACTS, NoSuchEntry, contract, encode_call
from market.chain.deployment import BadDeployment, Deployment
from market.chain.parameters import DEVNET, PRODUCTION, Parameters

RECORD = Deployment(
    chain_id=31337,
    genesis_hash="0x" + "ab" * 32,
    token="0x5FbDB2315678afecb367f032d93F642f64180aa3",
    bonds="0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512",
    jobs="0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0",
    games="0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9",
    disputes="0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9",
    channels="0x5FC8d32690cc91D4c39d9d3abcBD16989F875707",
    operator="0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    deployed_block=1,
)


def test_a_record_survives_the_file(tmp_path: Path) -> None:
    RECORD.save(tmp_path / "deep" / "deployment.json")

    assert Deployment.load(tmp_path / "deep" / "deployment.json") == RECORD


def test_addresses_are_checksummed_however_they_came() -> None:
    assert Deployment.from_json(RECORD.to_json() | {"jobs": RECORD.jobs.lower()}) == RECORD


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chain_id", "31337"),
        ("chain_id", True),
        ("deployed_block", -1),
        ("genesis_hash", "0xab"),
        ("jobs", "0x12"),
        ("operator", None),
    ],
)
def test_a_malformed_field_is_named(field: str, value: Any) -> None:
    with pytest.raises(BadDeployment) as failure:
        Deployment.from_json(RECORD.to_json() | {field: value})

    assert failure.value.field == field


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense"])
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "deployment.json").write_text(text)

    with pytest.raises(BadDeployment):
        Deployment.load(tmp_path / "deployment.json")
    with pytest.raises(BadDeployment):
        Deployment.load(tmp_path / "nowhere.json")


@pytest.mark.parametrize("numbers", [DEVNET, PRODUCTION], ids=["devnet", "production"])
def test_unbonding_outlasts_the_longest_dispute(numbers: Parameters) -> None:
    one_draw = numbers.vote_seconds * numbers.max_draws + numbers.vote_seconds + numbers.reveal_seconds

    assert numbers.unbond_seconds > numbers.max_draws * one_draw + numbers.min_window_seconds
    assert numbers.committee_size % 2 == 1
    assert numbers.silence_fine_wei <= numbers.verifier_bond_wei


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_artifact_loads_with_its_code(name: str) -> None:
    assert len(contract(name).bytecode) > 100


def test_a_function_that_is_not_there_is_named() -> None:
    with pytest.raises(NoSuchEntry):
        encode_call("Jobs", "steal")
    with pytest.raises(NoSuchEntry):
        contract("Elsewhere")


def test_a_wrong_number_of_arguments_is_a_fault_of_ours() -> None:
    with pytest.raises(TypeError):
        encode_call("Jobs", "claim")
