"""The C library of exact kernels: found, checked, built, and called.

Decides whether this machine has the library and which of its instruction sets the processor can run and the compiler
kept its promises for (`exact_sound_*`). It computes nothing itself and never falls back: without a library `load`
answers None, and `worker.engine.exact.choose` takes the numba kernels.

The library is built by any install that finds a C compiler (setuptools, optional). After a change of a .c, .inc or .h
file `python -m worker.engine.exact.native --build` builds it again in place, without network.
"""

import ctypes
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from ctypes import c_float, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, Final

from worker.engine.exact.blocks import BLOCK_WORDS, Line, Matrix, Shape, View, packed

MODULE: Final = "worker.engine.exact._native"
ISAS: Final = ("avx512", "avx2", "wide", "scalar")  # best first
_ROOT: Final = Path(__file__).resolve().parents[3]
_BUILD: Final = ("-c", "from setuptools import setup; setup()", "--quiet", "build_ext", "--inplace")
_STEPS: Final = ctypes.POINTER(c_int64)


class Library:
    """The loaded library. Every call through it releases the interpreter lock."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.handle = ctypes.CDLL(path)

    def isas(self) -> tuple[str, ...]:
        """Return the instruction sets that run soundly here, best first."""
        return tuple(isa for isa in ISAS if self._answers(f"exact_runs_{isa}") and self._answers(f"exact_sound_{isa}"))

    def function(self, name: str, isa: str | None, *arguments: Any, result: Any = None) -> Any:
        """Return the C function `name`, for `isa` if it has variants, with these ctypes argument types."""
        found = self.handle[name if isa is None else f"{name}_{isa}"]
        found.argtypes, found.restype = arguments, result
        return found

    def use_sha_instructions(self, wanted: bool) -> bool:
        """Let hashing in this process use the processor's SHA instructions or not; return whether it now does."""
        return bool(self.function("exact_sha_use", None, c_int32, result=c_int32)(wanted))

    def _answers(self, question: str) -> bool:
        return hasattr(self.handle, question) and getattr(self.handle, question)() == 1


@cache
def load() -> Library | None:
    """Return the library, or None where none was built."""
    spec = importlib.util.find_spec(MODULE)
    return None if spec is None or spec.origin is None else Library(spec.origin)


def build() -> None:
    """Build the library in place; raises CalledProcessError. An install does the same through setuptools."""
    subprocess.run([sys.executable, *_BUILD], cwd=_ROOT, check=True)  # noqa: S603 - our own fixed words


class NativeKernels:
    """The library's kernels on one instruction set."""

    def __init__(self, library: Library, isa: str) -> None:
        self.name = f"c-{isa}"
        self.library = library
        self.isa = isa
        word, at = c_int64, c_void_p
        matrix = (at, word, word)
        self._gemm = library.function(
            "exact_gemm", isa, word, word, word, *matrix, *matrix, at, word, word, word, word, word, result=c_int32
        )
        self._chain_sum = library.function(
            "exact_chain_sum", isa, at, at, c_float, c_int32, _STEPS, _STEPS, word, word, word, word
        )
        self._match_sum = library.function(
            "exact_match_sum", isa, word, word, word, at, word, at, word, word, at, word, result=c_int32
        )
        self._copy = library.function(
            "exact_copy", None, at, at, c_int32, _STEPS, word, _STEPS, c_int32, _STEPS, c_uint32, at, word, _STEPS,
            word, word,
        )  # fmt: skip
        self._leaf_hashes = library.function("exact_leaf_hashes", None, at, word, c_int32, word, word, at)
        self._merkle_root = library.function("exact_merkle_root", None, at, word, at)
        self._value_roots = library.function("exact_value_roots", None, word, at, at, at, at, result=c_int32)
        self._philox = library.function("exact_philox", None, at, c_uint64, c_uint64, c_uint64, c_uint64)

    def gemm(self, shape: Shape, a: Matrix, b: Matrix, out: Matrix, batch: int = 1) -> None:
        matrices = (*a[:3], *b[:3], out.at, out.row)
        _enough(self._gemm(*shape, *matrices, batch, a.step, b.step, out.step))

    def chain_sum(
        self, out: int, source: int, view: View, constant: float, *,
        k: int, step: int, begin: int = 0, end: int | None = None,
    ) -> None:  # fmt: skip
        given = packed(view)
        end = view.elements if end is None else end
        start = source + 4 * view.offset
        self._chain_sum(out, start, constant, len(view.sizes), given.sizes, given.strides, k, step, begin, end)

    def match_sum(self, shape: Shape, index: Line, x: Matrix, out: Matrix) -> None:
        _enough(self._match_sum(*shape, *index, *x[:3], out.at, out.row))

    def copy(
        self, out: int, source: int, view: View, *, index: int | None = None, begin: int = 0, end: int | None = None
    ) -> None:
        given = packed(view)
        end = view.elements if end is None else end
        self._copy(
            out, source, len(view.sizes), given.sizes, view.offset, given.strides, len(view.guards), given.guards,
            view.fill, index, view.index_offset, given.index_strides, begin, end,
        )  # fmt: skip

    def block_hashes(
        self, words: int, count: int, is_float: bool, *, first: int = 0, blocks: int | None = None
    ) -> bytes:
        blocks = -(-count // BLOCK_WORDS) - first if blocks is None else blocks
        out = ctypes.create_string_buffer(32 * blocks)
        self._leaf_hashes(words, count, is_float, first, blocks, out)
        return out.raw

    def merkle_root(self, hashes: bytes) -> bytes:
        work, root = ctypes.create_string_buffer(hashes, len(hashes)), ctypes.create_string_buffer(32)
        self._merkle_root(work, len(hashes) // 32, root)
        return root.raw

    def value_roots(self, values: Sequence[tuple[int, int, bool]]) -> list[bytes]:
        count = len(values)
        words = (c_uint64 * count)(*(value[0] for value in values))
        sizes = (c_int64 * count)(*(value[1] for value in values))
        roots = ctypes.create_string_buffer(32 * count)
        _enough(self._value_roots(count, words, sizes, bytes(value[2] for value in values), roots))
        return [roots.raw[i : i + 32] for i in range(0, 32 * count, 32)]

    def philox(self, out: int, seed: int, stream: int, first: int, blocks: int) -> None:
        self._philox(out, seed, stream, first, blocks)


def _enough(status: int) -> None:
    if status != 0:
        raise MemoryError("no memory for the kernels' panels")


if __name__ == "__main__":
    if sys.argv[1:] != ["--build"]:
        sys.exit("usage: python -m worker.engine.exact.native --build")
    build()
