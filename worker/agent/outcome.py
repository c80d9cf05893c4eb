"""What executing one unit gave: the facts of a receipt, before it is priced and signed."""

from dataclasses import dataclass
from pathlib import Path

from market.protocol.exact.terms import ExactTerms
from worker.energy.meter import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One execution. Roots are 32 bytes, times are unix milliseconds.

    segment_roots: the state's root at the end of each segment. output: the end state as safetensors. energy: what the
    execution drew, and where that figure came from. terms: of exact work, what its court holds.
    """

    input_root: bytes
    output_root: bytes
    trace_root: bytes
    segment_roots: tuple[bytes, ...]
    output: Path
    steps: int
    started_at: int
    finished_at: int
    energy: Reading
    terms: ExactTerms | None = None
