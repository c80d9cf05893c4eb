"""Random words and standard normals that are the same on every machine: what a job's first weights are made of.

Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers, as easy as 1, 2, 3; SC 2011): word 4 b + i of a
stream is word i of the cipher of counter (b low, b high, stream low, stream high) under the key (seed low, seed high).

Logarithms and cosines differ between libraries, so a normal is made from one block of four words by exactly rounded
operations alone. The sum S of the block's eight 16-bit halves is an exact integer of mean 4 * 65535; z = (S - mean) *
(1 / deviation) is nearly normal but for a little thin tails (excess kurtosis -0.15), and one Cornish-Fisher step,
x = z * (1 - 3 g + g z z) with g = 0.15 / 24, repairs them. Each written operation is one float32 rounding. No normal is
further out than about 5.6. This module chooses no scale and no shape: recipes do.
"""

from typing import Any, Final

import numpy as np

from worker.engine.exact.blocks import Kernels, address

Words = np.ndarray[tuple[int], np.dtype[np.uint32]]
Floats = np.ndarray[tuple[int], np.dtype[np.float32]]

_MULTIPLIERS: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL: Final = (0x9E3779B9, 0xBB67AE85)
_LOW: Final = np.uint64(0xFFFFFFFF)
_HALF: Final = np.uint64(32)
_MEAN: Final = 4 * 65535
# 1 / sqrt(8 * (2**32 - 1) / 12), 1 - 3 g and g, each the nearest float32.
_SCALE: Final = np.float32(float.fromhex("0x1.3988e2p-16"))
_LINEAR: Final = np.float32(0.98125)
_CUBIC: Final = np.float32(0.00625)


def words(seed: int, stream: int, count: int, kernels: Kernels | None = None) -> Words:
    """Return the first `count` words of a stream; with kernels they fill them, with the same words."""
    blocks = -(-count // 4)
    if kernels is None:
        return plain(seed, stream, 0, blocks)[:count]
    out = np.empty(4 * blocks, np.uint32)
    kernels.philox(address(out), seed, stream, 0, blocks)
    return out[:count]


def normals(seed: int, stream: int, count: int, kernels: Kernels | None = None) -> Floats:
    """Return `count` standard normals of a stream, one from each of its blocks."""
    drawn = words(seed, stream, 4 * count, kernels).reshape(count, 4)
    halves = (drawn & np.uint32(0xFFFF)) + (drawn >> np.uint32(16))
    centred = halves.sum(axis=1, dtype=np.int32) - np.int32(_MEAN)
    z = centred.astype(np.float32) * _SCALE
    drawn_normals: Floats = z * (_LINEAR + _CUBIC * (z * z))
    return drawn_normals


def plain(seed: int, stream: int, first: int, blocks: int) -> Words:
    """Return blocks first .. first + blocks of a stream, by numpy alone."""
    number = np.arange(first, first + blocks, dtype=np.uint64)
    c0, c1 = number & _LOW, number >> _HALF
    c2 = np.full(blocks, stream & 0xFFFFFFFF, np.uint64)
    c3 = np.full(blocks, stream >> 32, np.uint64)
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        a, b = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (b >> _HALF) ^ c1 ^ np.uint64(k0), b & _LOW, (a >> _HALF) ^ c3 ^ np.uint64(k1), a & _LOW
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    stacked: np.ndarray[Any, np.dtype[np.uint32]] = np.stack((c0, c1, c2, c3), axis=1).astype(np.uint32)
    return stacked.reshape(-1)
