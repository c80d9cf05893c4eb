"""The runner's part in games: the honest move for a position of its unit, and one name for everything else."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from market.protocol.exact import game_moves as moves
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_moves import Frame, Move
from market.protocol.exact.game_wire import BadGameMessage, from_json, to_json
from market.protocol.exact.leaf import CHAINS
from market.protocol.exact.terms import WrongCourt
from market.protocol.state import trace_root
from market.protocol.words import Level, Side, Verdict
from tests.unit.exact_game.play import Seen, play
from tests.unit.exact_game.tiny import CHALLENGER, PROVIDER, WORKER
from tests.unit.exact_game.tiny import HONEST as TINY
from tests.unit.worker.exact_samples import exact
from worker import exact_runner
from worker.attest.witness import HONEST, Faults, Witness
from worker.engine.exact import choose
from worker.engine.exact.machine import Array, StepTooLarge
from worker.exact_runner import Answer, BadSide
from worker.training.merge import StatesDiffer


def wrong(words: Array) -> Array:
    words[-1] ^= np.uint32(1 << 22)
    return words


def lie() -> Faults:
    leaves = exact().job.program.leaves
    chain = max((at for at, leaf in enumerate(leaves) if leaf.op in CHAINS), key=lambda at: leaves[at].length)
    return {4: {chain: wrong}}


@cache
def frame(*, lying: bool = False) -> Frame:
    """Return what a game about the first unit begins with, of a true or of a false receipt."""
    witness = Witness(exact().course(), choose(), faults=lie() if lying else HONEST)
    return Frame(
        worker=WORKER, provider=PROVIDER, input_root=witness.input_root, output_root=witness.segment_roots[-1],
        plan=exact().spec.units()[0], terms=exact().job.terms, root=trace_root(witness.segment_roots),
    )  # fmt: skip


def opened(*, lying: bool = False) -> GamePosition:
    return GamePosition.opened(frame(lying=lying), CHALLENGER, move_seconds=60, now=0)


@cache
def player(side: str, *, lying: bool = False) -> Answer:
    return exact_runner.player_of(exact().course(), side, faults=lie() if lying else HONEST)


def message(position: Any, seen: Seen = (), /, **changes: Any) -> dict[str, Any]:
    children, words = ([], seen.hex()) if isinstance(seen, bytes) else ([child.hex() for child in seen], "")
    return {"position": to_json(position), "children": children, "words": words} | changes


def answers(ask: Answer) -> Callable[..., Move | None]:
    def answer(position: GamePosition, seen: Seen = ()) -> Move | None:
        move = ask(message(position, seen))["move"]
        return None if move is None else from_json(move)

    return answer


def test_a_defender_opens_the_trace_first() -> None:
    move = answers(player("defender"))(opened())

    assert isinstance(move, moves.Reveal)
    assert opened().apply(move, caller=WORKER, now=1).mover is Side.CHALLENGER


def test_a_challenger_waits_for_the_defender_to_open_the_trace() -> None:
    assert answers(player("challenger"))(opened()) is None


def test_a_challenger_denies_the_first_segment_that_differs() -> None:
    shown = answers(player("defender", lying=True))(opened(lying=True))
    assert isinstance(shown, moves.Reveal)
    position = opened(lying=True).apply(shown, caller=WORKER, now=1)

    move = answers(player("challenger"))(position, shown.children)

    assert isinstance(move, moves.Pick)
    assert (move.index, move.child) == (1, shown.children[1])


def test_a_whole_game_between_two_runners_convicts_the_liar() -> None:
    played = play(
        frame(lying=True),
        answers(player("defender", lying=True)),
        answers(player("challenger")),
        is_defender_honest=False,
    )

    assert played.end.verdict is Verdict.OVERTURNED
    assert played.end.step == 4
    assert played.end.level in {Level.WORDS, Level.PARTIALS}


def test_a_runner_that_keeps_next_to_nothing_gives_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact_runner, "KEPT_BYTES", 0)
    monkeypatch.setattr(exact_runner, "KEEP", 0)
    poor = exact_runner.player_of(exact().course(), "challenger")

    ends = [
        play(frame(lying=True), answers(player("defender", lying=True)), answers(judge), is_defender_honest=False)
        for judge in (poor, player("challenger"))
    ]

    assert ends[0].positions == ends[1].positions


def test_what_a_player_keeps_fits_the_memory_of_its_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, int] = {}

    class Noting(Witness):
        def __init__(self, *given: Any, **options: Any) -> None:
            asked.update({name: options[name] for name in ("kept_bytes", "replay_bytes")})
            super().__init__(*given, **options)

    monkeypatch.setattr(exact_runner, "Witness", Noting)
    course = exact().course()
    small = replace(course, spec=replace(course.spec, memory_bytes=1 << 20))

    exact_runner.player_of(small, "defender")

    assert asked == {"kept_bytes": 1 << 20, "replay_bytes": 2 << 20}


@pytest.mark.parametrize("side", ["", "DEFENDER", "judge"])
def test_a_side_that_no_game_has_is_refused(side: str) -> None:
    with pytest.raises(BadSide):
        exact_runner.player_of(exact().course(), side)


@pytest.mark.parametrize(
    "changes",
    [
        {"position": None},
        {"position": {"is": "Timeout"}},
        {"position": {"is": "GamePosition"}},
        {"position": "first"},
        {"children": None},
        {"children": ["zz"]},
        {"children": [7]},
        {"words": 7},
        {"words": "0"},
    ],
)
@pytest.mark.parametrize("side", ["defender", "challenger"])
def test_a_message_of_another_form_is_refused_by_name(side: str, changes: dict[str, Any]) -> None:
    with pytest.raises(BadGameMessage):
        player(side)(message(opened(), **changes))


@pytest.mark.parametrize("name", ["position", "children", "words"])
def test_a_message_without_one_of_its_parts_is_refused_by_name(name: str) -> None:
    asked = message(opened())
    del asked[name]

    with pytest.raises(BadGameMessage):
        player("defender")(asked)


ASTRAY: dict[str, Callable[[GamePosition], GamePosition]] = {
    "job": lambda at: replace(at, frame=TINY.frame()),
    "unit": lambda at: replace(at, frame=replace(at.frame, plan=exact().spec.units()[1])),
    "no level": lambda at: replace(at, level=Level.NONE, count=1),
    "no leaf": lambda at: replace(at, level=Level.WORDS, count=1),
    "no block": lambda at: replace(at, level=Level.BLOCKS),
    "no segment": lambda at: replace(at, lo=70, count=1),
    "below": lambda at: replace(at, lo=-1, count=1),
    "no step": lambda at: replace(at, level=Level.STEPS, step=1 << 70),
    "no slot": lambda at: replace(at, level=Level.SLOTS, lo=1 << 40, count=1),
}


@pytest.mark.parametrize("name", ASTRAY)
def test_a_position_of_no_game_about_this_unit_is_refused_by_name(name: str) -> None:
    with pytest.raises(BadGameMessage):
        player("defender")(message(ASTRAY[name](opened())))


def test_a_runner_answers_as_before_after_a_bad_position() -> None:
    defend = player("defender")
    with pytest.raises(BadGameMessage):
        defend(message(replace(opened(), level=Level.WORDS, count=1)))

    move = answers(defend)(opened())

    assert isinstance(move, moves.Reveal)


def test_the_courts_terms_are_computed_again() -> None:
    job = exact()
    other = replace(job.spec, court="ab" * 32)

    with pytest.raises(WrongCourt) as raised:
        exact_runner.exact_of(other, job.small.program, job.small.state, job.small.dataset)

    assert raised.value.computed == job.spec.court


@pytest.mark.parametrize("change", [{"seed": 12}, {"rounds": (3, 1)}, {"segment_steps": 4}, {"batch": 2}])
def test_a_schedule_that_is_not_the_courts_is_refused(change: dict[str, Any]) -> None:
    job = exact()

    with pytest.raises(WrongCourt):
        exact_runner.exact_of(replace(job.spec, **change), job.small.program, job.small.state, job.small.dataset)


def test_a_course_begins_at_the_mean_of_its_starts() -> None:
    job = exact()
    twice = {name: tensor * 2 for name, tensor in job.small.state.items()}

    course = exact_runner.course_of(job.spec, 2, job.job, [job.small.state, twice], job.small.dataset)

    wanted = [job.small.state[slot.name] * 1.5 for slot in job.job.program.state_slots]
    assert all(np.allclose(found, mean) for found, mean in zip(course.state, wanted, strict=True))
    assert course.unit == job.spec.units()[2]


def test_a_course_from_another_kind_of_state_is_refused() -> None:
    job = exact()
    start = {**job.small.state, "head": job.small.state["head"].double()}

    with pytest.raises(StatesDiffer):
        exact_runner.course_of(job.spec, 0, job.job, [start], job.small.dataset)


def test_a_step_that_does_not_fit_the_units_memory_is_refused() -> None:
    with pytest.raises(StepTooLarge):
        exact_runner.engine_of(exact().job, memory=1 << 10)
