"""A leaf's bytes: one form for each leaf, and no bytes do anything but decode or be refused by name."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.protocol.exact.encoding import decode, encode
from market.protocol.exact.leaf import (
    MAX_DIMENSIONS,
    MAX_GUARDS,
    BadLeaf,
    Guard,
    Kind,
    Leaf,
    LeafMalformed,
    Op,
    Operand,
    View,
    WordType,
    check_program,
)
from tests.unit.exact_game.tiny import PROGRAM
from tests.unit.protocol.exact_samples import program

longs = st.integers(-(1 << 63), (1 << 63) - 1)
words = st.integers(0, (1 << 32) - 1)
small_longs = st.integers(-70, 70)


def views(dims: int) -> st.SearchStrategy[View]:
    line = st.tuples(*[st.one_of(small_longs, longs)] * dims)
    guard = st.builds(Guard, base=longs, coefficients=line, size=words, stride=longs, divisor=words)
    guards = st.lists(guard, max_size=MAX_GUARDS).map(tuple)
    return st.builds(View, offset=longs, strides=line, guards=guards, fill=words)


def operands(dims: int) -> st.SearchStrategy[Operand]:
    return st.one_of(
        st.builds(Operand, kind=st.just(Kind.CONSTANT), word=words),
        st.builds(
            Operand,
            kind=st.sampled_from([Kind.VALUE, Kind.INDEX]),
            source=words,
            elements=st.integers(0, (1 << 64) - 1),
            type=st.sampled_from(WordType),
            view=views(dims),
        ),
    )


@st.composite
def leaves(draw: st.DrawFn) -> Leaf:
    shape = draw(st.lists(words, max_size=MAX_DIMENSIONS).map(tuple))
    return Leaf(
        op=draw(st.sampled_from(Op)),
        type=draw(st.sampled_from(WordType)),
        shape=shape,
        operands=draw(st.lists(operands(len(shape)), max_size=3).map(tuple)),
        length=draw(words),
    )


@given(leaves())
@settings(max_examples=150, deadline=None)
def test_a_leaf_is_what_its_bytes_decode_to(leaf: Leaf) -> None:
    assert decode(encode(leaf)) == leaf


@given(leaves(), st.data())
@settings(max_examples=150, deadline=None)
def test_truncated_or_lengthened_bytes_are_refused(leaf: Leaf, data: st.DataObject) -> None:
    whole = encode(leaf)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    for broken in (cut, whole + b"\0"):
        with pytest.raises(LeafMalformed) as refused:
            decode(broken)
        assert 0 <= refused.value.offset <= len(broken)


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_decode_to_themselves_or_are_refused(data: bytes) -> None:
    again = decoded_again(data)
    assert again is None or again == data


def decoded_again(data: bytes) -> bytes | None:
    """Return the bytes of the leaf that these bytes stand for; None when they were refused by name."""
    try:
        leaf = decode(data)
    except LeafMalformed:
        return None
    return encode(leaf)


def mutated(data: bytes, dice: random.Random) -> bytes:
    """Return bytes with a few of them changed, cut out, doubled, or set to an extreme."""
    made = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at, end = sorted((dice.randrange(len(made) + 1), dice.randrange(len(made) + 1)))
        match dice.randrange(5):
            case 0 if made:
                made[at % len(made)] ^= 1 << dice.randrange(8)
            case 1 if made:
                made[at % len(made)] = dice.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                del made[at : min(end, at + 9)]
            case 3:
                made[at:at] = made[at : min(end, at + 40)]
            case _:
                made[at:at] = dice.randbytes(dice.choice((1, 4, 8)))
    return bytes(made)


def test_five_thousand_mutated_leaves_decode_to_themselves_or_are_refused_and_none_takes_long() -> None:
    seed = random.randrange(1 << 32)
    dice, corpus = random.Random(seed), [encode(leaf) for leaf in PROGRAM.leaves]
    slowest, decoded = 0.0, 0
    for _ in range(5_000):
        data = mutated(dice.choice(corpus), dice)
        began = time.perf_counter()
        again = decoded_again(data)
        slowest = max(slowest, time.perf_counter() - began)
        assert again is None or again == data, f"seed {seed}"
        decoded += again is not None
    assert slowest < 0.5, f"seed {seed}"
    assert 0 < decoded < 5_000, f"seed {seed}: mutations must go both ways"


def test_a_program_with_a_mutated_leaf_is_sound_or_refused_by_name() -> None:
    seed = random.randrange(1 << 32)
    dice, refusals = random.Random(seed), 0
    corpus = [encode(leaf) for leaf in PROGRAM.leaves]
    for _ in range(5_000):
        data = bytearray(dice.choice(corpus))
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        try:
            check_program(program(decode(bytes(data))))
        except (BadLeaf, LeafMalformed):
            refusals += 1
    assert refusals > 2_500, f"seed {seed}: most mutations are wrong for this program"
