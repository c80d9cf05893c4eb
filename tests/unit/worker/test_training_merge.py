"""The mean of states, in one order and one precision."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from worker.training.merge import StatesDiffer, merge


def test_floats_are_averaged_in_the_given_order() -> None:
    big, small = torch.tensor([1e8]), torch.tensor([1.0])

    merged = merge([{"x": big}, {"x": small}, {"x": -big}])

    assert torch.equal(merged["x"], ((big + small) + -big) / 3)


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=8))
def test_one_state_alone_stays_as_it_is(values: list[float]) -> None:
    state = {"x": torch.tensor(values)}

    assert merge([state])["x"].numpy().tobytes() == state["x"].numpy().tobytes()


def test_a_merge_shares_no_memory_with_what_went_in() -> None:
    state = {"x": torch.zeros(3), "n": torch.tensor([4])}

    merged = merge([state])
    merged["x"] += 1
    merged["n"] += 1

    assert torch.equal(state["x"], torch.zeros(3))
    assert torch.equal(state["n"], torch.tensor([4]))


def test_equal_integers_stay_and_different_ones_are_refused() -> None:
    one, two = {"n": torch.tensor([1])}, {"n": torch.tensor([2])}

    assert torch.equal(merge([one, one])["n"], torch.tensor([1]))
    with pytest.raises(StatesDiffer, match="integers differ"):
        merge([one, two])


@pytest.mark.parametrize(
    "other", [{"y": torch.zeros(3)}, {}, {"x": torch.zeros(2)}, {"x": torch.zeros(3, dtype=torch.float64)}]
)
def test_states_of_different_form_are_refused(other: dict[str, torch.Tensor]) -> None:
    with pytest.raises(StatesDiffer):
        merge([{"x": torch.zeros(3)}, other])
