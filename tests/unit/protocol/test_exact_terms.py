"""What an exact job commits to: roots over words, the terms' hash, and the specification that states it."""

import hashlib
import json
import random
from array import array
from dataclasses import fields, replace

import numpy as np
import pytest
from eth_abi.abi import encode as abi_encode

from market.protocol import canonical, merkle
from market.protocol.exact import commit
from market.protocol.exact.encoding import encode
from market.protocol.exact.jobs import NoWords, exact_job, exact_state_root, words_of
from market.protocol.exact.lower import CannotLower
from market.protocol.exact.terms import ExactTerms, WrongCourt, require_court
from market.protocol.graph import Input, Node, Program, Ref, Role
from market.protocol.shapes import DType
from market.protocol.specs import BadSpec, TrainSpec, UnitPlan
from market.protocol.state import NamedBytes
from market.protocol.words import ExecutionClass
from tests.unit.protocol.exact_samples import DATASET, exact_spec, program, small_exact_job
from tests.unit.protocol.program_samples import small, spec, tensor
from worker.engine.exact import choose

# Of the first commit of this format: a change of these bytes is a change of everybody's commitments.
SPEC_HASH = "18f2097aae079fd5954f38de3f79114d96c0a2c55f79c048432e079a493a3000"
PINNED_HASH = "63d918d5014e2b2357d4319d5e6e26f82ec133f1e5e623142810bf0f58a07025"


def named(name: str, dtype: str, data: bytes, *shape: int) -> NamedBytes:
    return NamedBytes(name=name, dtype=dtype, shape=shape, data=data)


# ---- values and states


def test_the_root_of_a_value_is_the_tree_over_blocks_of_64_words() -> None:
    words = random.Random(3).randbytes(4 * 150)
    leaves = [hashlib.sha256(b"\0" + words[at : at + 256]).digest() for at in (0, 256, 512)]
    first = hashlib.sha256(b"\1" + leaves[0] + leaves[1]).digest()
    assert commit.value_root(words) == hashlib.sha256(b"\1" + first + leaves[2]).digest()


def test_the_root_of_one_word_is_its_leaf() -> None:
    assert commit.value_root(b"word") == hashlib.sha256(b"\0word").digest()


@pytest.mark.parametrize("count", [1, 63, 64, 65, 128, 4096, 4097, 20_000])
@pytest.mark.parametrize("is_float", [True, False])
def test_the_worker_hashes_a_value_as_the_protocol_does(count: int, is_float: bool) -> None:
    held = np.frombuffer(random.Random(count).randbytes(4 * count), dtype="<u4").copy()
    held[0] = 0xFFFFFFFF  # a NaN where the words are floats
    wanted = commit.value_root(commit.canonical(held.tobytes()) if is_float else held.tobytes())
    assert choose().value_roots([(held.ctypes.data, count, is_float)]) == [wanted]


def test_every_nan_is_hashed_as_one() -> None:
    items = array("I", [0x7FC00000, 0x7F800001, 0xFFFFFFFF, 0x7F800000, 0xFF800000, 0x80000000])
    kept = array("I", [0x7FC00000, 0x7FC00000, 0x7FC00000, 0x7F800000, 0xFF800000, 0x80000000])
    assert commit.canonical(items.tobytes()) == kept.tobytes()


def test_a_state_is_hashed_by_name_whatever_its_order() -> None:
    b, a = named("b", "F32", b"bbbb", 1), named("a", "I32", b"aaaa", 1)
    wanted = commit.state_root([commit.value_root(b"aaaa"), commit.value_root(b"bbbb")])
    assert [exact_state_root([b, a]), exact_state_root([a, b])] == [wanted, wanted]


def test_the_root_of_a_state_depends_on_which_tensor_has_which_words() -> None:
    one = exact_state_root([named("a", "F32", b"aaaa", 1), named("b", "F32", b"bbbb", 1)])
    other = exact_state_root([named("a", "F32", b"bbbb", 1), named("b", "F32", b"aaaa", 1)])
    assert one != other


@pytest.mark.parametrize(
    ("dtype", "data", "words"),
    [
        ("U8", bytes([0, 255]), [0, 255]),
        ("BOOL", bytes([1, 0]), [1, 0]),
        ("I64", array("q", [-1, (1 << 31) - 1, -(1 << 31)]).tobytes(), [-1, (1 << 31) - 1, -(1 << 31)]),
        ("I32", array("i", [-5]).tobytes(), [-5]),
    ],
)
def test_integers_become_words_of_32_bits(dtype: str, data: bytes, words: list[int]) -> None:
    assert array("i", bytes(words_of(named("x", dtype, data, len(words))))).tolist() == words


@pytest.mark.parametrize("number", [1 << 31, -(1 << 31) - 1, (1 << 63) - 1])
def test_an_integer_beyond_32_bits_has_no_words(number: int) -> None:
    with pytest.raises(NoWords) as refused:
        words_of(named("tokens", "I64", array("q", [0, number]).tobytes(), 2))
    assert refused.value.tensor == "tokens"


def test_float64_has_no_words() -> None:
    with pytest.raises(NoWords) as refused:
        words_of(named("x", "F64", bytes(8), 1))
    assert "F64 has no exact form" in refused.value.reason


# ---- terms


def test_the_hash_of_the_terms_is_that_of_their_abi_encoding() -> None:
    terms = small_exact_job().terms
    solidity = (
        "(bytes32,bytes32,bytes32,bytes32,bytes32,uint32,uint32,uint32,uint32,uint32,uint32,uint32,uint64,uint64)"
    )
    encoded = abi_encode([solidity], [tuple(getattr(terms, field.name) for field in fields(terms))])
    assert (len(encoded), terms.hash()) == (14 * 32, hashlib.sha256(encoded).digest())


@pytest.mark.parametrize("field", [field.name for field in fields(ExactTerms)])
def test_every_field_of_the_terms_is_in_their_hash(field: str) -> None:
    terms = small_exact_job().terms
    old = getattr(terms, field)
    other = replace(terms, **{field: old + 1 if isinstance(old, int) else bytes(32)})
    assert terms.hash() != other.hash()


def test_the_terms_of_a_job_are_its_documents_and_its_schedule() -> None:
    job, wanted = small_exact_job(), exact_spec()
    terms = job.terms
    words = array("i", range(60)).tobytes()
    assert terms.leaves_root == merkle.root([encode(leaf) for leaf in job.program.leaves])
    assert terms.outputs_root == merkle.root([value.to_bytes(4, "big") for value in job.program.outputs])
    assert terms.state_root == merkle.root([merkle.root([bytes(range(16))])])
    assert (terms.dataset_root, terms.dataset_items) == (commit.value_root(words), 60)
    assert terms.units_root == merkle.root([commit.unit_leaf(unit) for unit in wanted.units()])
    counts = (terms.leaf_count, terms.state_slots, terms.unit_count, terms.segment_steps, terms.steps_per_unit)
    assert counts == (len(job.program.leaves), 1, 3, wanted.segment_steps, wanted.steps_per_unit)
    assert (terms.batch, terms.window, terms.seed) == (wanted.batch, wanted.window, wanted.seed)


def test_a_unit_is_known_by_24_bytes() -> None:
    unit = UnitPlan(index=1, round=2, shard=3, shards=4, first_step=5, predecessors=(0,))
    assert commit.unit_leaf(unit).hex() == "000000010000000200000003000000040000000000000005"


def test_the_terms_of_a_program_do_not_depend_on_the_order_of_its_state() -> None:
    b, a = (Input(role=Role.STATE, name=name, type=tensor(2, 2)) for name in "ba")
    rest = small().inputs[1:]
    forward = Program(inputs=(a, b, *rest), nodes=small_nodes(first=0), outputs=(5, 1, 6))
    backward = Program(inputs=(b, a, *rest), nodes=small_nodes(first=1), outputs=(0, 5, 6))
    state = [named(name, "F32", name.encode() * 16, 2, 2) for name in "ab"]
    first, second = (exact_job(exact_spec(), each, state, DATASET) for each in (forward, backward))
    assert first.program.outputs == second.program.outputs
    assert [slot.name for slot in second.program.state_slots] == ["a", "b"]
    assert first.terms == second.terms


def small_nodes(first: int) -> tuple[Node, ...]:
    """The product of the state `first` with itself, a sum, and the loss, of a program with two states."""
    mm, add, mean = small().nodes
    return (
        replace(mm, arguments=(Ref(first), Ref(first))),
        replace(add, arguments=(Ref(4), 0.5, 1)),
        replace(mean, arguments=(Ref(5), None)),
    )


def test_a_state_of_float64_is_not_lowered() -> None:
    weight = Input(role=Role.STATE, name="weight", type=tensor(2, 2, dtype=DType.F64))
    with pytest.raises(CannotLower) as refused:
        small_exact_job(replace(small(), inputs=(weight, *small().inputs[1:])))
    assert "weight is F64" in refused.value.reason


def test_a_court_of_another_job_is_named() -> None:
    terms = small_exact_job().terms
    require_court(exact_spec(court=terms.hash().hex()), terms)
    with pytest.raises(WrongCourt) as refused:
        require_court(exact_spec(), terms)
    assert (refused.value.stated, refused.value.computed) == ("ab" * 32, terms.hash().hex())


# ---- specifications


def test_the_hash_of_an_exact_specification_names_its_court_first() -> None:
    wanted = exact_spec()
    document = hashlib.sha256(canonical.encode(wanted.to_json())).digest()
    assert wanted.hash() == hashlib.sha256(bytes.fromhex("ab" * 32) + document).digest()


def test_the_hash_of_a_pinned_specification_is_that_of_its_bytes() -> None:
    assert spec().hash() == hashlib.sha256(spec().encode()).digest()


def test_specifications_hash_as_they_did() -> None:
    assert [exact_spec().hash().hex(), spec().hash().hex()] == [SPEC_HASH, PINNED_HASH]


@pytest.mark.parametrize("wanted", [exact_spec(), spec()], ids=["EXACT", "PINNED"])
def test_a_specification_is_read_back_from_its_json(wanted: TrainSpec) -> None:
    assert TrainSpec.from_json(json.loads(wanted.encode())) == wanted


@pytest.mark.parametrize(
    ("execution_class", "court"),
    [(ExecutionClass.EXACT, None), (ExecutionClass.PINNED, "ab" * 32)],
)
def test_an_exact_specification_has_a_court_and_no_other_has(execution_class: ExecutionClass, court: str) -> None:
    with pytest.raises(BadSpec) as refused:
        spec(execution_class=execution_class, court=court)
    assert refused.value.field == "court"


@pytest.mark.parametrize("court", ["", "ab", "AB" * 32, "0x" + "ab" * 32, "zz" * 32, 5, ["ab" * 32]])
def test_a_court_is_64_hexadecimal_digits(court: object) -> None:
    with pytest.raises(BadSpec) as refused:
        TrainSpec.from_json({**exact_spec().to_json(), "court": court})
    assert refused.value.field == "court"


def test_a_specification_without_the_field_is_refused() -> None:
    document = spec().to_json()
    del document["court"]
    with pytest.raises(BadSpec) as refused:
        TrainSpec.from_json(document)
    assert refused.value.field == "court"


def test_the_leaves_of_a_program_are_hashed_in_their_order() -> None:
    made = program()
    assert commit.leaves_root(made) == merkle.root([encode(made.leaves[0])])
