"""An exact execution that answers for itself: the engine, the witness and the protocol come to the same roots."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from market.protocol.exact import commit
from market.protocol.exact.jobs import exact_state_root
from market.protocol.exact.leaf import CHAINS
from market.protocol.tensors import read
from tests.unit.worker.charlm_samples import one_ulp_up
from tests.unit.worker.exact_samples import exact
from worker.attest.trace import UnitResult
from worker.attest.witness import HONEST, Course, Faults, Witness
from worker.engine.exact import choose
from worker.engine.exact.machine import Array
from worker.engine.tensors import State, save
from worker.training.unit import run_unit

ENDS = (0, 3, 6, 7)  # of the small job's segments, in steps


def run(unit: int = 0, starts: list[State] | None = None) -> UnitResult:
    job = exact()
    return run_unit(job.spec, job.spec.units()[unit], job.engine(), starts or [job.small.state], job.small.dataset)


def witness(course: Course | None = None, **options: object) -> Witness:
    return Witness(course or exact().course(), choose(), **options)  # type: ignore[arg-type]


def saved_root(state: State) -> bytes:
    return exact_state_root(read(save(state)))


def longest_chain() -> int:
    leaves = exact().job.program.leaves
    return max((at for at, leaf in enumerate(leaves) if leaf.op in CHAINS), key=lambda at: leaves[at].length)


def flipped(words: Array) -> Array:
    words[-1] ^= np.uint32(1 << 20)
    return words


def unchanged(words: Array) -> Array:
    return words


def test_a_unit_begins_and_ends_in_the_roots_of_the_saved_states() -> None:
    result = run()

    assert result.input_root == saved_root(exact().small.state) == exact().job.terms.state_root
    assert result.output_root == saved_root(result.final_state)


@pytest.mark.parametrize(("segment", "steps"), [(0, 3), (1, 6)])
def test_every_segment_root_is_the_root_of_the_state_saved_there(segment: int, steps: int) -> None:
    job = exact()
    shorter = replace(job.spec, steps_per_unit=steps)

    there = run_unit(shorter, shorter.units()[0], job.engine(), [job.small.state], job.small.dataset)

    assert run().segment_roots[segment] == saved_root(there.final_state)


@pytest.mark.parametrize("unit", [0, 1])
def test_a_witness_comes_to_the_roots_of_the_unit(unit: int) -> None:
    found, wanted = witness(exact().course(unit)), run(unit)

    assert found.input_root == wanted.input_root
    assert found.segment_roots == wanted.segment_roots


def test_a_witness_of_a_later_round_comes_to_the_roots_of_the_unit() -> None:
    job, ends = exact(), [run(0).final_state, run(1).final_state]
    start = [(ends[0][slot.name] + ends[1][slot.name]) / 2 for slot in job.job.program.state_slots]

    found, wanted = witness(replace(job.course(2), state=start)), run(2, ends)

    assert found.input_root == wanted.input_root
    assert found.segment_roots == wanted.segment_roots


def test_a_witness_ends_in_the_state_of_the_unit() -> None:
    ends = zip(witness().final_state(), run().final_state.values(), strict=True)

    assert all(np.array_equal(found, wanted.numpy()) for found, wanted in ends)


@pytest.mark.parametrize("kept_bytes", [0, 30_000, 1 << 30])
def test_what_is_replayed_does_not_depend_on_what_was_kept(kept_bytes: int) -> None:
    whole, spare = witness().ledger(), witness(kept_bytes=kept_bytes, replay_bytes=kept_bytes).ledger()

    for segment in (2, 0, 1):
        assert spare.steps(segment).root == whole.steps(segment).root
    for step in (6, 0, 4):
        assert spare.step(step).values.root == whole.step(step).values.root
        assert spare.step(step).new_slots.root == whole.step(step).new_slots.root


def test_a_replayed_segment_ends_where_the_execution_did() -> None:
    found = witness(kept_bytes=0)
    ledger = found.ledger()

    for segment, (first, last) in enumerate(pairwise(ENDS)):
        assert ledger.state_after(segment, last - first - 1) == found.segment_roots[segment]


def test_a_replayed_step_shows_the_words_its_roots_are_over() -> None:
    program, step = exact().job.program, witness().ledger().step(4)

    for value in (0, len(program.inputs), len(program.inputs) + longest_chain(), program.outputs[3]):
        assert commit.value_root(step.words(value)) == step.root(value)


def test_values_that_were_dropped_are_shown_with_the_same_words() -> None:
    first, leaves = len(exact().job.program.inputs), len(exact().job.program.leaves)
    whole, spare = witness().ledger().step(2), witness(replay_bytes=0).ledger().step(2)

    assert all(spare.words(value) == whole.words(value) for value in range(first, first + leaves, 40))


def faulty(step: int, at: int | None = None) -> tuple[Witness, Witness]:
    faults: Faults = {step: {longest_chain() if at is None else at: flipped}}
    return witness(), witness(faults=faults)


def test_a_fault_that_changes_nothing_is_the_honest_execution() -> None:
    assert witness(faults={3: {longest_chain(): unchanged}}).segment_roots == witness(faults=HONEST).segment_roots


@pytest.mark.parametrize(("step", "segment"), [(0, 0), (2, 0), (3, 1), (6, 2)])
def test_a_fault_changes_its_segment_and_all_later_ones(step: int, segment: int) -> None:
    honest, false = faulty(step)

    differ = [a != b for a, b in zip(honest.segment_roots, false.segment_roots, strict=True)]
    assert differ == [at >= segment for at in range(3)]
    assert false.input_root == honest.input_root


def test_a_fault_changes_its_step_and_none_before() -> None:
    honest, false = faulty(4)

    ours, theirs = honest.ledger(), false.ledger()
    assert theirs.state_after(1, 0) == ours.state_after(1, 0)
    assert theirs.state_after(1, 1) != ours.state_after(1, 1)


def test_a_fault_changes_its_leaf_by_one_word_and_no_leaf_before() -> None:
    honest, false = faulty(4)
    at, first = longest_chain(), len(exact().job.program.inputs)

    ours, theirs = honest.ledger().step(4), false.ledger().step(4)
    mine, other = (np.frombuffer(step.words(first + at), np.uint32) for step in (ours, theirs))
    assert all(theirs.root(first + leaf) == ours.root(first + leaf) for leaf in range(at))
    assert list(np.flatnonzero(mine != other)) == [mine.size - 1]


def test_a_false_execution_is_the_same_again_when_it_is_replayed() -> None:
    _, whole = faulty(4)
    spare = witness(faults={4: {longest_chain(): flipped}}, kept_bytes=0, replay_bytes=0)

    assert spare.segment_roots == whole.segment_roots
    assert spare.ledger().steps(1).root == whole.ledger().steps(1).root


def test_one_last_bit_of_the_start_changes_every_root() -> None:
    state = one_ulp_up(exact().small.state, "head")
    moved = replace(exact().course(), state=[state[slot.name] for slot in exact().job.program.state_slots])

    found, honest = witness(moved), witness()

    assert found.input_root != honest.input_root
    assert not set(found.segment_roots) & set(honest.segment_roots)


def test_a_witness_leaves_its_course_as_it_was() -> None:
    course = exact().course()
    before = [tensor.clone() for tensor in course.state]

    witness(course).ledger().step(5)

    assert all(torch.equal(a, b) for a, b in zip(course.state, before, strict=True))


def test_a_witness_tells_of_every_step() -> None:
    told: list[int] = []

    witness(on_progress=told.append)

    assert told == list(range(1, 8))
