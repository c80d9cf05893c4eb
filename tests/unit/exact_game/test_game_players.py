"""Honest against faulty, one planted fault of each kind at a time."""

import random
from dataclasses import replace

import pytest

from market.protocol.exact import game_moves as moves
from market.protocol.exact import judge
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_court import pair_bytes
from market.protocol.exact.game_errors import BadProof
from market.protocol.exact.game_moves import Move
from market.protocol.exact.game_trees import path_among
from market.protocol.words import Level, Side, Verdict
from tests.unit.exact_game.play import Played, Seen, play
from tests.unit.exact_game.tiny import HONEST, PROGRAM, Fault, Run
from worker.attest.game import Challenger, Defender
from worker.attest.ledger import Ledger


class Liar(Ledger):
    """A ledger whose partials end in the word that was claimed, wrong from piece `lies_from` on."""

    lies_from = 0

    def partials(self, step: int, at: int, element: int) -> list[bytes]:
        true, leaf = super().partials(step, at, element), self.program.leaves[at]
        words = self.step(step).words(at + len(self.program.inputs))
        claimed = int.from_bytes(bytes(words)[4 * element : 4 * element + 4], "little")
        lie = pair_bytes(0, claimed) if leaf.length <= 256 else pair_bytes(claimed, 0)
        return true[: self.lies_from] + [lie] * (len(true) - self.lies_from)


def against(fault: Fault, kind: type[Ledger] = Ledger) -> Played:
    """Play the honest challenger against a defender of the faulty execution."""
    faulty, honest = Run(fault), Challenger(HONEST.ledger())
    return play(faulty.frame(), Defender(faulty.ledger(kind)).answer, honest.answer, is_defender_honest=False)


def disputed_leaf(position: GamePosition) -> int:
    return HONEST.ledger().leaf_at(position.frame.leaf)


# Leaves of every kind: gather, pack, chains of 70 and of 300 terms, select, lanes, match, updates.
@pytest.mark.parametrize("at", [0, 1, 3, 5, 7, 13, 16, 20, 27, 28, 31])
def test_a_faulty_word_is_found_and_overturned_by_the_court(at: int) -> None:
    element = min(5, PROGRAM.leaves[at].elements - 1)

    played = against(Fault(kind="word", step=3, at=at, element=element, bit=30))

    assert played.end.verdict is Verdict.OVERTURNED
    assert played.end.step == 3
    assert disputed_leaf(played.end) == at
    assert played.end.element == element


@pytest.mark.parametrize(("at", "element"), [(3, 4), (5, 0)])
@pytest.mark.parametrize("piece", [0, 1])
def test_a_chain_whose_partials_lie_is_judged_at_the_first_lie(at: int, element: int, piece: int) -> None:
    class LiesFrom(Liar):
        lies_from = piece

    played = against(Fault(kind="word", step=1, at=at, element=element, bit=29), LiesFrom)

    assert played.end.verdict is Verdict.OVERTURNED
    assert isinstance(played.moves[-1], moves.JudgePiece)
    assert (disputed_leaf(played.end), played.end.element, played.end.lo) == (at, element, piece)


@pytest.mark.parametrize("kind", ["state", "void"])
def test_a_new_state_that_no_value_makes_cannot_be_linked(kind: str) -> None:
    played = against(Fault(kind=kind, step=3, at=1, element=17, bit=3))

    assert played.end.verdict is Verdict.OVERTURNED
    assert (played.end.level, played.end.step) == (Level.SLOTS, 3)
    assert any(isinstance(move, moves.DoubtLink) for move in played.moves)


def test_a_slot_that_was_not_updated_cannot_be_linked_to_its_old_value() -> None:
    faulty, slot = Run(Fault(kind="lazy", step=3, at=2)), 2
    ledger = faulty.ledger()

    def answer(position: GamePosition) -> Move | None:
        move = Defender(ledger).answer(position)
        if not isinstance(move, moves.ShowLink):
            return move
        old = replace(move.link, value=slot, root_path=ledger.step(position.step).path(slot))
        return replace(move, link=old)

    played = play(faulty.frame(), answer, Challenger(HONEST.ledger()).answer, is_defender_honest=False)

    assert played.end.verdict is Verdict.OVERTURNED
    assert (played.end.level, played.end.lo) == (Level.SLOTS, slot)
    assert [type(error) for error in played.refusals] == [BadProof]


def test_rows_in_the_wrong_order_are_overturned_where_the_batch_is_read() -> None:
    played = against(Fault(kind="batch", step=4))

    assert played.end.verdict is Verdict.OVERTURNED
    assert disputed_leaf(played.end) == 0
    assert isinstance(played.moves[-1], moves.Judge)


def test_a_step_from_another_state_cannot_bind_what_it_read() -> None:
    played = against(Fault(kind="start", step=3, at=3, element=100, bit=22))

    assert played.end.verdict is Verdict.OVERTURNED
    assert played.end.level is Level.VALUES
    assert isinstance(played.moves[-1], moves.Timeout)


def test_a_true_trace_with_another_result_has_no_defence() -> None:
    frame = HONEST.frame(output_root=bytes(32))
    defender, challenger = Defender(HONEST.ledger()), Challenger(HONEST.ledger())

    played = play(frame, defender.answer, challenger.answer, is_defender_honest=False)

    assert played.end.verdict is Verdict.OVERTURNED
    assert (played.end.level, played.end.lo) == (Level.SEGMENTS, 2)


class AtRandom:
    """A challenger that denies whatever it likes."""

    def __init__(self, seed: int, doubts: bool = False) -> None:
        self._random, self._doubts = random.Random(seed), doubts

    def answer(self, position: GamePosition, seen: Seen) -> Move:
        if isinstance(seen, bytes):
            return moves.PickWord(index=self._random.randrange(len(seen) // 4), words=seen)
        if self._doubts and position.level is Level.VALUES and position.count == position.total:
            return moves.DoubtLink(frame=position.frame)
        index = self._random.randrange(len(seen))
        return moves.Pick(index=index, child=seen[index], path=path_among(seen, index))


@pytest.mark.parametrize("doubts", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_an_honest_defender_is_upheld_whatever_is_denied(seed: int, doubts: bool) -> None:
    defender = Defender(HONEST.ledger())

    played = play(HONEST.frame(), defender.answer, AtRandom(seed, doubts).answer, is_defender_honest=True)

    assert played.end.verdict is Verdict.UPHELD
    assert not isinstance(played.moves[-1], moves.Timeout)


def test_players_that_forget_everything_between_moves_play_the_same_game() -> None:
    fault = Fault(kind="word", step=3, at=5, element=0, bit=30)
    faulty = Run(fault)

    played = play(
        faulty.frame(),
        lambda position: Defender(faulty.ledger()).answer(position),
        lambda position, seen: Challenger(HONEST.ledger()).answer(position, seen),
        is_defender_honest=False,
    )

    assert played.positions == against(fault).positions


def test_the_challenger_judges_on_the_defenders_clock() -> None:
    played = against(Fault(kind="word", step=0, at=28, element=3, bit=31))
    last = played.positions[-2]

    move = Challenger(HONEST.ledger()).answer(last)

    assert last.mover is Side.DEFENDER
    assert isinstance(move, moves.Judge)
    assert last.apply(move, caller="0xanyone", now=last.deadline).verdict is Verdict.OVERTURNED


def test_one_game_replays_one_segment_and_one_step() -> None:
    faulty = Run(Fault(kind="word", step=3, at=28, element=3, bit=31))
    mine = Run()

    play(faulty.frame(), Defender(faulty.ledger()).answer, Challenger(mine.ledger()).answer, is_defender_honest=False)

    assert mine.replays == 1


def test_a_judged_leaf_is_what_the_execution_made() -> None:
    run = HONEST.replay(2)
    ledger = HONEST.ledger()

    at, element = 27, 211
    leaf = PROGRAM.leaves[at]

    assert leaf.op.name == "MATCH"
    words = run.words(at + len(PROGRAM.inputs))
    assert judge.element(leaf, element, ledger.reader(2, at)) == int.from_bytes(words[4 * element :][:4], "little")
