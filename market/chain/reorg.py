"""Where a stored chain and the node's chain part, and what to do about it. Pure.

Decides the rollback height and the next blocks from stored checkpoints and the node's hashes by height. A head below a
checkpoint is a deep reorganisation like any other; another genesis is another chain and is refused by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from market.protocol.errors import CommonwattError


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReplaced(CommonwattError):
    """The node serves another chain than the one this deployment stands on."""

    expected_genesis: str
    found_genesis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """An indexed block."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an indexer does next.

    rollback_to: delete every checkpoint and event above this height first; None when nothing is to be deleted.
    first, last: heights to ingest, inclusive; last < first means none.
    """

    rollback_to: int | None
    first: int
    last: int


def common_ancestor(stored: Sequence[Checkpoint], canonical: Mapping[int, bytes]) -> Checkpoint | None:
    """Return the highest stored checkpoint that is on the node's chain; None when none of them is.

    stored: in any order. canonical: height -> hash on the node's chain, for every stored height that it has.
    """
    shared = (point for point in stored if canonical.get(point.number) == point.hash)
    return max(shared, key=lambda point: point.number, default=None)


def plan(
    stored: Sequence[Checkpoint], canonical: Mapping[int, bytes], *, head: int, first_block: int, limit: int
) -> Plan:
    """Return what to roll back and what to ingest, at most `limit` blocks.

    head: height of the node's newest block that may be indexed. first_block: where indexing begins on an empty store,
    and again when no checkpoint survived.
    """
    ancestor = common_ancestor(stored, canonical)
    height = ancestor.number if ancestor else first_block - 1
    newest = max((point.number for point in stored), default=height)
    return Plan(
        rollback_to=height if newest > height else None,
        first=height + 1,
        last=min(head, height + limit),
    )


def check_genesis(*, expected: str, found: str) -> None:
    """Raise ChainReplaced when the node's genesis is not the deployment's. Both 0x hex."""
    if expected.lower() != found.lower():
        raise ChainReplaced(expected_genesis=expected, found_genesis=found)


def unbroken(parent: bytes | None, links: Sequence[tuple[bytes, bytes]]) -> int:
    """Return how many of the (hash, parent hash) links follow one another from `parent`; None accepts any start."""
    for count, (block_hash, parent_hash) in enumerate(links):
        if parent is not None and parent_hash != parent:
            return count
        parent = block_hash
    return len(links)
