"""Commitments to tensors: a state's Merkle root, and a trace's.

Decides how named tensors become one 32-byte root: leaf 0 is the canonical JSON header (names, dtypes, shapes, sorted by
name), then each tensor's little-endian row-major bytes in 4,096-byte chunks, in the same order. Works on raw bytes, so
market and worker share it without torch.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from market.protocol import canonical, merkle

CHUNK_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBytes:
    """One tensor as bytes. dtype is the safetensors spelling (F32, I64, ...)."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: memoryview | bytes


def state_root(tensors: Iterable[NamedBytes]) -> bytes:
    """Return the Merkle root of a state; the order in which the tensors are given does not matter."""
    ordered = sorted(tensors, key=lambda tensor: tensor.name)
    header = [{"name": t.name, "dtype": t.dtype, "shape": list(t.shape)} for t in ordered]
    hashes = [merkle.leaf_hash(canonical.encode(header))]
    for tensor in ordered:
        view = memoryview(tensor.data).cast("B")
        for start in range(0, len(view), CHUNK_BYTES):
            digest = hashlib.sha256(b"\x00")
            digest.update(view[start : start + CHUNK_BYTES])
            hashes.append(digest.digest())
    return merkle.root_of_hashes(hashes)


def trace_root(segment_roots: Sequence[bytes]) -> bytes:
    """Return the Commitment: the Merkle root over the ordered roots of the states at the ends of the segments."""
    return merkle.root(list(segment_roots))
