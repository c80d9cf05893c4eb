"""Writes float32.json: float operations on words where rounding is hard, with the results of the Python twin.

`cases` are rows of five big-endian words: operation, a, b, c, expected. The contracts' tests read them
(tests/contracts/fuzz/Float32.t.sol), so that Float32.sol and market/protocol/exact/float32.py cannot drift apart
unnoticed. `--check` writes nothing and exits 1 when the committed file is not what the code gives.
"""

import random
from pathlib import Path

from market.protocol.exact import float32
from tests.vectors.writing import write_or_check

FILE = Path(__file__).with_name("float32.json")
SEED = 32
ROWS = 90  # of each operation
OPERATIONS = ("fma", "add", "sub", "mul", "div", "sqrt", "lt", "le", "eq", "itof", "ftoi")
OPERANDS = {"fma": 3, "sqrt": 1, "itof": 1, "ftoi": 1}
EDGES = (0, 1, 0x7FFFFF, 0x800000, 0xFFFFFF, 0x3F800000, 0x3F800001, 0x4EFFFFFF, 0x4F000000, 0x7F7FFFFF, 0x7F800000)
EDGES += (0x7F800001, 0x7FC00000)


def make() -> dict[str, object]:
    """Return the whole file as a value."""
    chance = random.Random(SEED)
    rows = [row(chance, name) for name in OPERATIONS for _ in range(ROWS)]
    return {"seed": SEED, "operations": list(OPERATIONS), "cases": "0x" + b"".join(rows).hex()}


def row(chance: random.Random, name: str) -> bytes:
    a, b, c = (word(chance) for _ in range(3))
    if name == "fma" and chance.random() < 0.3:
        nudged = float32.mul(a, b) + chance.randrange(-2, 3)
        c = (nudged ^ float32.SIGN) & 0xFFFFFFFF
    result = getattr(float32, name)(*(a, b, c)[: OPERANDS.get(name, 2)])
    return b"".join(value.to_bytes(4, "big") for value in (OPERATIONS.index(name), a, b, c, result))


def word(chance: random.Random) -> int:
    """Return a special word, a word of any bits, or one of moderate size."""
    kind, sign = chance.randrange(4), chance.randrange(2) << 31
    if kind == 0:
        return chance.choice(EDGES) | sign
    if kind == 1:
        return chance.getrandbits(32)
    return sign | chance.randrange(110, 145) << 23 | chance.getrandbits(23)


if __name__ == "__main__":
    raise SystemExit(write_or_check(make(), FILE))
