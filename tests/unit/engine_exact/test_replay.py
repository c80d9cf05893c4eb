"""The replay: every leaf's words and roots, kept or computed again, and what a cheater's words lead to."""

import numpy as np

from market.protocol.exact import commit
from tests.unit.engine_exact.machine_samples import Array, sample
from worker.engine.exact import choose
from worker.engine.exact.replay import Replay, replay_step

SMALL = 100_000


def replayed(**options: object) -> Replay:
    program, state, batch = sample("perceptron")
    return replay_step(program, choose(), state, batch, 1, **options)  # type: ignore[arg-type]


def test_roots_are_those_of_the_protocol() -> None:
    replay = replayed()
    first = len(replay.program.inputs)

    wanted = [commit.value_root(replay.words(first + at).tobytes()) for at in range(len(replay.program.leaves))]

    assert replay.value_roots == wanted


def test_an_input_has_a_root_too() -> None:
    replay = replayed()
    _, state, _ = sample("perceptron")

    assert replay.root(0) == commit.value_root(state[0].tobytes())


def test_the_new_states_roots_are_those_of_its_words() -> None:
    replay = replayed()

    wanted = [commit.value_root(words.tobytes()) for words in replay.new_state()]

    assert replay.state_roots == wanted


def test_values_that_were_not_kept_are_computed_again_with_the_same_words() -> None:
    whole, small = replayed(), replayed(keep=SMALL)
    values = range(len(whole.program.inputs) + len(whole.program.leaves))

    assert small.value_roots == whole.value_roots
    assert all(np.array_equal(small.words(value), whole.words(value)) for value in values)


def test_a_faulty_leaf_changes_its_own_root_and_no_earlier_one() -> None:
    honest = replayed()
    at = len(honest.program.leaves) // 2

    cheater = replayed(faults={at: _flipped})

    differ = [leaf for leaf, root in enumerate(honest.value_roots) if root != cheater.value_roots[leaf]]
    assert differ[0] == at


def test_a_faulty_leaf_is_faulty_again_when_it_is_computed_again() -> None:
    at = len(replayed().program.leaves) // 2
    cheater, small = replayed(faults={at: _flipped}), replayed(faults={at: _flipped}, keep=SMALL)
    value = len(cheater.program.inputs) + at

    assert np.array_equal(small.words(value), cheater.words(value))


def _flipped(words: Array) -> Array:
    changed = words.copy()
    changed[0] ^= 1
    return changed
