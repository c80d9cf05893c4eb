"""One fact, three dresses: every error is a value with a title, has its status, and names its Solidity twin."""

import dataclasses
import json
import re
import sys

import pytest

from market.protocol.errors import CommonwattError
from tests.architecture.tree import ROOT, modules

TITLE_CHARACTERS = 110
# Errors that end a process, a command, a background task or a game: no request can meet them.
NEVER_IN_A_REQUEST = {
    "AnvilDidNotStart", "AnvilMissing", "PortTaken", "DevKeyRefused",  # the local chain's own start
    "BadDeployment", "ContractMissing", "NoSuchEntry", "WrongChain",  # a market that is set up wrongly does not start
    "BlockVanished", "ChainReplaced",  # the indexer's
    "NothingCalibrated", "NothingDeters",  # of policies being drawn up
    "BadLeaf", "LeafMalformed", "NoSuchElement",  # of programs that `lower` has not made or would not let out
    "BadGameMessage", "BadProof", "ClockRunOut", "ClockRunning", "GameMismatch", "NotPlayer", "WrongCount",
    "WrongMove",  # a game's: it is played on chain
    "BroadcastRefused", "NoWallet", "TransactionNotMined", "TransactionReverted",  # a wallet's; requests sign nothing
}  # fmt: skip


def error_classes(*packages: str) -> list[type[CommonwattError]]:
    for package in packages:
        modules(package)
    found: list[type[CommonwattError]] = []
    waiting = [CommonwattError]
    while waiting:
        children = waiting.pop().__subclasses__()
        found += children
        waiting += children
    # A slotted dataclass is made twice, and Python still knows the first making as a subclass: keep what has the name.
    ours = {child for child in found if getattr(sys.modules[child.__module__], child.__name__, None) is child}
    chosen = [child for child in ours if child.__module__.split(".")[0] in packages]
    return sorted(chosen, key=lambda child: (child.__module__, child.__name__))


def custom_errors() -> dict[str, list[str]]:
    """Return each ABI error's argument names, by error name, over all built contracts."""
    artifacts = sorted((ROOT / "market/chain/artifacts").glob("*.json"))
    entries = [entry for path in artifacts for entry in json.loads(path.read_text())["abi"]]
    return {entry["name"]: [item["name"] for item in entry["inputs"]] for entry in entries if entry["type"] == "error"}


@pytest.mark.parametrize("error", error_classes("market", "worker"), ids=lambda error: error.__name__)
def test_an_error_is_a_frozen_value_with_facts(error: type[CommonwattError]) -> None:
    parameters = error.__dict__.get("__dataclass_params__")

    assert parameters is not None, "not a dataclass of its own"
    assert parameters.frozen
    assert all(field.kw_only for field in dataclasses.fields(error))


@pytest.mark.parametrize("error", error_classes("market", "worker"), ids=lambda error: error.__name__)
def test_an_error_has_a_title_of_one_sentence(error: type[CommonwattError]) -> None:
    title = (error.__doc__ or "").strip().splitlines()[0]

    assert title.endswith("."), title
    assert len(title) <= TITLE_CHARACTERS
    assert not title.startswith(f"{error.__name__}(")


def test_no_two_errors_share_a_name() -> None:
    names = [error.__name__ for error in error_classes("market", "worker")]

    assert sorted(names) == sorted(set(names))


def test_every_error_of_the_contracts_is_a_word_in_python_and_no_other_is() -> None:
    from market.chain.reverts import ContractError

    assert {member.value for member in ContractError} == custom_errors().keys()


def test_every_error_of_the_contracts_names_its_contract_and_its_reason() -> None:
    ours = {name for name in custom_errors() if "_" in name}

    assert len(ours) > 20
    assert [name for name in ours if not re.fullmatch(r"[A-Z][A-Za-z]+_[A-Z][A-Za-z]+", name)] == []


def test_every_error_that_can_reach_a_request_has_its_status() -> None:
    from market.api.problems import STATUSES

    inner = error_classes("market")
    reaching = [
        error for error in inner if error.__module__.split(".")[1] in {"protocol", "domain", "services", "chain"}
    ]
    unmapped = {error.__name__ for error in reaching if not any(base in STATUSES for base in error.__mro__)}

    assert unmapped == NEVER_IN_A_REQUEST
