"""What a unit's result commits to."""

from dataclasses import FrozenInstanceError

import pytest
import torch

from market.protocol.state import trace_root
from worker.attest.trace import UnitResult, root_of

ROOTS = (b"\x01" * 32, b"\x02" * 32)


def result(*roots: bytes) -> UnitResult:
    return UnitResult(input_root=bytes(32), segment_roots=roots, final_state={}, losses=(), steps=1)


def test_the_trace_root_commits_to_every_segment_in_order() -> None:
    assert result(*ROOTS).trace_root == trace_root(ROOTS)
    assert result(*ROOTS).trace_root != result(*ROOTS[::-1]).trace_root


def test_the_output_is_the_last_segments_state() -> None:
    assert result(*ROOTS).output_root == ROOTS[-1]


def test_a_result_cannot_be_changed_afterwards() -> None:
    with pytest.raises(FrozenInstanceError):
        result(*ROOTS).steps = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    "other",
    [
        {"x": torch.zeros(3)},
        {"y": torch.zeros(2)},
        {"x": torch.zeros(2, dtype=torch.float64)},
        {"x": torch.zeros(2, 1)},
        {"x": torch.zeros(2), "y": torch.zeros(1)},
    ],
)
def test_names_dtypes_and_shapes_are_part_of_a_root(other: dict[str, torch.Tensor]) -> None:
    assert root_of(other) != root_of({"x": torch.zeros(2)})
