"""What revert data means, for every custom error there is."""

from contextlib import contextmanager
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from market.chain.abi import Entry, Parameter, snake_case
from market.chain.bindings import CLASSES, contract
from market.chain.deployment import CONTRACTS
from market.chain.errors import ContractRevert, UnknownRevert, decode_revert, known_errors, revert_in
from market.chain.reverts import ContractError
from market.chain.transport import RpcError

EVERY_ERROR = {entry.signature: entry for name in CONTRACTS for entry in contract(name).abi if entry.kind == "error"}
WORDS = {"address": "0x" + "Ab" * 20, "bytes32": b"\x07" * 32, "string": "why", "bytes": b"why", "bool": True}


def example(part: Parameter) -> Any:
    # Every enum but Side has a member number 3.
    return 2 if part.internal_type == "enum Side" else WORDS.get(part.type, 3)


@pytest.mark.parametrize("entry", EVERY_ERROR.values(), ids=EVERY_ERROR)
def test_every_custom_error_is_decoded_with_its_facts(entry: Entry) -> None:
    values = [example(part) for part in entry.inputs]
    data = entry.selector + encode([part.canonical for part in entry.inputs], values)

    revert = decode_revert(data)

    assert isinstance(revert, ContractRevert)
    assert revert.contract_error == ContractError(entry.name)
    assert revert.facts().keys() == {"contract_error", *(snake_case(part.name) for part in entry.inputs)}
    assert [v for v in revert.arguments.values() if isinstance(v, int) and v != 3 and v is not True] == []


def test_every_selector_is_the_hash_of_its_signature_and_none_collide() -> None:
    selectors = {keccak(text=signature)[:4] for signature in EVERY_ERROR}

    assert len(selectors) == len(EVERY_ERROR)
    assert known_errors() == {entry.name for entry in EVERY_ERROR.values()}


def test_the_compilers_own_errors_are_decoded() -> None:
    plain = decode_revert(bytes.fromhex("08c379a0") + encode(["string"], ["no"]))
    panic = decode_revert(bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]))

    assert (plain.facts(), panic.facts()) == (
        {"contract_error": "Error", "reason": "no"},
        {"contract_error": "Panic", "code": 0x11},
    )


@pytest.mark.parametrize("data", [b"", b"\x01", bytes.fromhex("deadbeef"), bytes.fromhex("4e487b71") + b"\x01"])
def test_unknown_data_is_never_guessed_at(data: bytes) -> None:
    assert decode_revert(data) == UnknownRevert(data="0x" + data.hex())


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (RpcError(code=3, message="execution reverted", data="0xdeadbeef"), UnknownRevert(data="0xdeadbeef")),
        (RpcError(code=3, message="x", data={"data": "0xdeadbeef"}), UnknownRevert(data="0xdeadbeef")),
        (RpcError(code=-32000, message="execution reverted"), UnknownRevert(data="0x")),
        (RpcError(code=-32000, message="header not found"), None),
    ],
)
def test_a_nodes_error_is_a_revert_only_when_it_says_so(error: RpcError, meaning: UnknownRevert | None) -> None:
    assert revert_in(error) == meaning


def test_an_error_keeps_its_class_through_a_context_manager() -> None:
    @contextmanager
    def around() -> Any:
        yield

    with pytest.raises(UnknownRevert), around():
        raise UnknownRevert(data="0x")


def test_every_struct_and_enum_that_a_contract_says_has_a_class_here() -> None:
    named = {
        part.internal_type.split("[")[0]
        for name in CONTRACTS
        for entry in contract(name).abi
        for part in (entry.outputs if entry.kind == "function" else entry.inputs)
        if entry.kind != "constructor"
        if part.internal_type.startswith(("struct ", "enum "))
    }

    assert named <= CLASSES.keys()
