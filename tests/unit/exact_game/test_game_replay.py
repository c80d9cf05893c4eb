"""What the engine replays is what the court computes: roots of every leaf, and words of every value."""

from array import array

import numpy as np

from market.protocol.exact import game_court as court
from tests.unit.exact_game.tiny import DATASET, INPUTS, PLAN, PROGRAM, SLOTS, START, TERMS, run_step
from worker.engine.exact import choose
from worker.engine.exact.replay import replay_step

_DTYPES = (np.float32, np.int32)


def test_the_engines_replay_has_the_roots_that_the_court_would_find() -> None:
    honest = run_step(START, 0)
    slots = zip(START, PROGRAM.inputs, strict=False)
    state = [np.frombuffer(words, _DTYPES[slot.type]).reshape(slot.shape).copy() for words, slot in slots]
    places = [court.dataset_place(TERMS, PLAN, 0, at) for at in range(TERMS.batch * TERMS.window)]
    batch = np.array([memoryview(DATASET).cast("i")[place] for place in places], np.int64)

    replay = replay_step(PROGRAM, choose(), state, batch.reshape(TERMS.batch, TERMS.window), 1)

    assert list(replay.value_roots) == list(honest.value_roots)
    assert list(replay.state_roots) == list(honest.new_slot_roots)
    assert [replay.root(slot) for slot in range(SLOTS)] == list(honest.slot_roots)
    assert array("I", replay.words(INPUTS).tobytes()).tobytes() == honest.words(INPUTS)
