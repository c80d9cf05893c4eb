"""What a judgement reads in a game: which word of which operand, and where batch and step number come from.

Decides the blocks that must be opened for one word of one leaf or for 64 terms of one chain, the twin of
contracts/src/libraries/Readings.sol. What is made of the words is `market.protocol.exact.judge`.
"""

import hashlib
from typing import Final

from market.protocol.exact import float32, judge
from market.protocol.exact.leaf import BLOCK_WORDS, ROWS, Leaf, Op
from market.protocol.exact.terms import ExactTerms
from market.protocol.specs import UnitPlan

_WORD: Final = 0xFFFFFFFF
_SIGN: Final = 0x80000000


def places(leaf: Leaf, element: int, piece: int, word_of: judge.WordOf) -> dict[int, int]:
    """Return the linear index that each operand is read at, of those that read a value; of a row it is the piece's
    first. All are opened, also the one that a SELECT leaves aside. word_of: is asked for a gather's index."""
    found: dict[int, int] = {}
    nudge = 0
    for operand in reversed(range(len(leaf.operands))):
        place = judge.locate(leaf, element, operand, nudge if operand == 0 else 0)
        if leaf.op is Op.GATHER and operand == 1:
            index = place.word if place.source is None else word_of(1, place.linear)
            nudge = index - ((index & _SIGN) << 1)
        if place.source is not None:
            found[operand] = place.linear + (piece * BLOCK_WORDS if operand in ROWS.get(leaf.op, ()) else 0)
    return found


def dataset_place(terms: ExactTerms, plan: UnitPlan, step: int, batch_index: int) -> int:
    """Return which word of the dataset stands at a linear index of the batch of a unit's step: `window_starts` of
    `market.protocol.specs`, for one row and out of the terms."""
    row, column = divmod(batch_index, terms.window)
    low, high = (shard * terms.dataset_items // plan.shards for shard in (plan.shard, plan.shard + 1))
    counter = b"".join(value.to_bytes(8, "big") for value in (terms.seed, plan.index, step, row))
    draw = int.from_bytes(hashlib.sha256(counter).digest()[:8], "big")
    return low + draw % (high - low - terms.window + 1) + column


def step_word(plan: UnitPlan, step: int) -> int:
    """Return the step number of a unit's step as the program reads it."""
    return float32.itof(plan.first_step + step + 1 & _WORD)


def pair_bytes(total: int, acc: int) -> bytes:
    """Return total and accumulator of a chain as the leaf of a tree over partials."""
    return total.to_bytes(4, "big") + acc.to_bytes(4, "big")


def pair_of(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[:4], "big"), int.from_bytes(data[4:], "big")
