"""What an execution leaves behind for others to hold it to: the roots of its states, and their root.

Decides what a unit's result is and how a state in memory becomes the 32 bytes that are signed. Hashes what it is given;
neither executes nor compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from market.protocol.state import state_root, trace_root
from worker.engine.tensors import State, named_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitResult:
    """What one execution of one unit came to. losses: one per step, for the reader; nothing is signed over them."""

    input_root: bytes
    segment_roots: tuple[bytes, ...]
    final_state: State
    losses: tuple[float, ...]
    steps: int

    @property
    def output_root(self) -> bytes:
        """The root of the end state, which is the last segment's."""
        return self.segment_roots[-1]

    @property
    def trace_root(self) -> bytes:
        """The Commitment over all segments."""
        return trace_root(self.segment_roots)


def root_of(state: Mapping[str, torch.Tensor]) -> bytes:
    """Return the Merkle root of a state in memory."""
    return state_root(named_bytes(state))
