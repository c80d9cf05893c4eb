"""Matrix products and sums: every set of kernels, on one thread and on two, gives the bits that the leaf prescribes."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine_exact.kernel_samples import (
    NAMES,
    Array,
    chain,
    every,
    floats,
    fma,
    made,
    matched,
    product,
    rounded,
    same,
)
from worker.engine.exact import choose
from worker.engine.exact.blocks import Kernels, Line, Matrix, View, address

KERNELS = pytest.mark.parametrize("name, threads", every())


def multiplied(kernels: Kernels, a: Array, b: Array, layout: str = "nn") -> Array:
    """Return a @ b by kernels, the operands lying row by row (n) or column by column (t)."""
    held = [np.ascontiguousarray(x if how == "n" else x.T) for x, how in zip((a, b), layout, strict=True)]
    steps = [(x.shape[1], 1) if how == "n" else (1, x.shape[1]) for x, how in zip(held, layout, strict=True)]
    out = np.full((a.shape[0], b.shape[1]), np.nan, np.float32)
    left, right = (Matrix(address(x), *step) for x, step in zip(held, steps, strict=True))
    kernels.gemm((a.shape[0], b.shape[1], a.shape[1]), left, right, Matrix(address(out), b.shape[1]))
    return out


def test_the_reference_fma_rounds_the_exact_sum_once() -> None:
    a, b = floats(1, 400), floats(2, 400)
    c = np.where(np.arange(400) % 2 == 0, floats(3, 400), -(a * b) * np.float32(1 + 2**-20)).astype(np.float32)
    a[::7] *= np.float32(1e-25)
    b[::7] *= np.float32(1e-18)
    c[::7] *= np.float32(1e-42)
    exact = [Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)) for x, y, z in zip(a, b, c, strict=True)]

    found = fma(a, b, c)

    assert [x for x, e in zip(found, exact, strict=True) if e and abs(e) < 3e38] == [
        rounded(e) for e in exact if e and abs(e) < 3e38
    ]


@KERNELS
@pytest.mark.parametrize("layout", ["nn", "nt", "tn"])
@pytest.mark.parametrize("k", [0, 1, 255, 256, 257, 512, 513])
def test_a_product_is_the_chunked_chain(name: str, threads: int, layout: str, k: int) -> None:
    a, b = floats(k, 61, k), floats(k + 1, k, 67)

    assert same(multiplied(made(name, threads), a, b, layout), product(a, b))


@KERNELS
@pytest.mark.parametrize("m, n", [(1, 300), (300, 1), (13, 130), (200, 33)])
def test_a_product_of_special_values_is_the_chunked_chain(name: str, threads: int, m: int, n: int) -> None:
    a, b = floats(5, m, 300, specials=True), floats(6, 300, n, specials=True)

    assert same(multiplied(made(name, threads), a, b), product(a, b))


@KERNELS
def test_a_product_keeps_subnormals_and_signed_zeros(name: str, threads: int) -> None:
    a, b = floats(7, 70, 1) * np.float32(1e-22), floats(8, 1, 70) * np.float32(1e-22)
    expected = product(a, b)

    assert (expected.view(np.uint32) == 0x80000000).any()
    assert same(multiplied(made(name, threads), a, b), expected)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(
    m=st.integers(1, 40), n=st.integers(1, 50), k=st.integers(1, 20), layout=st.sampled_from(["nn", "nt", "tn", "tt"])
)
def test_a_product_of_any_small_shape_is_the_chain(name: str, m: int, n: int, k: int, layout: str) -> None:
    a, b = floats(m, m, k, specials=True), floats(n, k, n)

    assert same(multiplied(choose(name), a, b, layout), product(a, b))


@KERNELS
def test_a_batch_is_one_product_after_another(name: str, threads: int) -> None:
    a, b = floats(1, 6, 64, 32), floats(2, 6, 32, 64)
    out = np.empty((6, 64, 64), np.float32)

    made(name, threads).gemm(
        (64, 64, 32),
        Matrix(address(a), 32, 1, 2048),
        Matrix(address(b), 64, 1, 2048),
        Matrix(address(out), 64, 1, 4096),
        6,
    )

    assert all(same(out[i], product(a[i], b[i])) for i in range(6))


@KERNELS
@pytest.mark.parametrize("k", [0, 1, 256, 257, 700])
def test_a_sum_down_columns_is_the_chunked_chain(name: str, threads: int, k: int) -> None:
    x, out = floats(k, k, 203, specials=True), np.full(203, np.nan, np.float32)

    made(name, threads).chain_sum(address(out), address(x), View((203,), (1,)), 1.0, k=k, step=203)

    assert same(out, chain(k, lambda p: (x[p], np.ones(203, np.float32)), (203,)))


@KERNELS
def test_a_sum_in_sixteen_lanes_is_the_chunked_chain(name: str, threads: int) -> None:
    x, out = floats(3, 45, 300, 16), np.full((45, 16), np.nan, np.float32)

    made(name, threads).chain_sum(address(out), address(x), View((45, 16), (4800, 1)), 0.5, k=300, step=16)

    assert same(out, chain(300, lambda p: (x[:, p], np.full((45, 16), 0.5, np.float32)), (45, 16)))


@KERNELS
def test_a_sum_of_strided_rows_is_the_chunked_chain(name: str, threads: int) -> None:
    x, out = floats(4, 7, 11, 270), np.full((11, 7), np.nan, np.float32)

    made(name, threads).chain_sum(address(out), address(x), View((11, 7), (270, 2970)), 1.0, k=270, step=1)

    assert same(out, chain(270, lambda p: (x[:, :, p].T, np.ones((11, 7), np.float32)), (11, 7)))


@KERNELS
@pytest.mark.parametrize("k", [1, 256, 257, 600])
def test_a_match_sums_the_rows_of_its_key_in_order(name: str, threads: int, k: int) -> None:
    x = floats(k, k, 1500, specials=True)[:, :75] if k < 300 else floats(k, k, 75)
    index = np.random.default_rng(k).integers(-1, 41, k).astype(np.int32)
    out, held = np.full((40, 75), np.nan, np.float32), np.ascontiguousarray(x)

    made(name, threads).match_sum(
        (40, 75, k), Line(address(index)), Matrix(address(held), 75), Matrix(address(out), 75)
    )

    assert same(out, matched(40, index, x))


@KERNELS
def test_a_match_reads_through_strides(name: str, threads: int) -> None:
    x, index = floats(9, 90, 300), np.repeat(np.arange(300, dtype=np.int32) % 9, 2)
    out = np.full((9, 90), np.nan, np.float32)

    made(name, threads).match_sum(
        (9, 90, 300), Line(address(index), 2), Matrix(address(x), 1, 300), Matrix(address(out), 90)
    )

    assert same(out, matched(9, index[::2], np.ascontiguousarray(x.T)))
