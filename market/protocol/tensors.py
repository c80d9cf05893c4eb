"""Safetensors, read with suspicion and written one way.

Decides what a safetensors document must look like before anybody believes its header: bounded sizes, known dtypes,
tensors that fill the body without gap or overlap. Works on bytes, so the market reads a stranger's header without
torch. `encode` writes the same tensors to the same bytes everywhere, so that equal states are one artifact. Does no
I/O.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from market.protocol import canonical
from market.protocol.errors import CommonwattError
from market.protocol.shapes import DType, TensorType, Unfit, check_shape
from market.protocol.state import NamedBytes

PREFIX_BYTES = 8
MAX_HEADER_BYTES = 4 << 20
MAX_TENSORS = 10_000
MAX_NAME_CHARACTERS = 200
_METADATA = "__metadata__"
_ALIGNMENT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorsMalformed(CommonwattError):
    """The bytes are not a safetensors document this market accepts."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorEntry:
    """One tensor of a document: its name, its type, and where its bytes lie, counted from the document's start."""

    name: str
    type: TensorType
    begin: int
    end: int


def header_bytes(prefix: bytes) -> int:
    """Return how many bytes at the document's start hold prefix and header; raises TensorsMalformed."""
    if len(prefix) < PREFIX_BYTES:
        raise TensorsMalformed(where="prefix", reason=f"{len(prefix)} bytes instead of {PREFIX_BYTES}")
    length = int.from_bytes(prefix[:PREFIX_BYTES], "little")
    if not 2 <= length <= MAX_HEADER_BYTES:
        raise TensorsMalformed(where="prefix", reason=f"a header of {length} bytes is not in 2..{MAX_HEADER_BYTES}")
    return PREFIX_BYTES + length


def read_header(head: bytes, *, total_bytes: int) -> tuple[TensorEntry, ...]:
    """Return the entries of a document by name, reading only its head; raises TensorsMalformed.

    head: at least the first `header_bytes` bytes. total_bytes: the length of the whole document.
    """
    body = header_bytes(head)
    if len(head) < body or total_bytes < body:
        raise TensorsMalformed(where="header", reason=f"{min(len(head), total_bytes)} of its {body} bytes are there")
    entries = [_entry(name, value, body) for name, value in _parse(head[PREFIX_BYTES:body])]
    position = body
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != position:
            raise TensorsMalformed(where=entry.name, reason=f"begins at {entry.begin}, not at {position}")
        position = entry.end
    if position != total_bytes:
        raise TensorsMalformed(where="body", reason=f"tensors end at {position}, the document at {total_bytes}")
    return tuple(sorted(entries, key=lambda entry: entry.name))


def read(data: bytes) -> tuple[NamedBytes, ...]:
    """Return the tensors of a document held in memory, by name, without copying; raises TensorsMalformed."""
    view = memoryview(data)
    return tuple(
        NamedBytes(name=e.name, dtype=e.type.dtype.value, shape=e.type.shape, data=view[e.begin : e.end])
        for e in read_header(data, total_bytes=len(data))
    )


def encode(tensors: Iterable[NamedBytes]) -> bytes:
    """Return the one document that holds these tensors: by name, header padded so that the body starts aligned."""
    ordered = sorted(tensors, key=lambda tensor: tensor.name)
    header: dict[str, Any] = {}
    position = 0
    for tensor in ordered:
        size = memoryview(tensor.data).nbytes
        header[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [position, position + size],
        }
        position += size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(PREFIX_BYTES + len(text)) % _ALIGNMENT)
    parts = [len(text).to_bytes(PREFIX_BYTES, "little"), text]
    return b"".join([*parts, *(memoryview(tensor.data).cast("B") for tensor in ordered)])


def _parse(text: bytes) -> list[tuple[str, Any]]:
    try:
        document = canonical.parse(text, object_pairs_hook=_pairs)
    except canonical.NotCanonical as error:
        raise TensorsMalformed(where="header", reason=error.reason) from error
    if not isinstance(document, dict):
        raise TensorsMalformed(where="header", reason="not an object")
    items = [(name, value) for name, value in document.items() if name != _METADATA]
    if not 0 < len(items) <= MAX_TENSORS:
        raise TensorsMalformed(where="header", reason=f"{len(items)} tensors are not in 1..{MAX_TENSORS}")
    return items


def _pairs(items: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(items)
    if len(document) != len(items):
        raise ValueError("a key stands twice in one object")
    return document


def _entry(name: str, value: Any, body: int) -> TensorEntry:
    if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise TensorsMalformed(where=name[:MAX_NAME_CHARACTERS], reason="not a printable name of 1 to 200 characters")
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise TensorsMalformed(where=name, reason="not an object of dtype, shape and data_offsets")
    try:
        kind = TensorType(DType(value["dtype"]), check_shape(_integers(value["shape"])))
        begin, end = _integers(value["data_offsets"])
    except (ValueError, Unfit) as error:
        raise TensorsMalformed(where=name, reason=str(error)) from error
    if begin < 0 or end - begin != kind.bytes:
        raise TensorsMalformed(
            where=name, reason=f"offsets {begin}..{end} do not hold the {kind.bytes} bytes of {kind}"
        )
    return TensorEntry(name=name, type=kind, begin=body + begin, end=body + end)


def _integers(value: Any) -> list[int]:
    if not isinstance(value, list) or any(isinstance(item, bool) or not isinstance(item, int) for item in value):
        raise ValueError(f"{str(value)[:80]} is not a list of integers")
    return value
