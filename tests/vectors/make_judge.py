"""Writes judge.json: random leaves of every primitive with the blocks they read, judged by the Python twin.

`cases` are ABI-encoded; tests/contracts/unit/Judge.t.sol hands them to Judge.sol, so that it and
market/protocol/exact/judge.py cannot drift apart unnoticed. `--check` writes nothing and exits 1 when the committed
file is not what the code gives.
"""

import random
from math import prod
from pathlib import Path

from eth_abi.abi import encode as abi_encode

from market.protocol import merkle
from market.protocol.exact import judge
from market.protocol.exact.encoding import encode
from market.protocol.exact.leaf import CHAINS, TAKES, Guard, Kind, Leaf, Op, Operand, View, WordType
from tests.vectors.writing import write_or_check

FILE = Path(__file__).with_name("judge.json")
SEED = 41
EACH = 3  # leaves of each primitive
CASE = "(bytes,uint256,uint256,uint256,uint256,bytes32[3],(bytes,bytes32[])[],uint256,uint256,uint256)"
WORDS = (0, 1, 2, 0x80000000, 0x3F800000, 0xBF800000, 0x7F800000, 0x7FC00000, 0xFFFFFFFF, 0x00400000, 3)


def make() -> dict[str, object]:
    """Return the whole file as a value."""
    chance = random.Random(SEED)
    cases = [case for op in Op for _ in range(EACH) for case in (_chain if op in CHAINS else _map)(chance, op)]
    return {"seed": SEED, "count": len(cases), "cases": cases}


def _map(chance: random.Random, op: Op) -> list[str]:
    shape = tuple(chance.randrange(1, 5) for _ in range(chance.randrange(0, 5)))
    kinds = TAKES[op]
    operands = tuple(_operand(chance, shape, op, place) for place in range(len(kinds)))
    leaf = Leaf(op=op, type=chance.choice(tuple(WordType)), shape=shape, operands=operands)
    values = [_values(chance, operand, is_index=op is Op.GATHER and place) for place, operand in enumerate(operands)]
    index = chance.randrange(prod(shape))
    read: dict[int, int] = {}

    def word_of(operand: int, linear: int) -> int:
        read[operand] = linear // 64
        return values[operand][linear]

    word = judge.element(leaf, index, word_of)
    return [_pack(leaf, index, (0, 0, 0), values, read, (word, 0, word))]


def _chain(chance: random.Random, op: Op) -> list[str]:
    """Every piece of one element of a chain, each from the state before it."""
    length = chance.choice((63, 65, 256, 600))
    padded = -(-length // 64) * 64
    row = Operand(
        kind=Kind.VALUE, source=1, elements=3 * padded, type=WordType.F32, view=View(offset=0, strides=(padded,))
    )
    constant = Operand(kind=Kind.CONSTANT, word=0x3F800000)
    if op is Op.CHAIN:
        operands = (row, chance.choice((row, constant)))
    else:
        operands = (Operand(kind=Kind.INDEX, view=View(offset=0, strides=(1,))), row, row)
    leaf = Leaf(op=op, type=WordType.F32, shape=(3,), operands=operands, length=length)
    values = [[_float(chance) for _ in range(operand.elements)] for operand in operands]
    if op is Op.MATCH:
        values[1] = [chance.randrange(4) for _ in values[1]]
    index, state, packed = chance.randrange(3), (0, 0), []
    for piece in range(judge.piece_count(length)):
        read: dict[int, int] = {}

        def word_of(operand: int, linear: int, read: dict[int, int] = read) -> int:
            read[operand] = linear // 64
            return values[operand][linear]

        after = judge.chain_piece(leaf, index, piece, *state, word_of)
        word = judge.chain_word(length, *after)
        packed.append(_pack(leaf, index, (piece, *state), values, read, (*after, word)))
        state = after
    return packed


def _operand(chance: random.Random, shape: tuple[int, ...], op: Op, place: int) -> Operand:
    is_table = op is Op.GATHER and place == 0
    kind = Kind.VALUE if is_table else chance.choice((Kind.VALUE, Kind.VALUE, Kind.CONSTANT, Kind.INDEX))
    if kind is Kind.CONSTANT:
        return Operand(kind=kind, word=_word(chance))
    strides = tuple(chance.randrange(-3, 9) for _ in shape)
    offset = sum(3 * (size - 1) for size in shape)
    guards = tuple(_guard(chance, shape) for _ in range(chance.randrange(1 if is_table else 0, 5)))
    view = View(offset=offset, strides=strides, guards=guards, fill=_word(chance))
    if kind is Kind.INDEX:
        return Operand(kind=kind, view=view)
    return Operand(kind=kind, source=place, elements=chance.randrange(900, 1100), view=view)


def _guard(chance: random.Random, shape: tuple[int, ...]) -> Guard:
    return Guard(
        base=chance.randrange(-1, 6),
        coefficients=tuple(chance.choice((0, 1, 2, -1)) for _ in shape),
        size=chance.randrange(3, 20),
        stride=chance.randrange(0, 10),
        divisor=chance.choice((1, 1, 1, 2)),
    )


def _values(chance: random.Random, operand: Operand, *, is_index: bool) -> list[int]:
    if is_index:
        return [chance.randrange(-2, 6) & 0xFFFFFFFF for _ in range(operand.elements)]
    return [_word(chance) for _ in range(operand.elements)]


def _word(chance: random.Random) -> int:
    return chance.choice((chance.choice(WORDS), _float(chance), chance.getrandbits(32)))


def _float(chance: random.Random) -> int:
    return chance.randrange(2) << 31 | chance.randrange(117, 136) << 23 | chance.getrandbits(23)


def _pack(
    leaf: Leaf,
    index: int,
    before: tuple[int, int, int],
    values: list[list[int]],
    read: dict[int, int],
    after: tuple[int, int, int],
) -> str:
    roots, openings = [bytes(32)] * 3, []
    for place, words in enumerate(values):
        if place not in read:
            openings.append((b"", []))
            continue
        data = b"".join(word.to_bytes(4, "little") for word in words)
        blocks = [data[at : at + 256] for at in range(0, len(data), 256)]
        roots[place] = merkle.root(blocks)
        openings.append((blocks[read[place]], merkle.proof(blocks, read[place])))
    row = (encode(leaf), index, *before, roots, openings, *after)
    return "0x" + abi_encode([CASE], [row]).hex()


if __name__ == "__main__":
    raise SystemExit(write_or_check(make(), FILE))
