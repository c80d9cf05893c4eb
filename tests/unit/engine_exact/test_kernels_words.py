"""Copies, commitments and random words: every set of kernels moves and hashes the words that the leaf names."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.protocol import merkle
from tests.unit.engine_exact.kernel_samples import NAMES, Array, every, floats, made, rooted, viewed
from worker.engine.exact import choose, native, philox
from worker.engine.exact.blocks import Guard, Kernels, NotWords, View, address, span

KERNELS = pytest.mark.parametrize("name, threads", every())
WORDS = np.arange(100, 1100, dtype=np.uint32)

VIEWS = {
    "transposed": View((30, 20), (1, 30)),
    "broadcast": View((4, 5, 6), (0, 7, 0), 3),
    "backwards": View((10, 10), (-10, -1), 99),
    "scalar": View((), (), 17),
    "padded": View((9, 9), (0, 0), 0, (Guard(-1, 1, 7, 7, (1, 0)), Guard(-1, 1, 7, 1, (0, 1))), 5),
    "reversed window": View((4, 9), (20, 0), 0, (Guard(6, 1, 5, 2, (0, -1)),), 7),
    "spread": View((3, 11), (40, 0), 0, (Guard(0, 3, 4, 1, (0, 1)),), 0xFFFFFFFF),
    "spread rows": View((11, 4), (0, 1), 0, (Guard(-2, 2, 3, 9, (1, 0)),), 1),
    "im2col": View(
        (5, 5, 3, 3), (0, 0, 0, 0), 2, (Guard(-1, 1, 5, 5, (1, 0, 1, 0)), Guard(-1, 1, 5, 1, (0, 1, 0, 1))), 0
    ),
    "turned planes": View((3, 21, 19), (0, 1, 21), 0, (Guard(-1, 1, 1, 5, (1, 0, 0)),), 4),
    "turned past a row": View((13, 2, 11), (1, 13, 26)),
    "short rows": View((3, 4, 5, 8), (320, 8, 32, 1)),
    "empty": View((0, 4), (1, 1)),
}
GATHERS = {
    "rows": View((6, 12), (0, 1), 0, (Guard(0, 1, 20, 12, (0, 0)),), 9, (1, 0)),
    "words": View((6, 12), (20, 0), 0, (Guard(0, 1, 20, 1, (0, 0)),), 9, (0, 1), 3),
    "halves": View((18,), (0,), 0, (Guard(4, 2, 9, 3, (0,)),), 9, (1,)),
}


def copied(kernels: Kernels, view: View, index: Array | None = None) -> Array:
    out = np.full(view.elements, 0xDEAD, np.uint32)
    kernels.copy(address(out), address(WORDS), view, index=None if index is None else address(index))
    return out


@KERNELS
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_copy_takes_each_word_from_where_its_view_says(name: str, threads: int, view: View) -> None:
    assert copied(made(name, threads), view).tolist() == viewed(WORDS, view).tolist()


@KERNELS
@pytest.mark.parametrize("view", GATHERS.values(), ids=GATHERS)
def test_a_gather_adds_the_index_word_to_its_first_guard(name: str, threads: int, view: View) -> None:
    index = np.array([3, -1, 19, 20, 0, 7, 7, -(2**31), 2**31 - 1, 2, 4, 5, 6, 1, 8, 9, 10, 11], np.int32)

    assert copied(made(name, threads), view, index).tolist() == viewed(WORDS, view, index).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_a_part_of_a_copy_is_that_part(name: str) -> None:
    view, out = VIEWS["im2col"], np.zeros(225, np.uint32)
    for low, high in [(0, 7), (7, 100), (100, 225)]:
        choose(name).copy(address(out), address(WORDS), view, begin=low, end=high)

    assert out.tolist() == viewed(WORDS, view).tolist()


guards = st.builds(
    lambda base, divisor, size, coefs: Guard(base, divisor, size, 3, coefs),
    st.integers(-6, 6), st.integers(1, 3), st.integers(1, 6), st.tuples(*[st.integers(-2, 2)] * 3),
)  # fmt: skip
views = st.builds(
    lambda sizes, strides, held, fill: View(sizes, strides, 100, tuple(held), fill),
    st.tuples(*[st.integers(1, 10)] * 3), st.tuples(*[st.integers(-3, 9)] * 3), st.lists(guards, max_size=4),
    st.integers(0, 2**32 - 1),
)  # fmt: skip


@pytest.mark.parametrize("name", [NAMES[0], NAMES[-1]])
@settings(max_examples=150, deadline=None)
@given(view=views)
def test_any_guarded_view_is_copied_as_written(name: str, view: View) -> None:
    assert copied(choose(name), view).tolist() == viewed(WORDS, view).tolist()


@pytest.mark.parametrize("instructions", [True, False])
@KERNELS
def test_a_value_root_is_the_tree_over_its_blocks(name: str, threads: int, instructions: bool) -> None:
    library = native.load()
    if library is not None:
        library.use_sha_instructions(instructions)
    sizes = [0, 1, 63, 64, 65, 128, 191, 192, 1000, 64 * 1024, 64 * 1024 + 1, 64 * 2049 + 5]
    values = [floats(n, n, specials=True) if n % 2 else floats(n, n).view(np.int32) for n in sizes]
    values[3].view(np.uint32)[5], values[2].view(np.uint32)[7] = 0xFFC12345, 0x7F800001
    given_values = [(address(value), value.size, value.dtype == np.float32) for value in values]

    found = made(name, threads).value_roots(given_values)

    assert found == [rooted(value, value.dtype == np.float32) for value in values]
    if library is not None:
        library.use_sha_instructions(True)


@KERNELS
def test_block_hashes_are_the_leaves_of_the_tree(name: str, threads: int) -> None:
    value = floats(3, 64 * 2001 + 9)
    data = value.tobytes()
    leaves = [merkle.leaf_hash(data[i : i + 256]) for i in range(0, len(data), 256)]
    kernels = made(name, threads)

    assert kernels.block_hashes(address(value), value.size, True) == b"".join(leaves)
    assert kernels.block_hashes(address(value), value.size, True, first=3, blocks=4) == b"".join(leaves[3:7])
    assert kernels.merkle_root(b"".join(leaves)) == merkle.root_of_hashes(leaves)


@pytest.mark.parametrize(
    "counter, key, expected",
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_philox_gives_the_published_words(
    name: str, counter: tuple[int, ...], key: tuple[int, int], expected: tuple[int, ...]
) -> None:
    out = np.zeros(4, np.uint32)

    block, stream, seed = (low | high << 32 for low, high in (counter[:2], counter[2:], key))
    choose(name).philox(address(out), seed, stream, block, 1)

    assert tuple(out.tolist()) == expected


@KERNELS
def test_a_stream_does_not_depend_on_who_fills_it(name: str, threads: int) -> None:
    assert philox.words(7, 2**40, 70001, made(name, threads)).tolist() == philox.words(7, 2**40, 70001).tolist()


def test_normals_are_normal_and_always_the_same() -> None:
    drawn = philox.normals(1, 2, 200_000)

    assert abs(float(drawn.mean(dtype=np.float64))) < 0.01
    assert abs(float(drawn.std(dtype=np.float64)) - 1) < 0.01
    assert abs(float((drawn.astype(np.float64) ** 4).mean()) - 3) < 0.06
    assert 0.0024 < float((np.abs(drawn) > 3).mean()) < 0.0030
    assert rooted(drawn[:64], True).hex() == "f09f36d326d59c540f734130e963ccb95d2db3c6eb5face81c27d6f59bef1bac"


def test_a_span_holds_every_word_of_a_view() -> None:
    assert span((3, 4), (-10, 2), 25) == (5, 31)
    assert span((3, 0), (1, 1), 9) == (9, 8)


def test_an_array_that_is_not_words_has_no_address() -> None:
    for array in (np.zeros(3), np.zeros((3, 3), np.float32)[:, 1], np.zeros(2, np.int64)):
        with pytest.raises(NotWords):
            address(array)
