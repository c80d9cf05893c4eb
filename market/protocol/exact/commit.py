"""Commitments of the exact class: roots over words, so that one judgement can open 64 of them.

Decides what is hashed, in which order and in which blocks; the tree is `market.protocol.merkle`, as everywhere. Works
on bytes in memory and never on tensors: `worker.engine.exact` computes the same roots faster, and a test holds the two
equal.
"""

import struct
from array import array
from collections.abc import Sequence

from market.protocol import merkle
from market.protocol.exact.encoding import encode
from market.protocol.exact.leaf import BLOCK_WORDS, CANONICAL_NAN, ExactProgram
from market.protocol.specs import TrainSpec, UnitPlan

_BLOCK_BYTES = 4 * BLOCK_WORDS


def value_root(words: bytes | memoryview) -> bytes:
    """Return the root over a value's little-endian words in blocks of 64. Floats that may be NaN go through `canonical`
    first; states never are."""
    data = memoryview(words).cast("B")
    return merkle.root_of_hashes(
        [merkle.leaf_hash(bytes(data[at : at + _BLOCK_BYTES])) for at in range(0, len(data), _BLOCK_BYTES)]
    )


def canonical(words: bytes | memoryview) -> bytes:
    """Return float words with every NaN made the one NaN."""
    items = array("I", bytes(words))
    for at, word in enumerate(items):
        if word & 0x7FFFFFFF > 0x7F800000:
            items[at] = CANONICAL_NAN
    return items.tobytes()


def state_root(slots: Sequence[bytes]) -> bytes:
    """Return the root of a state from its slots' value roots."""
    return merkle.root(list(slots))


def leaves_root(program: ExactProgram) -> bytes:
    return merkle.root([encode(leaf) for leaf in program.leaves])


def outputs_root(program: ExactProgram) -> bytes:
    return merkle.root([struct.pack(">I", value) for value in program.outputs])


def unit_leaf(unit: UnitPlan) -> bytes:
    """Return the bytes by which the court knows a unit: index, round, shard, shards, first step."""
    return struct.pack(">IIIIQ", unit.index, unit.round, unit.shard, unit.shards, unit.first_step)


def units_root(spec: TrainSpec) -> bytes:
    return merkle.root([unit_leaf(unit) for unit in spec.units()])
