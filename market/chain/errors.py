"""Why a contract said no: revert data decoded by the selectors of the built ABIs.

Decides the form of `ContractRevert`. An unknown selector is `UnknownRevert`, never a guess. `reverts.ContractError`
lists every custom error as a word, so that callers compare members and not strings; a test compares it with the ABIs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from eth_abi.exceptions import DecodingError

from market.chain.abi import Entry, Parameter, decode_arguments, snake_case
from market.chain.bindings import CLASSES, contract
from market.chain.deployment import CONTRACTS
from market.chain.transport import RpcError
from market.protocol.errors import CommonwattError

_BUILT_IN: Final = (
    ("Error", "reason", "string"),
    ("Panic", "code", "uint256"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRevert(CommonwattError):
    """The contract refused the act.

    contract_error: the Solidity error's name, comparable with `ContractError` members; "Error" and "Panic" are the
    compiler's own. arguments: its facts by snake_case name.
    """

    contract_error: str
    arguments: Mapping[str, Any]

    def facts(self) -> dict[str, Any]:
        return {"contract_error": self.contract_error, **self.arguments}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownRevert(CommonwattError):
    """The contract refused the act with data that is in no ABI of ours."""

    data: str


def decode_revert(data: bytes) -> ContractRevert | UnknownRevert:
    """Return what revert data means."""
    entry = _by_selector().get(data[:4])
    if entry is None:
        return UnknownRevert(data="0x" + data.hex())
    try:
        values = decode_arguments(entry.inputs, data[4:], CLASSES)
    except DecodingError:
        return UnknownRevert(data="0x" + data.hex())
    names = (snake_case(part.name) for part in entry.inputs)
    return ContractRevert(contract_error=entry.name, arguments=dict(zip(names, values, strict=True)))


def revert_in(error: RpcError) -> ContractRevert | UnknownRevert | None:
    """Return the revert that a node's error carries; None when the node failed for another reason."""
    data = error.data.get("data") if isinstance(error.data, dict) else error.data
    if isinstance(data, str) and data.startswith("0x"):
        return decode_revert(bytes.fromhex(data[2:]))
    return UnknownRevert(data="0x") if "revert" in error.message.lower() else None


def known_errors() -> frozenset[str]:
    """Return the name of every custom error in the four ABIs."""
    return frozenset(entry.name for entry in _custom())


@cache
def _by_selector() -> dict[bytes, Entry]:
    return {entry.selector: entry for entry in (*_custom(), *map(_built_in, _BUILT_IN))}


def _custom() -> tuple[Entry, ...]:
    return tuple(entry for name in CONTRACTS for entry in contract(name).abi if entry.kind == "error")


def _built_in(described: tuple[str, str, str]) -> Entry:
    name, argument, kind = described
    part = Parameter(name=argument, type=kind, internal_type="", indexed=False, components=())
    return Entry(kind="error", name=name, inputs=(part,), outputs=())
