"""The same gallery before the Python referee, which needs no chain: more seeds, and honest workers of other kinds."""

from random import Random

import pytest

from market.protocol.words import Verdict
from tests.cheats.gallery import GALLERY
from tests.cheats.liars import AtRandom
from tests.support.arena import Arena, Twin, party, play
from worker.attest.witness import Witness
from worker.engine.exact import choose, usable


@pytest.mark.parametrize("seed", [3, 4])
@pytest.mark.parametrize("name", GALLERY)
def test_a_cheat_is_convicted_by_the_twin(arena: Arena, name: str, seed: int) -> None:
    played = play(Twin(arena), GALLERY[name].commit(arena, seed), arena.challenger())

    assert played.verdict is Verdict.OVERTURNED


@pytest.mark.parametrize("name", GALLERY)
def test_a_cheat_claims_another_trace_than_an_honest_worker(arena: Arena, name: str) -> None:
    claim, honest = GALLERY[name].commit(arena, 6).claim, arena.honest.claim

    assert (claim.input_root, claim.trace_root, claim.output_root) != (
        honest.input_root,
        honest.trace_root,
        honest.output_root,
    )


@pytest.mark.parametrize("kernels", [name for name in usable() if name.startswith("c-")])
def test_an_honest_worker_with_other_kernels_claims_the_same_and_can_defend_it(arena: Arena, kernels: str) -> None:
    worker = Witness(arena.course(), choose(kernels))

    played = play(Twin(arena), party(worker), AtRandom(Random(9)))

    assert party(worker).claim == arena.honest.claim
    assert played.verdict is Verdict.UPHELD
