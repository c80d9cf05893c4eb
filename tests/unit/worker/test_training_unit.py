"""One function executes a unit, whoever asks; its trace changes when anything that matters does."""

from dataclasses import replace

import pytest
import torch

from market.protocol.specs import window_starts
from market.protocol.state import trace_root
from tests.unit.worker.charlm_samples import one_ulp_up, small, with_spec
from worker.attest.trace import UnitResult, root_of
from worker.engine.tensors import State, load, save
from worker.training.merge import StatesDiffer, merge
from worker.training.unit import run_unit


def run(state: State | None = None, *, unit: int = 0, **changes: int) -> UnitResult:
    job = with_spec(small(), **changes)
    return run_unit(job.spec, job.spec.units()[unit], job.executable(), [state or job.state], job.dataset)


def test_the_same_unit_gives_the_same_trace() -> None:
    assert run().trace_root == run().trace_root


def test_a_unit_commits_one_root_per_segment_and_ends_in_its_output() -> None:
    result = run()

    assert len(result.segment_roots) == 3
    assert result.output_root == root_of(result.final_state)
    assert result.trace_root == trace_root(result.segment_roots)
    assert result.input_root == root_of(small().state)
    assert (result.steps, len(result.losses)) == (7, 7)


def test_training_lowers_the_loss() -> None:
    losses = run(steps_per_unit=20, segment_steps=20).losses

    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", ["head", "blocks.1.down", "position"])
def test_one_last_bit_in_one_number_changes_the_trace(name: str) -> None:
    assert run(one_ulp_up(small().state, name)).trace_root != run().trace_root


def test_another_seed_feeds_other_batches_and_changes_the_trace() -> None:
    assert run(seed=12).trace_root != run().trace_root


def test_one_wrong_batch_changes_its_segment_and_the_next_ones_only() -> None:
    job = small()
    swapped = job.dataset["tokens"].clone()
    honest = run()
    start = window_starts(job.spec, job.spec.units()[0], 4, swapped.numel())[0]
    used_before = {s for step in range(3) for s in window_starts(job.spec, job.spec.units()[0], step, swapped.numel())}
    spot = next(at for at in range(start, start + 9) if all(not s <= at < s + 9 for s in used_before))
    swapped[spot] = (swapped[spot] + 1) % 13
    cheat = run_unit(job.spec, job.spec.units()[0], job.executable(), [job.state], {"tokens": swapped})

    assert cheat.segment_roots[0] == honest.segment_roots[0]
    assert cheat.segment_roots[1] != honest.segment_roots[1]


def test_shards_of_one_round_read_different_text() -> None:
    assert run(unit=0).trace_root != run(unit=1).trace_root


def test_a_state_that_travelled_as_a_file_gives_the_same_trace() -> None:
    assert run(load(save(small().state))).trace_root == run().trace_root


def test_the_second_round_starts_from_the_mean_of_the_first() -> None:
    job = small()
    ends = [run(unit=0).final_state, run(unit=1).final_state]

    result = run_unit(job.spec, job.spec.units()[2], job.executable(), ends, job.dataset)

    assert result.input_root == root_of(merge(ends))


def test_the_number_of_the_step_goes_on_in_the_next_round() -> None:
    job = small()
    unit = job.spec.units()[2]
    state = run().final_state

    later = run_unit(job.spec, unit, job.executable(), [state, state], job.dataset)
    restarted = run_unit(job.spec, replace(unit, first_step=0), job.executable(), [state, state], job.dataset)

    assert later.trace_root != restarted.trace_root


def test_progress_is_told_after_every_step() -> None:
    job, told = small(), []

    run_unit(job.spec, job.spec.units()[0], job.executable(), [job.state], job.dataset, told.append)

    assert told == [1, 2, 3, 4, 5, 6, 7]


def test_threads_of_the_caller_do_not_matter_and_are_put_back() -> None:
    honest, before = run().trace_root, torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert run().trace_root == honest
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [("head", torch.zeros(2, 2)), ("head", torch.zeros(16, 13, dtype=torch.float64)), ("extra", torch.zeros(1))],
)
def test_a_start_state_that_is_not_the_programs_is_refused(name: str, tensor: torch.Tensor) -> None:
    with pytest.raises(StatesDiffer) as refused:
        run({**small().state, name: tensor})

    assert refused.value.tensor == name
