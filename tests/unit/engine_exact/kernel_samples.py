"""What the kernels are held against: every primitive again, as its leaf is written, with no kernel's help.

numpy has no fused multiply-add. `fma` makes one: a product of two float32 is exact in float64, and its sum with a
third, rounded to odd there, rounds to float32 as the exact sum would. A test holds it against fractions.
"""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from market.protocol import merkle
from worker.engine.exact import choose, usable
from worker.engine.exact.blocks import Kernels, View
from worker.engine.exact.team import Team

Array = np.ndarray[Any, Any]
SPECIALS = np.array([0.0, -0.0, 1e-45, -1e-45, 1e-38, -1e-30, 1e-30, 3e38, -3e38, np.inf, -np.inf, 1.0], np.float32)
NAMES = tuple(name for name in usable() if name != "numba-generic")


def every(threads: tuple[int, ...] = (1, 2)) -> list[Any]:
    """Return each kernel set that runs here with each number of threads, made when a test asks."""
    return [(name, count) for name in NAMES for count in threads]


def made(name: str, threads: int) -> Kernels:
    return choose(name) if threads == 1 else Team(choose(name), threads, small=0)


def fma(a: Array, b: Array, c: Array) -> Array:
    with np.errstate(all="ignore"):
        product, addend = a.astype(np.float64) * b, np.asarray(c, np.float64)
        total = product + addend
        back = total - product
        error = (product - (total - back)) + (addend - back)
        even = (total.view(np.int64) & 1) == 0
        toward = np.where(error > 0, np.inf, -np.inf)
        odd = np.where((error != 0) & np.isfinite(error) & even, np.nextafter(total, toward), total)
        return odd.astype(np.float32)


def rounded(exact: Fraction) -> np.float32:
    """Return the float32 nearest to a fraction, ties to even; for finite, normal or subnormal, non-zero results."""
    power = max(len(bin(abs(exact.numerator))) - len(bin(exact.denominator)), -126)
    while abs(exact) < Fraction(2) ** power and power > -126:
        power -= 1
    while abs(exact) >= Fraction(2) ** (power + 1):
        power += 1
    unit = Fraction(2) ** (power - 23)
    return np.float32(float(round(exact / unit) * unit))


def chain(k: int, row: Callable[[int], tuple[Array, Array]], shape: tuple[int, ...], step: Any = fma) -> Array:
    """Return the chunked chain over k of what `row` gives, for a whole array of outputs at once."""
    total = np.zeros(shape, np.float32)
    for start in range(0, k, 256):
        acc = np.zeros(shape, np.float32)
        for p in range(start, min(start + 256, k)):
            acc = step(*row(p), acc)
        with np.errstate(all="ignore"):
            total = acc if start == 0 else total + acc
    return total


def product(a: Array, b: Array) -> Array:
    return chain(a.shape[1], lambda p: (a[:, p, None], b[None, p, :]), (a.shape[0], b.shape[1]))


def matched(keys: int, index: Array, x: Array) -> Array:
    def step(here: Array, row: Array, acc: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.where(here, acc + row, acc)

    number = np.arange(keys)[:, None]
    return chain(len(index), lambda p: (number == index[p], x[p]), (keys, x.shape[1]), step)


def viewed(source: Array, view: View, index: Array | None = None) -> Array:
    """Return what COPY or GATHER gives, coordinate by coordinate."""
    words = []
    for place in itertools.product(*(range(size) for size in view.sizes)):
        linear = view.offset + sum(s * c for s, c in zip(view.strides, place, strict=True))
        inside = True
        for g, guard in enumerate(view.guards):
            t = guard.base + sum(s * c for s, c in zip(guard.coefs, place, strict=True))
            if g == 0 and index is not None and view.index_strides is not None:
                t += int(index[view.index_offset + sum(s * c for s, c in zip(view.index_strides, place, strict=True))])
            inside = inside and t >= 0 and t % guard.divisor == 0 and t // guard.divisor < guard.size
            linear += t // guard.divisor * guard.stride
        words.append(int(source[linear]) if inside else view.fill)
    return np.array(words, np.uint32)


def rooted(words: Array, is_float: bool) -> bytes:
    plain = words.view(np.uint32).copy()
    if is_float:
        plain[np.isnan(plain.view(np.float32))] = 0x7FC00000
    data = plain.tobytes()
    return merkle.root([data[i : i + 256] for i in range(0, len(data), 256)])


def floats(seed: int, *shape: int, specials: bool = False) -> Array:
    """Return float32 numbers of many magnitudes, so that the order of a sum shows in its bits."""
    draw = np.random.default_rng(seed)
    out = (draw.standard_normal(shape) * np.exp(draw.standard_normal(shape) * 4)).astype(np.float32)
    if specials:
        mask = draw.random(shape) < 0.2
        out[mask] = draw.choice(SPECIALS, int(mask.sum()))
    return out


def same(found: Array, expected: Array) -> bool:
    """Return whether two arrays have the same bits, all NaN being one NaN."""
    nan = np.isnan(found) & np.isnan(expected)
    return bool(np.all(nan | (found.view(np.uint32) == np.ascontiguousarray(expected).view(np.uint32))))


def elsewhere(code: str, **environment: str) -> str:
    """Run Python in a process of its own, from the repository's root, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
