"""Trees that a game narrows down: a node, its at most 16 children, and the path of each.

Decides how the nodes of the one Merkle tree (`market.protocol.merkle`) are named by the leaves they cover, so that a
position holds three numbers and a hash. Every level of a tree is kept: a tree of n leaves costs n hashes once and
nothing after. Never asks what a leaf means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from market.protocol import merkle
from market.protocol.exact.leaf import BLOCK_WORDS

WIDTH: Final = 16  # children of a node, at most
_BLOCK_BYTES: Final = 4 * BLOCK_WORDS


def split(count: int) -> tuple[int, int]:
    """Return how many leaves each child of a node over `count` leaves covers (the last maybe fewer), and how many
    children there are."""
    group = 1
    while group * WIDTH < count:
        group *= 2
    return group, -(-count // group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The node over leaves [lo, lo + count)."""

    lo: int
    count: int
    hash: bytes

    def child(self, index: int, child: bytes) -> "Node":
        """Return the child of this place with this hash."""
        group, _ = split(self.count)
        return Node(lo=self.lo + index * group, count=min(group, self.count - index * group), hash=child)


def verify(found: bytes, index: int, count: int, path: Sequence[bytes], root: bytes) -> bool:
    """Return whether a ready hash stands at `index` of `count` under `root`, with no sibling too many or too few."""
    if not 0 <= index < count:
        return False
    last, siblings = count - 1, iter(path)
    while last > 0:
        if index ^ 1 <= last:
            sibling = next(siblings, None)
            if sibling is None:
                return False
            found = merkle.node_hash(sibling, found) if index & 1 else merkle.node_hash(found, sibling)
        index, last = index // 2, last // 2
    return next(siblings, None) is None and found == root


def path_among(hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the path of one of a few ready hashes to the node they fold into."""
    return Tree(hashes).path(index)


class Tree:
    """A tree over ready leaf hashes, every level kept."""

    def __init__(self, hashes: Sequence[bytes]) -> None:
        self._rows = [list(hashes)]
        while len(row := self._rows[-1]) > 1:
            paired = [merkle.node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
            self._rows.append(paired + row[len(paired) * 2 :])

    @classmethod
    def over(cls, leaves: Sequence[bytes]) -> "Tree":
        """Return the tree over leaf data, hashed here."""
        return cls([merkle.leaf_hash(leaf) for leaf in leaves])

    @classmethod
    def over_blocks(cls, words: bytes | memoryview) -> "Tree":
        """Return the tree over a value's little-endian words in blocks of 64."""
        data = memoryview(words).cast("B")
        return cls.over([bytes(data[at : at + _BLOCK_BYTES]) for at in range(0, len(data), _BLOCK_BYTES)])

    @property
    def root(self) -> bytes:
        return self._rows[-1][0] if self._rows[-1] else merkle.root([])

    def __len__(self) -> int:
        return len(self._rows[0])

    def top(self) -> tuple[bytes, ...]:
        """Return the root's children."""
        return self.children(0, len(self))

    def children(self, lo: int, count: int) -> tuple[bytes, ...]:
        """Return the children of the node over leaves [lo, lo + count), which the narrowing has reached."""
        group, children = split(count)
        row = self._rows[group.bit_length() - 1]
        return tuple(row[lo // group : lo // group + children])

    def path(self, index: int) -> tuple[bytes, ...]:
        """Return the siblings of a leaf up to the root."""
        siblings: list[bytes] = []
        for row in self._rows[:-1]:
            if index ^ 1 < len(row):
                siblings.append(row[index ^ 1])
            index //= 2
        return tuple(siblings)


def block_of(words: bytes | memoryview, block: int) -> bytes:
    """Return the bytes of one block of a value."""
    return bytes(memoryview(words).cast("B")[block * _BLOCK_BYTES : (block + 1) * _BLOCK_BYTES])


def blocks_in(words: int) -> int:
    """Return how many blocks so many words make."""
    return -(-words // BLOCK_WORDS)
