"""Float cases where rounding is hard, what this machine's hardware makes of them, and the court's run over them.

`run(cases, seed)` packs the cases with the hardware's results and has forge execute them against Float32.sol. Each case
is 20 bytes: operation, a, b, c, expected, big-endian. Deterministic for a seed, apart from what the hardware computes.
"""

import ctypes
import ctypes.util
import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]
ROOT = Path(__file__).parents[3]
OPERATIONS = ("fma", "add", "sub", "mul", "div", "sqrt", "lt", "le", "eq", "itof", "ftoi")
CASES_A_FILE = 50_000  # the EVM pays for memory by its square
_SIGN = np.uint32(0x80000000)
_MAGNITUDES = (
    0,
    1,
    2,
    0x7FFFFF,
    0x800000,
    0x800001,
    0xFFFFFF,
    0x33800000,
    0x34000000,
    0x3F7FFFFF,
    0x3F800000,
    0x3F800001,
)
_MAGNITUDES += (0x3FC00000, 0x4B7FFFFF, 0x4B800000, 0x4EFFFFFF, 0x4F000000, 0x4F000001, 0x7F000000, 0x7F7FFFFF)
_MAGNITUDES += (0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF)
SPECIALS = tuple(word | sign for word in _MAGNITUDES for sign in (0, 0x80000000))


@dataclass(frozen=True)
class Run:
    cases: int
    seed: int
    mismatches: int
    seconds: float
    output: str


def make_cases(count: int, seed: int) -> dict[str, tuple[Words, Words, Words]]:
    """Return about `count` operand triples in all, shared out over the operations and the kinds of hardness."""
    generator = np.random.default_rng(seed)
    each = max(count // len(OPERATIONS) // 6, 1)
    return {name: _triples(name, each, generator) for name in OPERATIONS}


def hardware(name: str, a: Words, b: Words, c: Words) -> Words:
    """Return what the processor computes, every NaN as 0x7fc00000."""
    x, y = a.view(np.float32), b.view(np.float32)
    with np.errstate(all="ignore"):
        match name:
            case "fma":
                return _canonical(_fmaf(a, b, c))
            case "lt" | "le" | "eq":
                return {"lt": x < y, "le": x <= y, "eq": x == y}[name].astype(np.uint32)
            case "itof":
                return a.view(np.int32).astype(np.float32).view(np.uint32)
            case "ftoi":
                fits = (x >= np.float32(-(2.0**31))) & (x < np.float32(2.0**31))
                return np.where(fits, np.where(fits, x, 0).astype(np.int32).view(np.uint32), _SIGN)
            case "sqrt":
                return _canonical(np.sqrt(x).view(np.uint32))
        results = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}[name](x, y)
        return _canonical(results.view(np.uint32))


def pack(triples: dict[str, tuple[Words, Words, Words]]) -> bytes:
    """Return the cases with the hardware's results, the operations mixed in one sequence."""
    rows = []
    for name, (a, b, c) in triples.items():
        operation = np.full(len(a), OPERATIONS.index(name), np.uint32)
        rows.append(np.stack([operation, a, b, c, hardware(name, a, b, c)], axis=1))
    return np.concatenate(rows).astype(">u4").tobytes()


def run(cases: int, seed: int) -> Run:
    """Execute the cases in the EVM (forge's own) and count where Float32.sol and the hardware differ."""
    packed = pack(make_cases(cases, seed))
    began = time.monotonic()
    # Beside the vectors, because foundry.toml lets tests read nothing else.
    with tempfile.TemporaryDirectory(dir=ROOT / "tests" / "vectors", prefix=".float32-") as folder:
        files = range(0, len(packed), CASES_A_FILE * 20)
        for number, start in enumerate(files):
            (Path(folder) / f"{number}.bin").write_bytes(packed[start : start + CASES_A_FILE * 20])
        done = _forge(folder, len(files))
    output = done.stdout + done.stderr
    found = re.search(r"float32 cases: (\d+) mismatches: (\d+)", output)
    if found is None or int(found[1]) != len(packed) // 20:
        raise RuntimeError(f"forge did not run the cases of seed {seed}:\n{output}")
    return Run(int(found[1]), seed, int(found[2]), time.monotonic() - began, output)


def _forge(folder: str, files: int) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"FLOAT32_FOLDER": folder, "FLOAT32_FILES": str(files)}
    command = ["tools/forge", "test", "--match-contract", "Float32HardwareTest", "-vv", "--gas-limit", str(2**63 - 1)]
    return subprocess.run(
        command, cwd=ROOT / "contracts", env=environment, capture_output=True, text=True, check=False, timeout=900
    )


def _triples(name: str, each: int, generator: np.random.Generator) -> tuple[Words, Words, Words]:
    parts = [
        tuple(_bits(generator, each) for _ in range(3)),
        _cancelling(name, each, generator),
        _halfway(each, generator),
        _near_edge(each, generator, low=-30, high=4),
        _near_edge(each, generator, low=250, high=257),
        _specials(each, generator),
    ]
    a, b, c = (np.concatenate(column) for column in zip(*parts, strict=True))
    return a, b, c


def _bits(generator: np.random.Generator, count: int) -> Words:
    return generator.integers(0, 1 << 32, count, dtype=np.uint32)


def _moderate(generator: np.random.Generator, count: int) -> Words:
    """Words whose products and sums stay far from both ends."""
    field = generator.integers(100, 155, count, dtype=np.uint32)
    return _bits(generator, count) & np.uint32(0x807FFFFF) | field << np.uint32(23)


def _cancelling(name: str, count: int, generator: np.random.Generator) -> tuple[Words, Words, Words]:
    """The addend is the other side's negative, give or take three units in the last place."""
    a, b = _moderate(generator, count), _moderate(generator, count)
    nudge = generator.integers(-3, 4, count).astype(np.int64)
    exact = hardware("mul", a, b, a) if name == "fma" else a
    near = ((exact.astype(np.int64) + nudge) & 0xFFFFFFFF).astype(np.uint32)
    return (a, b, near ^ _SIGN) if name == "fma" else (a, near ^ (_bits(generator, count) & _SIGN), b)


def _halfway(count: int, generator: np.random.Generator) -> tuple[Words, Words, Words]:
    """Mantissas of 12 and 13 bits, whose products need 25, and powers of two half a unit below the addend."""
    short = _moderate(generator, count) & np.uint32(0xFFFFF800)
    power = _moderate(generator, count) & np.uint32(0xFF800000)
    other = np.where(generator.random(count) < 0.5, _moderate(generator, count) & np.uint32(0xFFFFF800), power)
    field = ((short >> np.uint32(23)) & np.uint32(0xFF)) + ((other >> np.uint32(23)) & np.uint32(0xFF)) - np.uint32(127)
    steps = generator.integers(22, 27, count, dtype=np.uint32)
    addend = (field + steps) << np.uint32(23) | _bits(generator, count) & np.uint32(0x807FFFFF)
    zero = generator.random(count) < 0.3
    return short, other, np.where(zero, addend & _SIGN, addend)


def _near_edge(count: int, generator: np.random.Generator, *, low: int, high: int) -> tuple[Words, Words, Words]:
    """Products and sums whose exponent field falls between `low` and `high`: towards subnormals, or overflow."""
    target = generator.integers(low, high, count)
    first = np.clip(generator.integers(0, 255, count), target + 127 - 254, target + 127)
    first = np.clip(first, 0, 254)
    second = np.clip(target + 127 - first, 0, 254)
    third = np.clip(target + generator.integers(-3, 3, count), 0, 254)
    fractions = [_bits(generator, count) & np.uint32(0x807FFFFF) for _ in range(3)]
    full = generator.random(count) < 0.2
    fractions[0] = np.where(full, fractions[0] | np.uint32(0x7FFFFF), fractions[0])
    a, b, c = (
        fraction | field.astype(np.uint32) << np.uint32(23)
        for fraction, field in zip(fractions, (first, second, third), strict=True)
    )
    # Half of them for sums and comparisons: two operands of about the same size.
    return a, np.where(generator.random(count) < 0.5, b, c), c


def _specials(count: int, generator: np.random.Generator) -> tuple[Words, Words, Words]:
    """As much of the product of the special words as there is room for, in a random order."""
    rows = np.array(list(product(SPECIALS, repeat=2)), np.uint32)
    rounds = [generator.permutation(len(rows)) for _ in range(1 + count // len(rows))]
    picked = rows[np.concatenate(rounds)[:count]]
    third = np.array(SPECIALS, np.uint32)[generator.integers(0, len(SPECIALS), count)]
    return picked[:, 0].copy(), picked[:, 1].copy(), third


def _canonical(words: Words) -> Words:
    return np.where(words & ~_SIGN > 0x7F800000, np.uint32(0x7FC00000), words).astype(np.uint32)


def _fmaf(a: Words, b: Words, c: Words) -> Words:
    """C's fused multiply-add: one rounding, which no combination of numpy's operations gives."""
    fmaf = ctypes.CDLL(ctypes.util.find_library("m")).fmaf
    fmaf.restype, fmaf.argtypes = ctypes.c_float, [ctypes.c_float] * 3
    columns = (words.view(np.float32).tolist() for words in (a, b, c))
    return np.array([fmaf(x, y, z) for x, y, z in zip(*columns, strict=True)], np.float32).view(np.uint32)
