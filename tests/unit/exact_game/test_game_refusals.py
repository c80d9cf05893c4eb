"""Every move that is not allowed is refused by name, and leaves the position as it was."""

from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, get_args

import pytest

from market.protocol.errors import CommonwattError
from market.protocol.exact import game_moves as moves
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_errors import (
    BadProof,
    ClockRunning,
    ClockRunOut,
    GameMismatch,
    NotPlayer,
    WrongCount,
    WrongMove,
)
from market.protocol.exact.game_moves import Move
from market.protocol.words import Level, Verdict
from tests.unit.exact_game.play import Played, play
from tests.unit.exact_game.test_game_players import AtRandom, Liar
from tests.unit.exact_game.tiny import CHALLENGER, HONEST, PROVIDER, WORKER, Fault, Run
from worker.attest.game import Challenger, Defender

REFUSALS = (BadProof, ClockRunOut, ClockRunning, GameMismatch, NotPlayer, WrongCount, WrongMove)
BY_A_PLAYER = (
    moves.Pick,
    moves.PickWord,
    moves.DoubtLink,
    moves.DescendToSteps,
    moves.DescendToValues,
    moves.DescendToPartials,
)


@cache
def games() -> tuple[Played, ...]:
    """One game to a piece of a chain, one to a word of an update, one to a slot that is shown to be right."""

    class LiesLater(Liar):
        lies_from = 2

    piece, word = Run(Fault(kind="word", step=3, at=5, bit=29)), Run(Fault(kind="word", step=1, at=28, bit=31))
    honest, defender = Challenger(HONEST.ledger()), Defender(HONEST.ledger())
    return (
        play(piece.frame(), Defender(piece.ledger(LiesLater)).answer, honest.answer, is_defender_honest=False),
        play(word.frame(), Defender(word.ledger()).answer, honest.answer, is_defender_honest=False),
        play(HONEST.frame(), defender.answer, AtRandom(3, doubts=True).answer, is_defender_honest=True),
    )


# What ends a game asks for no more than that it can be ended.
PLAYED = set(get_args(moves.Move)) - {moves.Timeout, moves.Conclude}
# Nothing in these, as they were made here, goes unread.
READ_WHOLLY = (moves.Reveal, moves.RevealBlock, moves.ShowLink, moves.Judge, moves.JudgePiece)


def turns() -> list[tuple[GamePosition, Move, str]]:
    """Return every position of all games with the move that was made there."""
    return [
        (position, move, caller)
        for game in games()
        for position, move, caller in zip(game.positions, game.moves, game.callers, strict=False)
        if not isinstance(move, moves.Timeout)
    ]


def refusal(position: GamePosition, move: Move, caller: str, now: int) -> CommonwattError | None:
    try:
        position.apply(move, caller=caller, now=now)
    except REFUSALS as error:
        return error
    return None


def test_a_move_that_fits_elsewhere_is_refused_here() -> None:
    made = turns()

    taken = [
        (position, move)
        for position, own, _ in made
        for _, move, caller in made
        if move != own and refusal(position, move, caller, position.deadline) is None
    ]

    # Another word of the same block, or another tree of values for the same state, would be a choice; none is here.
    assert taken == []


def test_every_kind_of_move_was_tried() -> None:
    tried = {type(move) for _, move, _ in turns()}

    assert tried == PLAYED


def test_a_move_after_its_clock_is_refused() -> None:
    late = [refusal(position, move, caller, position.deadline + 1) for position, move, caller in turns()]

    assert {type(error) for error in late} == {ClockRunOut}


def test_a_choice_is_only_its_own_players() -> None:
    others = {WORKER: CHALLENGER, CHALLENGER: PROVIDER}

    refused = [
        type(refusal(position, move, others[caller], position.deadline))
        for position, move, caller in turns()
        if isinstance(move, BY_A_PLAYER)
    ]

    assert set(refused) == {NotPlayer}


def test_the_provider_may_play_for_its_worker() -> None:
    position, move, _ = next(turn for turn in turns() if isinstance(turn[1], moves.DescendToValues))

    assert position.apply(move, caller=PROVIDER, now=1).level is Level.VALUES


def mutations(value: Any) -> list[Any]:
    """Return the value with one bit of one bytes field flipped, or one element of a tuple dropped, in every place."""
    if isinstance(value, bytes):
        return [value[:-1] + bytes([value[-1] ^ 1])] if value else [b"\x00"]
    if isinstance(value, tuple):
        changed = [(*value[:at], new, *value[at + 1 :]) for at, item in enumerate(value) for new in mutations(item)]
        return [*changed, value[:-1], (*value, bytes(32))]
    if is_dataclass(value) and not isinstance(value, type):
        return [
            replace(value, **{field.name: new})
            for field in fields(value)
            for new in mutations(getattr(value, field.name))
        ]
    return [value + 1] if isinstance(value, int) else []


def is_choice(move: Move, changed: Move) -> bool:
    """Whether both moves are their player's to choose: another word of the block, an equal child, another tree."""
    match move, changed:
        case (moves.PickWord(), moves.PickWord()):
            return move.words == changed.words
        case (moves.Pick(), moves.Pick()):
            return move.child == changed.child
        case (moves.DescendToValues(), moves.DescendToValues()):
            return move.descent.children != changed.descent.children
        case _:
            return False


@pytest.mark.parametrize("kind", sorted(PLAYED, key=lambda kind: kind.__name__))
def test_a_move_with_one_thing_changed_is_refused_or_changes_what_nothing_reads(kind: type[Move]) -> None:
    made = [turn for turn in turns() if isinstance(turn[1], kind)]

    accepted = [
        (position, changed, move, caller)
        for position, move, caller in made
        for changed in mutations(move)
        if changed != move and not is_choice(move, changed)
        if refusal(position, changed, caller, position.deadline) is None
    ]

    assert made
    assert not accepted or kind not in READ_WHOLLY
    assert all(p.apply(changed, caller=c, now=1) == p.apply(move, caller=c, now=1) for p, changed, move, c in accepted)


def test_the_tree_of_values_is_the_defenders_own_choice_but_its_states_are_not() -> None:
    position, move, caller = next(turn for turn in turns() if isinstance(turn[1], moves.DescendToValues))

    accepted = [changed for changed in mutations(move) if refusal(position, changed, caller, 1) is None]

    assert accepted
    assert {(changed.frame, changed.descent.end, changed.descent.start) for changed in accepted} == {
        (move.frame, move.descent.end, move.descent.start)
    }


def test_a_judgement_is_concluded_once_and_a_game_that_goes_on_never() -> None:
    judged = next(game for game in games() if isinstance(game.moves[-1], moves.Judge | moves.JudgePiece)).positions

    concluded = judged[-1].apply(moves.Conclude(), caller="0xanyone", now=1)

    assert concluded.verdict is judged[-1].verdict
    assert type(refusal(concluded, moves.Conclude(), "0xanyone", 1)) is WrongMove
    assert type(refusal(judged[0], moves.Conclude(), "0xanyone", 1)) is WrongMove


def test_a_clock_that_runs_ends_nothing() -> None:
    position = games()[0].positions[0]

    with pytest.raises(ClockRunning):
        position.apply(moves.Timeout(), caller="0xanyone", now=position.deadline)


@pytest.mark.parametrize(("at", "verdict"), [(0, Verdict.OVERTURNED), (1, Verdict.UPHELD)])
def test_silence_loses_for_whoever_is_silent(at: int, verdict: Verdict) -> None:
    position = games()[0].positions[at]

    assert position.apply(moves.Timeout(), caller="0xanyone", now=position.deadline + 1).verdict is verdict


def test_a_game_that_is_over_takes_no_move() -> None:
    end = games()[0].end
    made = {move: caller for _, move, caller in turns()}

    refused = {type(refusal(end, move, caller, 0)) for move, caller in made.items()}

    assert refused == {WrongMove}
    with pytest.raises(WrongMove):
        end.apply(moves.Timeout(), caller="0xanyone", now=10**9)
