"""Safetensors from strangers: a header is believed only when everything in it adds up."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from market.protocol.shapes import DType, TensorType
from market.protocol.state import NamedBytes
from market.protocol.tensors import MAX_HEADER_BYTES, TensorsMalformed, encode, header_bytes, read, read_header

A = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
B = {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]}


def document(header: Any, body: bytes = bytes(11)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def test_a_sound_document_is_read_by_name() -> None:
    data = document({"b": B, "a": A, "__metadata__": {"who": "anyone"}})

    names = {item.name: (item.dtype, item.shape, bytes(item.data)) for item in read(data)}

    assert names == {"a": ("F32", (2,), bytes(8)), "b": ("U8", (3,), bytes(3))}


def test_only_the_head_is_needed_for_the_header() -> None:
    data = document({"b": B, "a": A})

    entries = read_header(data[: header_bytes(data[:8])], total_bytes=len(data))

    assert [(entry.name, entry.type) for entry in entries] == [
        ("a", TensorType(DType.F32, (2,))),
        ("b", TensorType(DType.U8, (3,))),
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x10", "1 bytes instead of 8"),
        (document({"a": A, "b": B})[:-1], "tensors end at"),
        (document({"a": A, "b": B}) + b"x", "tensors end at"),
        (document({"a": A, "b": B})[:40], "bytes are there"),
        ((MAX_HEADER_BYTES + 1).to_bytes(8, "little") + b"{}", "is not in 2"),
        (document(b"nonsense"), "not JSON"),
        (document(b"[" * 5000), "nested deeper"),
        (document(b"\xff\xfe{}"), "not JSON"),
        (document([]), "not an object"),
        (document({}), "0 tensors"),
        (document(b'{"a":{},"a":{}}'), "stands twice"),
        (document({"a": A, "b": {**B, "data_offsets": [7, 10]}}), "begins at"),
        (document({"a": A, "b": {**B, "data_offsets": [9, 12]}}), "begins at"),
        (document({"a": A, "b": {**B, "shape": [4]}}), "do not hold"),
        (document({"a": A, "b": {**B, "dtype": "F8_E4M3"}}), "F8_E4M3"),
        (document({"a": A, "b": {**B, "shape": [3, 0]}}), "not positive"),
        (document({"a": A, "b": {**B, "shape": [3.0]}}), "not a list of integers"),
        (document({"a": A, "b": {**B, "shape": "3"}}), "not a list of integers"),
        (document({"a": A, "b": {**B, "data_offsets": [8]}}), "unpack"),
        (document({"a": A, "b": {**B, "data_offsets": [-3, 0]}}), "offsets"),
        (document({"a": A, "b": {**B, "more": 1}}), "not an object of"),
        (document({"a": A, "\n": B}), "not a printable name"),
    ],
)
def test_a_document_that_does_not_add_up_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(TensorsMalformed, match=reason):
        read(data)


def test_documents_are_those_of_the_safetensors_library() -> None:
    theirs = save({"x": np.arange(6, dtype=np.float32).reshape(2, 3), "y": np.array([1, 2], dtype=np.int64)})

    ours = encode(read(theirs))

    assert np.array_equal(load(ours)["x"], load(theirs)["x"])
    assert np.array_equal(load(ours)["y"], load(theirs)["y"])


def test_the_order_of_tensors_does_not_change_the_document() -> None:
    one, two = (NamedBytes(name=name, dtype="U8", shape=(1,), data=name.encode()) for name in "ab")

    assert encode([one, two]) == encode([two, one])


@given(at=st.integers(0, 200), byte=st.integers(0, 255))
def test_one_changed_byte_is_another_document_or_a_named_error(at: int, byte: int) -> None:
    sound = document({"a": A, "b": B})
    data = sound[: at % len(sound)] + bytes([byte]) + sound[at % len(sound) + 1 :]
    try:
        assert len(read(data)) > 0
    except TensorsMalformed as refused:
        assert refused.facts()
