"""The contract ABI as data: types, selectors, and conversion between ABI values and ours. Pure; knows no contract.

A thin layer over eth-abi: Solidity's camelCase becomes snake_case, a struct or enum becomes the class registered for
its internal type, addresses are checksummed, arrays are tuples.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from functools import cached_property
from typing import Any

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

Construct = Callable[..., Any]

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake_case(name: str) -> str:
    """Return maxUnitPriceWei as max_unit_price_wei."""
    return _CAMEL.sub("_", name).lower()


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a function, event, error or struct."""

    name: str
    type: str
    internal_type: str
    indexed: bool
    components: tuple["Parameter", ...]

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> "Parameter":
        return cls(
            name=entry["name"],
            type=entry["type"],
            internal_type=entry.get("internalType", ""),
            indexed=entry.get("indexed", False),
            components=tuple(cls.parse(part) for part in entry.get("components", ())),
        )

    @cached_property
    def canonical(self) -> str:
        """The type as selectors spell it: structs as tuples of their members."""
        if not self.type.startswith("tuple"):
            return self.type
        return f"({','.join(part.canonical for part in self.components)}){self.type.removeprefix('tuple')}"

    def outward(self, value: Any) -> Any:
        """Return one of our values as eth-abi wants it."""
        if hasattr(value, "to_tuple"):
            return value.to_tuple()
        if self.type.endswith("]"):
            return [self._element.outward(item) for item in value]
        if self.type == "tuple" and is_dataclass(value):
            return tuple(part.outward(getattr(value, snake_case(part.name))) for part in self.components)
        return getattr(value, "on_chain", value)

    def inward(self, value: Any, classes: Mapping[str, Construct]) -> Any:
        """Return what eth-abi decoded as one of our values; classes: internal type -> constructor."""
        if self.type.endswith("]"):
            return tuple(self._element.inward(item, classes) for item in value)
        if self.type == "tuple":
            members = named(self.components, value, classes)
            return classes[self.internal_type](**members) if self.internal_type in classes else members
        if self.type == "address":
            return to_checksum_address(value)
        return classes[self.internal_type](value) if self.internal_type in classes else value

    @cached_property
    def _element(self) -> "Parameter":
        return Parameter(
            name="",
            type=self.type[: self.type.rindex("[")],
            internal_type=self.internal_type[: self.internal_type.rindex("[")] if "[" in self.internal_type else "",
            indexed=False,
            components=self.components,
        )


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A function, event or error of a contract."""

    kind: str
    name: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> "Entry":
        return cls(
            kind=entry["type"],
            name=entry.get("name", ""),
            inputs=tuple(Parameter.parse(part) for part in entry.get("inputs", ())),
            outputs=tuple(Parameter.parse(part) for part in entry.get("outputs", ())),
        )

    @cached_property
    def signature(self) -> str:
        return f"{self.name}({','.join(part.canonical for part in self.inputs)})"

    @cached_property
    def topic(self) -> bytes:
        """keccak256 of the signature: an event's first topic."""
        return bytes(keccak(text=self.signature))

    @property
    def selector(self) -> bytes:
        """The first four bytes of call data or of revert data."""
        return self.topic[:4]


def encode_arguments(parameters: Sequence[Parameter], arguments: Sequence[Any]) -> bytes:
    """Return the ABI encoding; raises TypeError when the count differs and eth-abi's EncodingError for a bad value."""
    if len(parameters) != len(arguments):
        raise TypeError(f"{len(arguments)} arguments for {[part.name for part in parameters]}")
    values = [part.outward(value) for part, value in zip(parameters, arguments, strict=True)]
    return bytes(abi_encode([part.canonical for part in parameters], values))


def decode_arguments(parameters: Sequence[Parameter], data: bytes, classes: Mapping[str, Construct]) -> list[Any]:
    """Invert encode_arguments; raises eth-abi's DecodingError for data of another form."""
    values = abi_decode([part.canonical for part in parameters], data)
    return [part.inward(value, classes) for part, value in zip(parameters, values, strict=True)]


def named(parameters: Iterable[Parameter], values: Iterable[Any], classes: Mapping[str, Construct]) -> dict[str, Any]:
    """Return decoded values by snake_case name."""
    return {snake_case(part.name): part.inward(value, classes) for part, value in zip(parameters, values, strict=True)}
