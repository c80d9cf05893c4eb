"""A measurement says where two executions part, and nothing about whose fault that is."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from market.protocol.state import trace_root
from market.protocol.typed import Receipt
from market.protocol.words import EnergySource, ReceiptKind
from worker.attest.trace import UnitResult
from worker.verify.measure import ClaimIncoherent, measure

ROOTS = tuple(bytes([n]) * 32 for n in (1, 2, 3))
RESULT = UnitResult(
    input_root=b"\x09" * 32, segment_roots=ROOTS, final_state={"x": torch.zeros(1)}, losses=(1.0,), steps=3
)


def claim(segments: tuple[bytes, ...], **changes: Any) -> Receipt:
    receipt = Receipt(
        job_id=bytes(32), kind=ReceiptKind.WORK, unit=0, attempt=0, provider="0x" + "11" * 20, worker="0x" + "11" * 20,
        input_root=RESULT.input_root, output_root=segments[-1], trace_root=trace_root(segments), artifact=bytes(32),
        fingerprint=bytes(32), price_wei=1, steps=3, started_at=0, finished_at=1, millijoules=0,
        energy_source=EnergySource.ESTIMATE,
    )  # fmt: skip
    return replace(receipt, **changes)


def test_an_honest_claim_differs_nowhere() -> None:
    found = measure(RESULT, claim(ROOTS), ROOTS)

    assert found.first_differing_segment is None
    assert found.same_input
    assert found.measured_trace_root == found.claimed_trace_root


@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_first_segment_that_differs_is_named(at: int) -> None:
    lied = (*ROOTS[:at], *(b"\xff" * 32 for _ in ROOTS[at:]))

    assert measure(RESULT, claim(lied), lied).first_differing_segment == at


@pytest.mark.parametrize("lied", [ROOTS[:2], (*ROOTS, ROOTS[0])])
def test_a_trace_of_another_length_differs_at_its_end(lied: tuple[bytes, ...]) -> None:
    assert measure(RESULT, claim(lied), lied).first_differing_segment == min(len(lied), len(ROOTS))


def test_another_start_is_told_apart() -> None:
    assert not measure(RESULT, claim(ROOTS, input_root=bytes(32)), ROOTS).same_input


def test_a_claim_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ClaimIncoherent):
        measure(RESULT, claim(ROOTS), ROOTS[::-1])
