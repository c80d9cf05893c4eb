"""How far a re-execution and a claim lie apart. A measurement, never a verdict.

Decides where two traces part: the first segment whose end states differ. Who re-executes, with which inputs, and what a
difference costs whom is decided elsewhere; the re-execution itself is `worker.training.unit.run_unit`, as for all work.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from market.protocol.errors import CommonwattError
from market.protocol.state import trace_root
from market.protocol.typed import Receipt
from worker.attest.trace import UnitResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimIncoherent(CommonwattError):
    """The segment roots are not those that the receipt's trace root commits to."""

    claimed_trace_root: bytes
    given_trace_root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What re-executing one unit showed.

    same_input: both began from the same state. first_differing_segment: index of the first segment that ends in another
    state, None when all are equal.
    """

    claimed_trace_root: bytes
    measured_trace_root: bytes
    same_input: bool
    first_differing_segment: int | None
    segments: int


def measure(result: UnitResult, claimed: Receipt, claimed_segments: Sequence[bytes]) -> Measurement:
    """Return how a re-execution compares with a receipt; raises ClaimIncoherent when the claim contradicts itself."""
    given = trace_root(claimed_segments)
    if given != claimed.trace_root:
        raise ClaimIncoherent(claimed_trace_root=claimed.trace_root, given_trace_root=given)
    return Measurement(
        claimed_trace_root=claimed.trace_root,
        measured_trace_root=result.trace_root,
        same_input=result.input_root == claimed.input_root,
        first_differing_segment=_first_difference(result.segment_roots, claimed_segments),
        segments=len(result.segment_roots),
    )


def _first_difference(measured: Sequence[bytes], claimed: Sequence[bytes]) -> int | None:
    for index in range(max(len(measured), len(claimed))):
        if measured[index : index + 1] != tuple(claimed[index : index + 1]):
            return index
    return None
