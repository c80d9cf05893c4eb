"""The six contracts as Python sees them: calls to encode, results and logs to decode. Pure once loaded.

Reads the committed build artifacts (`artifacts/*.json`: ABI and bytecode) and nothing else. Never talks to a node.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from market.chain.abi import Construct, Entry, decode_arguments, encode_arguments, snake_case
from market.chain.deployment import CONTRACTS, Deployment
from market.chain.values import Bond, ChainEvent, Challenge, ChannelState, CourtPolicy, Escrow, Game, Verifier
from market.protocol.errors import CommonwattError
from market.protocol.jobs import MatchEntry
from market.protocol.typed import Bid, Offer, Receipt
from market.protocol.words import (
    ChallengeStatus,
    EnergySource,
    ExecutionClass,
    JobStatus,
    Level,
    ReceiptKind,
    Side,
    Verdict,
    VoucherSkip,
)

CLASSES: Final[Mapping[str, Construct]] = {
    "struct Bid": Bid,
    "struct Offer": Offer,
    "struct Receipt": Receipt,
    "struct Place": MatchEntry,
    "struct IJobs.Escrow": Escrow,
    "struct IBonds.Bond": Bond,
    "struct IChannels.State": ChannelState,
    "struct IDisputes.Challenge": Challenge,
    "struct IDisputes.Policy": CourtPolicy,
    "struct IDisputes.Verifier": Verifier,
    "struct IGames.Game": Game,
    "enum JobStatus": JobStatus.from_chain,
    "enum ExecutionClass": ExecutionClass.from_chain,
    "enum ChallengeStatus": ChallengeStatus.from_chain,
    "enum Verdict": Verdict.from_chain,
    "enum Level": Level.from_chain,
    "enum Side": Side.from_chain,
    "enum VoucherSkip": VoucherSkip.from_chain,
    "enum ReceiptKind": ReceiptKind.from_chain,
    "enum EnergySource": EnergySource.from_chain,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSuchEntry(CommonwattError):
    """The contract has no such function or event, or more than one by that name."""

    contract: str
    entry: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One contract's built form."""

    name: str
    abi: tuple[Entry, ...]
    bytecode: bytes

    def function(self, name: str) -> Entry:
        """Return the function by name, or by full signature where a name is overloaded; raises NoSuchEntry."""
        found = [e for e in self.abi if e.kind == "function" and name in (e.name, e.signature)]
        if len(found) != 1:
            raise NoSuchEntry(contract=self.name, entry=name)
        return found[0]

    def event(self, name: str) -> Entry:
        """Return the event by name; raises NoSuchEntry."""
        found = [e for e in self.abi if e.kind == "event" and e.name == name]
        if len(found) != 1:
            raise NoSuchEntry(contract=self.name, entry=name)
        return found[0]

    @property
    def constructor(self) -> Entry | None:
        return next((entry for entry in self.abi if entry.kind == "constructor"), None)


@cache
def contract(name: str) -> Contract:
    """Return one of the six contracts; raises NoSuchEntry for another name."""
    if name not in CONTRACTS:
        raise NoSuchEntry(contract=name, entry="")
    text = resources.files("market.chain").joinpath("artifacts", f"{name}.json").read_text()
    document = json.loads(text)
    abi = tuple(Entry.parse(entry) for entry in document["abi"])
    return Contract(name=name, abi=abi, bytecode=bytes.fromhex(_code(document["bytecode"]).removeprefix("0x")))


def _code(bytecode: Any) -> str:
    return str(bytecode["object"] if isinstance(bytecode, dict) else bytecode)


def encode_call(contract_name: str, function: str, *arguments: Any) -> bytes:
    """Return call data. Protocol values (Bid, JobRecord, Receipt...) may stand where the ABI wants a struct."""
    entry = contract(contract_name).function(function)
    return entry.selector + encode_arguments(entry.inputs, arguments)


def decode_result(contract_name: str, function: str, data: bytes) -> Any:
    """Return a call's result: nothing, one value, or a tuple of values."""
    outputs = contract(contract_name).function(function).outputs
    values = decode_arguments(outputs, data, CLASSES)
    if not values:
        return None
    return values[0] if len(values) == 1 else tuple(values)


def encode_constructor(contract_name: str, *arguments: Any) -> bytes:
    """Return creation code with its arguments."""
    built = contract(contract_name)
    inputs = built.constructor.inputs if built.constructor else ()
    return built.bytecode + encode_arguments(inputs, arguments)


def event_topic(contract_name: str, event: str) -> bytes:
    """Return the first topic of an event, to search logs by."""
    return contract(contract_name).event(event).topic


def decode_log(deployment: Deployment, log: Mapping[str, Any], *, block_timestamp: int) -> ChainEvent | None:
    """Return a node's log entry as an event; None when it is not of our contracts or not in their ABI."""
    name = _names_by_address(deployment).get(str(log["address"]).lower())
    return None if name is None else decode_log_as(name, log, block_timestamp=block_timestamp)


def decode_log_as(contract_name: str, log: Mapping[str, Any], *, block_timestamp: int) -> ChainEvent | None:
    """Return a log entry as an event of that contract, wherever it stands; None when its ABI has no such event."""
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    entry = _events_by_topic(contract_name).get(topics[0]) if topics else None
    if entry is None:
        return None
    return ChainEvent(
        name=entry.name,
        contract=contract_name,
        args=_event_args(entry, topics[1:], bytes.fromhex(log["data"][2:])),
        block_number=int(log["blockNumber"], 16),
        block_hash=bytes.fromhex(log["blockHash"][2:]),
        block_timestamp=block_timestamp,
        tx_hash=bytes.fromhex(log["transactionHash"][2:]),
        log_index=int(log["logIndex"], 16),
    )


def decode_logs(
    deployment: Deployment, logs: Iterable[Mapping[str, Any]], *, block_timestamp: int
) -> tuple[ChainEvent, ...]:
    """Return our events among the logs of one block, in order."""
    decoded = (decode_log(deployment, log, block_timestamp=block_timestamp) for log in logs)
    return tuple(event for event in decoded if event is not None)


@cache
def _names_by_address(deployment: Deployment) -> dict[str, str]:
    return {address.lower(): name for name, address in deployment.addresses.items()}


@cache
def _events_by_topic(contract_name: str) -> dict[bytes, Entry]:
    return {entry.topic: entry for entry in contract(contract_name).abi if entry.kind == "event"}


def _event_args(entry: Entry, topics: list[bytes], data: bytes) -> dict[str, Any]:
    indexed = [part for part in entry.inputs if part.indexed]
    plain = [part for part in entry.inputs if not part.indexed]
    args = dict(zip((part.name for part in plain), decode_arguments(plain, data, CLASSES), strict=True))
    for part, topic in zip(indexed, topics, strict=True):
        args[part.name] = decode_arguments([part], topic, CLASSES)[0]
    return {snake_case(part.name): args[part.name] for part in entry.inputs}
