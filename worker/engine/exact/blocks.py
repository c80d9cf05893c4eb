"""What every set of kernels can do, and how arrays and views are named to it.

Decides the words between the machine and its kernels: a place in memory is an address, a step is in 32-bit words, a
result is always row-major. Kernels trust what they are told, as C does: `span` says which words a view can touch, and
whoever makes a plan compares that with the memory it owns, once. Nothing here computes a value.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from market.protocol.errors import CommonwattError

WORD: Final = 4  # bytes
BLOCK_WORDS: Final = 64  # words under one leaf of a value's tree
Int64s = ctypes.Array[ctypes.c_int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotWords(CommonwattError):
    """An array is not what kernels read: 32-bit words, row-major, in memory of their own."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Guard:
    """One condition of a view: t = base + coefs . c; inside when t >= 0, divisor divides t and t / divisor < size."""

    base: int
    divisor: int
    size: int
    stride: int
    coefs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class View:
    """Which source word stands at each output coordinate, and for a gather which index word, in steps of words."""

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    guards: tuple[Guard, ...] = ()
    fill: int = 0
    index_strides: tuple[int, ...] | None = None
    index_offset: int = 0

    @property
    def elements(self) -> int:
        return prod(self.sizes)


@dataclass(frozen=True, slots=True)
class PackedView:
    """A view's numbers as C reads them; index_strides is None without a gather."""

    sizes: Int64s
    strides: Int64s
    guards: Int64s
    index_strides: Int64s | None


@lru_cache(maxsize=65536)
def packed(view: View) -> PackedView:
    """Return the view in the layout of native/strided.inc: per guard base, divisor, size, stride, then its coefs."""
    guards = [word for g in view.guards for word in (g.base, g.divisor, g.size, g.stride, *g.coefs)]
    index = None if view.index_strides is None else int64s(view.index_strides)
    return PackedView(int64s(view.sizes), int64s(view.strides), int64s(guards), index)


def int64s(values: Sequence[int]) -> Int64s:
    return (ctypes.c_int64 * len(values))(*values)


def address(array: np.ndarray[Any, Any]) -> int:
    """Return where a row-major array of 32-bit words begins; raises NotWords. The caller keeps the array alive."""
    if array.dtype.itemsize != WORD or array.dtype.kind not in "fiu" or not array.flags.c_contiguous:
        raise NotWords(dtype=str(array.dtype), shape=array.shape)
    return array.ctypes.data


def span(sizes: Sequence[int], strides: Sequence[int], offset: int = 0) -> tuple[int, int]:
    """Return the least and greatest word that an unguarded view touches; (offset, offset - 1) for an empty one."""
    if 0 in sizes:
        return offset, offset - 1
    ends = [(size - 1) * stride for size, stride in zip(sizes, strides, strict=True)]
    return offset + sum(min(end, 0) for end in ends), offset + sum(max(end, 0) for end in ends)


Shape = tuple[int, int, int]


class Line(NamedTuple):
    """Where words begin and how far apart they are."""

    at: int
    step: int = 1


class Matrix(NamedTuple):
    """Where a matrix begins, how far apart its rows, its columns, and in a batch its matrices are."""

    at: int
    row: int
    column: int = 1
    step: int = 0


class Kernels(Protocol):
    """The primitives over whole values. Every implementation gives the same bits; addresses are of 32-bit words."""

    @property
    def name(self) -> str: ...

    def gemm(self, shape: Shape, a: Matrix, b: Matrix, out: Matrix, batch: int = 1) -> None:
        """For shape (m, n, k) fill out[i, j] with the CHAIN over k of (a[i, k], b[k, j]); out.column is 1."""

    def chain_sum(
        self, out: int, source: int, view: View, constant: float, *,
        k: int, step: int, begin: int = 0, end: int | None = None,
    ) -> None:  # fmt: skip
        """Fill out[r] with the CHAIN over k of (source[view(r) + k * step], constant); the view has no guards."""

    def match_sum(self, shape: Shape, index: Line, x: Matrix, out: Matrix) -> None:
        """For shape (v, d, k) fill out[v, j] with the MATCH over k of (index[k] == v, x[k, j]); out.column is 1."""

    def copy(
        self, out: int, source: int, view: View, *, index: int | None = None, begin: int = 0, end: int | None = None
    ) -> None:
        """Fill out[r] with the source's words under the view; `index` is where the index words of a gather begin."""

    def block_hashes(
        self, words: int, count: int, is_float: bool, *, first: int = 0, blocks: int | None = None
    ) -> bytes:
        """Return the leaf hashes of a value of `count` words: of all its blocks, or of `blocks` from `first`."""

    def merkle_root(self, hashes: bytes) -> bytes:
        """Return the root over ready leaf hashes, 32 bytes each."""

    def value_roots(self, values: Sequence[tuple[int, int, bool]]) -> list[bytes]:
        """Return the root of each value, given as (address, words, is it float)."""

    def philox(self, out: int, seed: int, stream: int, first: int, blocks: int) -> None:
        """Fill out with `blocks` times four words of the stream, from block `first` on."""
