"""A leaf as a table of numbers: what `leaf.cu` reads.

Decides the layout and nothing else; a test holds it to the one that `leaf.cu` names in its head.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from market.protocol.exact.leaf import MAX_DIMENSIONS, MAX_GUARDS, Leaf, Operand

SIZES: Final = 5
OPERANDS: Final = SIZES + MAX_DIMENSIONS
GUARD: Final = 4 + MAX_DIMENSIONS
GUARDS: Final = 4 + MAX_DIMENSIONS
OPERAND: Final = GUARDS + MAX_GUARDS * GUARD
NUMBERS: Final = OPERANDS + 3 * OPERAND


def table_of(leaf: Leaf) -> NDArray[np.int64]:
    """Return the leaf's table, int64 [NUMBERS]."""
    table = np.zeros(NUMBERS, np.int64)
    table[:SIZES] = (leaf.op, len(leaf.shape), len(leaf.operands), leaf.length, leaf.elements)
    table[SIZES : SIZES + len(leaf.shape)] = leaf.shape
    for place, operand in enumerate(leaf.operands):
        begin = OPERANDS + place * OPERAND
        _write(table[begin : begin + OPERAND], operand)
    return table


def _write(row: NDArray[np.int64], operand: Operand) -> None:
    row[0] = operand.kind
    view = operand.view
    if view is None:
        row[2] = operand.word
        return
    row[1], row[2], row[3] = len(view.guards), view.fill, view.offset
    row[4 : 4 + len(view.strides)] = view.strides
    for place, guard in enumerate(view.guards):
        begin = GUARDS + place * GUARD
        row[begin : begin + 4] = (guard.base, guard.divisor, guard.size, guard.stride)
        row[begin + 4 : begin + 4 + len(guard.coefficients)] = guard.coefficients
