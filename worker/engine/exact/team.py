"""Several threads for one primitive, and never other bits.

Decides how the *outputs* of a primitive are shared out; no sum is ever split, so the number of threads cannot show in a
result. The calling thread takes the first part itself. Small work is not shared: handing it over would cost more.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from math import prod
from typing import Final

from worker.engine.exact.blocks import BLOCK_WORDS, Kernels, Line, Matrix, Shape, View

SMALL: Final = 1 << 16  # outputs times k (or words) below which one thread is faster
ALIGN: Final = 48  # a multiple of every tile's height, and of the 16 words of a cache line
GROUP: Final = 1 << 10  # leaves of one subtree of a value, a power of two

Task = Callable[[], None]


class Team:
    """Kernels that share each call among `threads` threads; itself a set of kernels."""

    def __init__(self, kernels: Kernels, threads: int, small: int = SMALL) -> None:
        self.kernels = kernels
        self.threads = max(threads, 1)
        self.small = small
        self._pool = ThreadPoolExecutor(self.threads - 1, "exact") if self.threads > 1 else None

    @property
    def name(self) -> str:
        return self.kernels.name

    def close(self) -> None:
        """End the threads. The team can then no longer be called."""
        if self._pool is not None:
            self._pool.shutdown()

    def run(self, tasks: Sequence[Task]) -> None:
        """Run tasks that touch disjoint memory, and return when all have ended; raises what a task raised."""
        if self._pool is None:
            for task in tasks:
                task()
            return
        rest = [self._pool.submit(task) for task in tasks[1:]]
        try:
            for task in tasks[:1]:
                task()
        finally:
            wait(rest)
        for done in rest:
            done.result()

    def parts(self, count: int, work: int, align: int = ALIGN) -> list[tuple[int, int]]:
        """Return the ranges that `count` outputs are shared out in, cut at multiples of `align`; one for small work."""
        if self.threads == 1 or count == 0 or work < self.small:
            return [(0, count)]
        each = -(-count // (self.threads * align)) * align
        return [(low, min(low + each, count)) for low in range(0, count, each)]

    def gemm(self, shape: Shape, a: Matrix, b: Matrix, out: Matrix, batch: int = 1) -> None:
        m, n, k = shape

        def part(by: str, low: int, high: int) -> Task:
            sizes = {"m": m, "n": n, "batch": batch} | {by: high - low}
            steps = {"m": (a.row, 0, out.row), "n": (0, b.column, out.column), "batch": (a.step, b.step, out.step)}[by]
            left, right, to = (x._replace(at=x.at + 4 * low * s) for x, s in zip((a, b, out), steps, strict=True))
            return lambda: self.kernels.gemm((sizes["m"], sizes["n"], k), left, right, to, sizes["batch"])

        work = m * n * k * batch
        if batch >= self.threads and batch > 1 and work >= self.small:
            each = -(-batch // self.threads)
            self.run([part("batch", low, min(low + each, batch)) for low in range(0, batch, each)])
        elif m >= n:
            self.run([part("m", low, high) for low, high in self.parts(m, work)])
        else:
            self.run([part("n", low, high) for low, high in self.parts(n, work)])

    def chain_sum(
        self, out: int, source: int, view: View, constant: float, *,
        k: int, step: int, begin: int = 0, end: int | None = None,
    ) -> None:  # fmt: skip
        def part(low: int, high: int) -> Task:
            return lambda: self.kernels.chain_sum(
                out, source, view, constant, k=k, step=step, begin=begin + low, end=begin + high
            )  # fmt: skip

        count = (view.elements if end is None else end) - begin
        self.run([part(low, high) for low, high in self.parts(count, count * k)])

    def match_sum(self, shape: Shape, index: Line, x: Matrix, out: Matrix) -> None:
        v, d, k = shape

        def part(low: int, high: int) -> Task:
            columns, to = x._replace(at=x.at + 4 * low * x.column), out._replace(at=out.at + 4 * low)
            return lambda: self.kernels.match_sum((v, high - low, k), index, columns, to)

        self.run([part(low, high) for low, high in self.parts(d, d * (k + v))])

    def copy(
        self, out: int, source: int, view: View, *, index: int | None = None, begin: int = 0, end: int | None = None
    ) -> None:
        def part(low: int, high: int) -> Task:
            return lambda: self.kernels.copy(out, source, view, index=index, begin=begin + low, end=begin + high)

        count = (view.elements if end is None else end) - begin
        # Whole slabs of the first dimension, so that the copy may walk its rows in whatever order is fast.
        first = next((d for d, size in enumerate(view.sizes) if size > 1), len(view.sizes))
        slab = max(prod(view.sizes[first + 1 :]), 1)
        self.run([part(low, high) for low, high in self.parts(count, count, slab)])

    def block_hashes(
        self, words: int, count: int, is_float: bool, *, first: int = 0, blocks: int | None = None
    ) -> bytes:
        blocks = -(-count // BLOCK_WORDS) - first if blocks is None else blocks
        ranges = self.parts(blocks, blocks * BLOCK_WORDS)
        done = [b""] * len(ranges)

        def part(slot: int, low: int, high: int) -> Task:
            def task() -> None:
                done[slot] = self.kernels.block_hashes(
                    words, count, is_float, first=first + low, blocks=high - low
                )  # fmt: skip

            return task

        self.run([part(slot, low, high) for slot, (low, high) in enumerate(ranges)])
        return b"".join(done)

    def merkle_root(self, hashes: bytes) -> bytes:
        return self.kernels.merkle_root(hashes)

    def value_roots(self, values: Sequence[tuple[int, int, bool]]) -> list[bytes]:
        """Large values are shared out by subtrees, whose roots are the leaves of the rest of the tree."""
        small = [value for value in values if value[1] <= GROUP * BLOCK_WORDS]
        ready = iter(self._roots_of_small(small))
        return [next(ready) if value[1] <= GROUP * BLOCK_WORDS else self._root_of_large(*value) for value in values]

    def philox(self, out: int, seed: int, stream: int, first: int, blocks: int) -> None:
        def part(low: int, high: int) -> Task:
            return lambda: self.kernels.philox(out + 16 * low, seed, stream, first + low, high - low)

        self.run([part(low, high) for low, high in self.parts(blocks, 4 * blocks)])

    def _roots_of_small(self, values: Sequence[tuple[int, int, bool]]) -> list[bytes]:
        words = sum(value[1] for value in values)
        each = -(-len(values) // self.threads) if words >= self.small else max(len(values), 1)
        groups = [values[i : i + each] for i in range(0, len(values), each)]
        done: list[list[bytes]] = [[] for _ in groups]

        def part(slot: int) -> Task:
            def task() -> None:
                done[slot] = self.kernels.value_roots(groups[slot])

            return task

        self.run([part(slot) for slot in range(len(groups))])
        return [root for roots in done for root in roots]

    def _root_of_large(self, words: int, count: int, is_float: bool) -> bytes:
        size = GROUP * BLOCK_WORDS
        trees = [(words + 4 * low, min(size, count - low), is_float) for low in range(0, count, size)]
        return self.kernels.merkle_root(b"".join(self._roots_of_small(trees)))
