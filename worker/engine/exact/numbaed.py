"""The exact kernels without a C compiler: the same primitives, compiled by numba when first called.

Decides nothing about results: every function follows the order that the leaf prescribes, and a product is fused with a
sum only through LLVM's fma, which is the processor's or libm's, both rounded once. Nothing is cached on disk: the
sandboxed runner has no folder to write to, and code read back from a folder is code that somebody else could write.
Subnormals must not be flushed in the calling thread (`worker.engine.determinism.pinned` sees to that).

Words are loaded and stored through addresses; arithmetic happens in local arrays, which LLVM can vectorise.
"""

from collections.abc import Sequence
from typing import Any, Final

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from market.protocol import merkle
from worker.engine.exact import philox as streams
from worker.engine.exact.blocks import BLOCK_WORDS, Line, Matrix, Shape, View

CHUNK: Final = 256
WIDE: Final = 64  # outputs computed side by side
_NAN: Final = np.uint32(0x7FC00000)
_jit: Final = numba.njit(nogil=True, fastmath=False, error_model="numpy", boundscheck=False)


def _fma(_: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), build


fma: Final[Any] = intrinsic(_fma)


def _load(kind: Any) -> Any:
    def typed(_: Any, at: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], context.get_value_type(kind).as_pointer())
            return builder.load(pointer, align=4)

        return kind(types.int64), build

    return intrinsic(typed)


def _store(kind: Any) -> Any:
    def typed(_: Any, at: Any, value: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], context.get_value_type(kind).as_pointer())
            builder.store(arguments[1], pointer, align=4)
            return context.get_dummy_value()

        return types.none(types.int64, kind), build

    return intrinsic(typed)


load_float, store_float = _load(types.float32), _store(types.float32)
load_int, store_int = _load(types.int32), _store(types.int32)


@_jit
def _gather(panel: Any, at: int, steps: tuple[int, int], depth: int, width: int) -> None:
    panel[:] = np.float32(0.0)
    for p in range(depth):
        for j in range(width):
            panel[p, j] = load_float(at + 4 * (p * steps[0] + j * steps[1]))


@_jit
def _gemm(  # noqa: PLR0917 - a compiled loop takes bare numbers
    m: int, n: int, k: int, a: int, a_row: int, a_column: int, b: int, b_row: int, b_column: int, c: int, c_row: int
) -> None:
    panel = np.empty((CHUNK, WIDE), np.float32)
    acc, total = np.empty(WIDE, np.float32), np.empty((m, WIDE), np.float32)
    for left in range(0, n, WIDE):
        width = min(WIDE, n - left)
        total[:] = np.float32(0.0)
        for start in range(0, k, CHUNK):
            depth = min(CHUNK, k - start)
            _gather(panel, b + 4 * (start * b_row + left * b_column), (b_row, b_column), depth, width)
            for i in range(m):
                acc[:] = np.float32(0.0)
                for p in range(depth):
                    x = load_float(a + 4 * (i * a_row + (start + p) * a_column))
                    for j in range(WIDE):
                        acc[j] = fma(x, panel[p, j], acc[j])
                for j in range(WIDE):
                    total[i, j] = acc[j] if start == 0 else total[i, j] + acc[j]
        for i in range(m):
            for j in range(width):
                store_float(c + 4 * (i * c_row + left + j), total[i, j])


@_jit
def _linear(at: int, sizes: Any, strides: Any) -> int:
    linear = 0
    for back in range(sizes.shape[0]):
        d = sizes.shape[0] - 1 - back
        linear += at % sizes[d] * strides[d]
        at //= sizes[d]
    return linear


@_jit
def _chain_sum(  # noqa: PLR0917 - a compiled loop takes bare numbers
    out: int, source: int, constant: np.float32, sizes: Any, strides: Any, k: int, step: int, begin: int, end: int
) -> None:
    place = np.empty(WIDE, np.int64)
    acc, total = np.empty(WIDE, np.float32), np.empty(WIDE, np.float32)
    for first in range(begin, end, WIDE):
        count = min(WIDE, end - first)
        for t in range(count):
            place[t] = source + 4 * _linear(first + t, sizes, strides)
        total[:] = np.float32(0.0)
        for start in range(0, k, CHUNK):
            acc[:] = np.float32(0.0)
            for p in range(start, min(start + CHUNK, k)):
                for t in range(count):
                    acc[t] = fma(load_float(place[t] + 4 * p * step), constant, acc[t])
            for t in range(count):
                total[t] = acc[t] if start == 0 else total[t] + acc[t]
        for t in range(count):
            store_float(out + 4 * (first + t), total[t])


@_jit
def _match_sum(  # noqa: PLR0917 - a compiled loop takes bare numbers
    v: int, d: int, k: int, index: int, index_step: int, x: int, x_row: int, x_column: int, out: int, out_row: int
) -> None:
    # As native/chain.inc: rows that a chunk does not name stay as they are, for no total is ever -0.0.
    sums, slots = np.empty((CHUNK, d), np.float32), np.full(v, -1, np.int32)
    named = np.empty(CHUNK, np.int32)
    total = np.zeros((v, d), np.float32)
    for start in range(0, k, CHUNK):
        held = 0
        for p in range(start, min(start + CHUNK, k)):
            key = load_int(index + 4 * p * index_step)
            if key < 0 or key >= v:
                continue
            if slots[key] < 0:
                named[held], slots[key] = key, held
                sums[held, :] = np.float32(0.0)
                held += 1
            for j in range(d):
                sums[slots[key], j] += load_float(x + 4 * (p * x_row + j * x_column))
        for s in range(held):
            total[named[s], :] += sums[s, :]
            slots[named[s]] = -1
    for i in range(v):
        for j in range(d):
            store_float(out + 4 * (i * out_row + j), total[i, j])


@_jit
def _copy(  # noqa: PLR0917 - a compiled loop takes bare numbers
    out: int, source: int, sizes: Any, offset: int, strides: Any, guards: Any, fill: int,
    index: int, index_offset: int, index_strides: Any, begin: int, end: int,
) -> None:  # fmt: skip
    n = sizes.shape[0]
    place = np.zeros(n, np.int64)
    for r in range(begin, end):
        at, linear, inside = r, np.int64(offset), True
        for back in range(n):
            d = n - 1 - back
            place[d] = at % sizes[d]
            at //= sizes[d]
            linear += place[d] * strides[d]
        for g in range(guards.shape[0]):
            t = guards[g, 0]
            for d in range(n):
                t += guards[g, 4 + d] * place[d]
            if g == 0 and index != 0:
                where = np.int64(index_offset)
                for d in range(n):
                    where += index_strides[d] * place[d]
                t += load_int(index + 4 * where)
            if t < 0 or t % guards[g, 1] != 0 or t // guards[g, 1] >= guards[g, 2]:
                inside = False
                break
            linear += t // guards[g, 1] * guards[g, 3]
        store_int(out + 4 * r, load_int(source + 4 * linear) if inside else np.int32(fill))


class NumbaKernels:
    """The primitives, compiled for this processor (or for the one that NUMBA_CPU_NAME names)."""

    def __init__(self, name: str = "numba") -> None:
        self.name = name

    def gemm(self, shape: Shape, a: Matrix, b: Matrix, out: Matrix, batch: int = 1) -> None:
        for t in range(batch):
            at = [matrix.at + 4 * t * matrix.step for matrix in (a, b, out)]
            _gemm(*shape, at[0], *a[1:3], at[1], *b[1:3], at[2], out.row)

    def chain_sum(
        self, out: int, source: int, view: View, constant: float, *,
        k: int, step: int, begin: int = 0, end: int | None = None,
    ) -> None:  # fmt: skip
        end = view.elements if end is None else end
        start = source + 4 * view.offset
        sizes, strides = np.array(view.sizes, np.int64), np.array(view.strides, np.int64)
        _chain_sum(out, start, np.float32(constant), sizes, strides, k, step, begin, end)

    def match_sum(self, shape: Shape, index: Line, x: Matrix, out: Matrix) -> None:
        _match_sum(*shape, *index, *x[:3], out.at, out.row)

    def copy(
        self, out: int, source: int, view: View, *, index: int | None = None, begin: int = 0, end: int | None = None
    ) -> None:
        end = view.elements if end is None else end
        rows = [(g.base, g.divisor, g.size, g.stride, *g.coefs) for g in view.guards]
        guards = np.array(rows, np.int64).reshape(len(rows), 4 + len(view.sizes))
        gathers = np.array(view.index_strides or (0,) * len(view.sizes), np.int64)
        fill = int(np.uint32(view.fill).astype(np.int32))
        sizes, strides = np.array(view.sizes, np.int64), np.array(view.strides, np.int64)
        _copy(
            out, source, sizes, view.offset, strides, guards, fill, index or 0, view.index_offset, gathers, begin, end
        )  # fmt: skip

    def block_hashes(
        self, words: int, count: int, is_float: bool, *, first: int = 0, blocks: int | None = None
    ) -> bytes:
        blocks = -(-count // BLOCK_WORDS) - first if blocks is None else blocks
        low, high = first * BLOCK_WORDS, min((first + blocks) * BLOCK_WORDS, count)
        data = np.empty(max(high - low, 0), np.uint32)
        if data.size:
            self.copy(data.ctypes.data, words, View((data.size,), (1,), low))
        if is_float:
            data[(data & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)] = _NAN
        pieces = data.tobytes()
        size = 4 * BLOCK_WORDS
        return b"".join(merkle.leaf_hash(pieces[i : i + size]) for i in range(0, len(pieces), size))

    def merkle_root(self, hashes: bytes) -> bytes:
        return merkle.root_of_hashes([hashes[i : i + 32] for i in range(0, len(hashes), 32)])

    def value_roots(self, values: Sequence[tuple[int, int, bool]]) -> list[bytes]:
        return [self.merkle_root(self.block_hashes(*value)) for value in values]

    def philox(self, out: int, seed: int, stream: int, first: int, blocks: int) -> None:
        words = streams.plain(seed, stream, first, blocks)
        self.copy(out, words.ctypes.data, View((words.size,), (1,)))
