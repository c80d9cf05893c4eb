"""The program document: one form, and no other is read."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.protocol import canonical
from market.protocol.canonical import NotCanonical
from market.protocol.errors import CommonwattError
from market.protocol.graph import MAX_DOCUMENT_BYTES, Node, Program, ProgramMalformed, Ref
from market.protocol.programs import ProgramLimits, check
from market.protocol.shapes import DType
from tests.unit.protocol.program_samples import small, tensor, with_node

LIMITS = ProgramLimits(max_bytes=1 << 30)


def changed(path: list[Any], value: Any) -> bytes:
    """The small program's document with one place replaced."""
    document = json.loads(small().encode())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return canonical.encode(document)


def test_a_program_comes_back_as_it_was_sent() -> None:
    assert Program.decode(small().encode()) == small()


def test_every_kind_of_argument_comes_back_as_it_was_sent() -> None:
    arguments = (Ref(0), (Ref(1), Ref(2)), 1, 1.0, -0.0, float("-inf"), True, None, (1, 2), DType.I64, ())
    program = with_node(0, arguments=arguments)

    back = Program.decode(program.encode())

    assert repr(back) == repr(program)


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (["version"], 2, "$.version"),
        (["version"], True, "$.version"),
        (["extra"], 1, "$"),
        (["inputs"], {}, "$.inputs"),
        (["inputs", 0, "role"], "weights", "$.inputs[0].role"),
        (["inputs", 0, "role"], ["state"], "$.inputs[0].role"),
        (["inputs", 0, "name"], "", "$.inputs[0].name"),
        (["inputs", 0, "name"], "a\u0000b", "$.inputs[0].name"),
        (["inputs", 0, "dtype"], "BF16", "$.inputs[0]"),
        (["inputs", 0, "shape"], [2, -1], "$.inputs[0].shape[1]"),
        (["inputs", 0, "shape"], [2, 0], "$.inputs[0].shape"),
        (["inputs", 0, "shape"], [1] * 9, "$.inputs[0].shape"),
        (["inputs", 0, "shape"], [1 << 40], "$.inputs[0].shape"),
        (["inputs", 0, "shape"], [True], "$.inputs[0].shape[0]"),
        (["nodes", 0, "operator"], 7, "$.nodes[0].operator"),
        (["nodes", 0, "arguments"], "0", "$.nodes[0].arguments"),
        (["nodes", 0, "arguments", 0], "__import__('os')", "$.nodes[0].arguments[0]"),
        (["nodes", 0, "arguments", 0], {"v": -1}, "$.nodes[0].arguments[0]"),
        (["nodes", 0, "arguments", 0], {"v": 0, "f": "0x1p+0"}, "$.nodes[0].arguments[0]"),
        (["nodes", 0, "arguments", 0], {"f": "1.5"}, "$.nodes[0].arguments[0]"),
        (["nodes", 0, "arguments", 0], {"f": "nan"}, "$.nodes[0].arguments[0]"),
        (["nodes", 0, "arguments", 0], {"d": "torch.float32"}, "$.nodes[0].arguments[0]"),
        (["nodes", 0, "arguments", 0], {"eval": "1"}, "$.nodes[0].arguments[0]"),
        (["nodes", 0, "arguments", 0], 1 << 63, "$.nodes[0].arguments[0]"),
        (["nodes", 0, "arguments", 0], [[1]], "$.nodes[0].arguments[0][0]"),
        (["nodes", 0, "outputs", 0, "device"], "cuda", "$.nodes[0].outputs[0]"),
        (["outputs", 0], -1, "$.outputs[0]"),
    ],
)
def test_a_document_of_another_form_is_refused_at_the_place(path: list[Any], value: Any, where: str) -> None:
    with pytest.raises(ProgramMalformed) as refused:
        Program.decode(changed(path, value))

    assert refused.value.where == where


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\x80\x04K\x01.",
        b'{"version":1}',
        b"[" * 100_000,
        b"[" * 900 + b"]" * 900,
        ("[" * 50_000).encode("utf-16"),
        b'{"a":"' + b"[" * 50_000,
        b'["\\' + b'"' * 50_001 + b"[" * 50_000,
        b'"\\ud800"',
        b'{"a":1,"a":1}',
        small().encode() + b" ",
        small().encode()[:-1],
    ],
)
def test_bytes_that_are_no_canonical_program_are_refused(data: bytes) -> None:
    with pytest.raises((ProgramMalformed, NotCanonical)):
        Program.decode(data)


def test_brackets_inside_a_string_are_not_depth() -> None:
    assert canonical.decode(canonical.encode({'a"b': "[" * 1000})) == {'a"b': "[" * 1000}


def test_a_deep_document_is_refused_even_where_python_would_recurse_into_it() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        with pytest.raises(NotCanonical, match="nested deeper"):
            Program.decode(b"[" * 90_000 + b"]" * 90_000)
    finally:
        sys.setrecursionlimit(before)


def test_an_endless_document_is_refused_unread() -> None:
    with pytest.raises(NotCanonical, match="exceed the limit"):
        Program.decode(b" " * (MAX_DOCUMENT_BYTES + 1))


@given(at=st.integers(0, len(small().encode()) - 1), byte=st.integers(0, 255))
def test_one_changed_byte_gives_another_program_or_a_named_error(at: int, byte: int) -> None:
    sound = small().encode()
    data = sound[:at] + bytes([byte]) + sound[at + 1 :]
    try:
        program = Program.decode(data)
        check(program, LIMITS)
    except CommonwattError as refused:
        assert refused.facts()
    else:
        assert program.encode() == data


_LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 1 << 64), st.floats(allow_nan=False), st.sampled_from(list(DType)),
    st.builds(Ref, st.integers(0, 9)),
)  # fmt: skip


@given(
    operator=st.sampled_from(["aten.mm.default", "aten.cat.default", "aten.view.default", "aten.sum.dim_IntList", "x"]),
    arguments=st.lists(st.one_of(_LEAF, st.lists(_LEAF, max_size=3).map(tuple)), max_size=5).map(tuple),
)
def test_any_node_at_all_passes_or_is_refused_by_name(operator: str, arguments: tuple[Any, ...]) -> None:
    node = Node(operator=operator, arguments=arguments, outputs=(tensor(2, 2),))
    program = Program(inputs=small().inputs, nodes=(node, *small().nodes[1:]), outputs=(4, 5))
    try:
        check(program, LIMITS)
    except CommonwattError as refused:
        assert refused.facts()


def test_reading_and_checking_a_program_needs_no_torch() -> None:
    code = (
        "import sys; from market.protocol.programs import Program, check, check_fits; "
        "from market.protocol import tensors; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
