"""The one Merkle tree of the project: SHA-256, as in RFC 6962 section 2.1.

Leaves are hashed with a 0x00 prefix and inner nodes with 0x01, so no node passes for a leaf. A tree of n leaves splits
at the largest power of two below n, so the shape follows from the count alone and nothing is padded. The root of no
leaves is SHA-256 of the empty string. States, traces, and receipts all use it; the EVM checks it with its precompile.
"""

import hashlib
from collections.abc import Sequence


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf *data* (hashed here)."""
    return root_of_hashes([leaf_hash(leaf) for leaf in leaves])


def root_of_hashes(level: Sequence[bytes]) -> bytes:
    """Return the root over ready leaf hashes. An odd last node is carried up unchanged, which is RFC 6962's shape."""
    if not level:
        return hashlib.sha256(b"").digest()
    row = list(level)
    while len(row) > 1:
        paired = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
        row = paired + row[len(paired) * 2 :]
    return row[0]


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the siblings from the leaf up to the root; raises IndexError when there is no such leaf."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    row = [leaf_hash(leaf) for leaf in leaves]
    path: list[bytes] = []
    while len(row) > 1:
        sibling = index ^ 1
        if sibling < len(row):
            path.append(row[sibling])
        row = [node_hash(row[i], row[i + 1]) if i + 1 < len(row) else row[i] for i in range(0, len(row), 2)]
        index //= 2
    return path


def verify(leaf: bytes, index: int, count: int, path: Sequence[bytes], expected_root: bytes) -> bool:
    """Return whether `leaf` stands at `index` of the `count` leaves under `expected_root`."""
    if not 0 <= index < count:
        return False
    current, last, siblings = leaf_hash(leaf), count - 1, list(path)
    while last > 0:
        if index ^ 1 <= last:
            if not siblings:
                return False
            sibling = siblings.pop(0)
            current = node_hash(sibling, current) if index & 1 else node_hash(current, sibling)
        index, last = index // 2, last // 2
    return not siblings and current == expected_root
