"""Duels: both sides of a game play it to the end by themselves, whatever the chain, the runner or a restart do to them.

The chain is the referee's twin with a clock that the tests hold; the executions are the tiny job's.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from market.protocol.exact import game_moves as moves
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_moves import Move
from market.protocol.words import Side, Verdict
from tests.unit.exact_game.play import Seen
from tests.unit.exact_game.tiny import HONEST
from tests.unit.worker.duel_samples import (
    RIVAL,
    SECONDS,
    WORKER,
    WRONG,
    Dispute,
    Player,
    Replays,
    anything,
    closed,
    defends,
    denies,
    looked,
    until,
    watching,
)
from worker.agent import duels as room
from worker.agent.dockets import CHALLENGER, DEFENDER
from worker.attest.game import Defender


@pytest.fixture(autouse=True)
def _no_time_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WATCH_SECONDS", "TURN_SECONDS", "LONGEST_PAUSE_SECONDS"):
        monkeypatch.setattr(room, name, 0.001, raising=False)


async def test_a_defender_finds_the_accusation_by_itself_and_beats_a_false_challenger(tmp_path: Path) -> None:
    table, liar = Dispute(tmp_path), Replays(Player(anything))
    (mine, defender), (theirs, challenger) = table.defender(defends(HONEST)), table.challenger(liar)

    async with watching(defender, challenger):
        await until(closed(mine, theirs))

    assert table.chain.end() is Verdict.UPHELD
    assert not any(isinstance(move, moves.Timeout) for _, move in table.chain.sent)


async def test_a_challenger_convicts_a_liar(tmp_path: Path) -> None:
    table = Dispute(tmp_path, WRONG)
    (mine, defender), (theirs, challenger) = table.defender(defends(WRONG)), table.challenger(denies(HONEST))

    async with watching(defender, challenger):
        await until(closed(mine, theirs))

    assert table.chain.end() is Verdict.OVERTURNED
    assert [type(move) for _, move in table.chain.sent[-2:]] == [moves.Judge, moves.Conclude]


async def test_a_challenger_asks_for_the_judgement_when_the_liar_will_not(tmp_path: Path) -> None:
    table, silent = Dispute(tmp_path, WRONG), Defender(WRONG.ledger())

    def unless_judged(position: GamePosition, _: Seen) -> Move | None:
        move = silent.answer(position)
        return None if isinstance(move, moves.Judge) else move

    _, defender = table.defender(Replays(Player(unless_judged)))
    theirs, challenger = table.challenger(denies(HONEST))

    async with watching(defender, challenger):
        await until(closed(theirs))

    assert table.chain.end() is Verdict.OVERTURNED
    assert any(isinstance(move, moves.Judge) for move in table.chain.sent_by(RIVAL))


@pytest.mark.parametrize("moved", [0, 1, 3, 7])
async def test_players_that_are_restarted_go_on_where_they_were(moved: int, tmp_path: Path) -> None:
    table = Dispute(tmp_path, WRONG)

    (_, defender), (_, challenger) = table.defender(defends(WRONG)), table.challenger(denies(HONEST))
    async with watching(defender, challenger):
        await until(lambda: len(table.chain.sent) >= moved)
    at = len(table.chain.sent)
    (mine, defender), (theirs, challenger) = table.defender(defends(WRONG)), table.challenger(denies(HONEST))
    async with watching(defender, challenger):
        await until(closed(mine, theirs))

    assert table.chain.end() is Verdict.OVERTURNED
    assert len(table.chain.sent) > at


async def test_a_chain_that_is_out_of_reach_is_asked_again(tmp_path: Path) -> None:
    table = Dispute(tmp_path, WRONG)
    table.chain.broken = 7
    (mine, defender), (theirs, challenger) = table.defender(defends(WRONG)), table.challenger(denies(HONEST))

    async with watching(defender, challenger):
        await until(lambda: len(table.chain.sent) >= 3)
        table.chain.broken = 7
        await until(closed(mine, theirs))

    assert table.chain.end() is Verdict.OVERTURNED


async def test_a_move_whose_receipt_was_lost_is_not_the_end_of_the_game(tmp_path: Path) -> None:
    table = Dispute(tmp_path, WRONG)
    table.chain.failed = 4
    (mine, defender), (theirs, challenger) = table.defender(defends(WRONG)), table.challenger(denies(HONEST))

    async with watching(defender, challenger):
        await until(closed(mine, theirs))

    assert table.chain.end() is Verdict.OVERTURNED


async def test_a_refusal_is_not_the_end_of_the_game(tmp_path: Path) -> None:
    table = Dispute(tmp_path, WRONG)
    table.chain.refused = 5
    (mine, defender), (theirs, challenger) = table.defender(defends(WRONG)), table.challenger(denies(HONEST))

    async with watching(defender, challenger):
        await until(closed(mine, theirs))

    assert table.chain.refused == 0
    assert table.chain.end() is Verdict.OVERTURNED


async def test_a_runner_that_dies_is_replaced(tmp_path: Path) -> None:
    table, host = Dispute(tmp_path, WRONG), denies(HONEST)
    host.player.fails = 2
    (mine, defender), (theirs, challenger) = table.defender(defends(WRONG)), table.challenger(host)

    async with watching(defender, challenger):
        await until(closed(mine, theirs))

    assert table.chain.end() is Verdict.OVERTURNED
    assert host.asked == [(1, CHALLENGER)] * 3


async def test_a_silent_defender_is_called_out_after_its_clock_and_not_before(tmp_path: Path) -> None:
    table = Dispute(tmp_path, WRONG)
    theirs, challenger = table.challenger(denies(HONEST))

    async with watching(challenger):
        table.chain.now = table.chain.games[1].position.deadline
        await looked(table.chain)
        before = list(table.chain.tried)
        table.chain.now += 1
        await until(closed(theirs))

    assert before == []
    assert table.chain.sent == [(RIVAL, moves.Timeout())]
    assert table.chain.end() is Verdict.OVERTURNED


async def test_a_silent_challenger_is_called_out_after_its_clock_and_not_before(tmp_path: Path) -> None:
    table = Dispute(tmp_path)
    mine, defender = table.defender(defends(HONEST))

    async with watching(defender):
        await until(lambda: table.chain.games[1].position.mover is Side.CHALLENGER)
        table.chain.now = table.chain.games[1].position.deadline
        await looked(table.chain)
        before = list(table.chain.tried)
        table.chain.now += 1
        await until(closed(mine))

    assert [type(move) for move in before] == [moves.Reveal]
    assert table.chain.sent_by(WORKER)[1:] == [moves.Timeout()]
    assert table.chain.end() is Verdict.UPHELD


async def test_nobody_calls_out_its_own_late_clock(tmp_path: Path) -> None:
    table = Dispute(tmp_path)
    table.chain.now += SECONDS + 1
    mine, defender = table.defender(defends(HONEST))

    async with watching(defender):
        await looked(table.chain)

    assert table.chain.tried == []
    assert mine.open() != []


@pytest.mark.parametrize("side", [DEFENDER, CHALLENGER])
async def test_a_judgement_that_nobody_carries_out_is_concluded_by_either_side(side: str, tmp_path: Path) -> None:
    table = Dispute(tmp_path)
    game = table.chain.games[1]
    game.position = replace(game.position, mover=Side.NONE, verdict=Verdict.UPHELD)
    sits = table.defender if side == DEFENDER else table.challenger
    book, duels = sits(defends(HONEST))

    async with watching(duels):
        await until(closed(book))

    assert [move for _, move in table.chain.sent] == [moves.Conclude()]
    assert table.chain.end() is Verdict.UPHELD


async def test_a_game_that_is_over_closes_the_docket_without_a_replay(tmp_path: Path) -> None:
    table, host = Dispute(tmp_path), defends(HONEST)
    game = table.chain.games[1]
    game.position = game.position.apply(moves.Timeout(), caller=RIVAL, now=table.chain.now + SECONDS + 1)
    mine, defender = table.defender(host)

    async with watching(defender):
        await until(closed(mine))

    assert (host.asked, table.chain.sent) == ([], [])


async def test_an_accusation_of_a_receipt_we_do_not_know_is_ignored(tmp_path: Path) -> None:
    table, host = Dispute(tmp_path), defends(HONEST)
    mine, defender = table.defender(host)
    mine.close(table.docket(DEFENDER))
    other = table.docket(DEFENDER, digest=b"\2" * 32)
    mine.write(other)

    async with watching(defender):
        await looked(table.chain)

    assert (host.asked, table.chain.sent) == ([], [])
    assert mine.open() == [other]


async def test_a_worker_that_nobody_accused_asks_for_no_replay(tmp_path: Path) -> None:
    table, host = Dispute(tmp_path), defends(HONEST)
    table.chain.accused.clear()
    mine, defender = table.defender(host)

    async with watching(defender):
        await looked(table.chain)

    assert host.asked == []
    assert [docket.challenge_id for docket in mine.open()] == [None]


async def test_an_accusation_that_comes_later_is_found_too(tmp_path: Path) -> None:
    table = Dispute(tmp_path)
    late, table.chain.accused = table.chain.accused, []
    _, defender = table.defender(defends(HONEST))

    async with watching(defender):
        await looked(table.chain)
        table.chain.accused = late
        await until(lambda: bool(table.chain.sent))

    assert [type(move) for move in table.chain.sent_by(WORKER)] == [moves.Reveal]


async def test_a_challenge_that_was_not_mined_yet_is_not_played(tmp_path: Path) -> None:
    table, host = Dispute(tmp_path, WRONG), denies(HONEST)
    table.chain.accused.clear()
    theirs, challenger = table.challenger(host)
    theirs.write(table.docket(CHALLENGER))

    async with watching(challenger):
        await asyncio.sleep(0.05)

    assert host.asked == []
    assert [docket.challenge_id for docket in theirs.open()] == [None]


async def test_two_games_are_played_side_by_side(tmp_path: Path) -> None:
    table = Dispute(tmp_path)
    mine, defender = table.defender(defends(HONEST))
    mine.write(table.docket(DEFENDER, digest=b"\2" * 32))
    table.chain.open(2, table.docket(DEFENDER).frame(), b"\2" * 32)

    async with watching(defender):
        await until(lambda: all(game.position.mover is Side.CHALLENGER for game in table.chain.games.values()))

    assert [docket.challenge_id for docket in mine.open()] == [1, 2]


async def test_a_challenger_that_lost_the_number_of_its_challenge_finds_it_on_chain(tmp_path: Path) -> None:
    table = Dispute(tmp_path, WRONG)
    (_, defender), (theirs, challenger) = table.defender(defends(WRONG)), table.challenger(denies(HONEST), number=None)

    async with watching(defender, challenger):
        await until(closed(theirs))

    assert table.chain.end() is Verdict.OVERTURNED


async def test_a_receipt_that_no_committee_judged_is_kept_to_be_defended_again(tmp_path: Path) -> None:
    table = Dispute(tmp_path)
    table.chain.committee = Verdict.INCONCLUSIVE
    mine, defender = table.defender(defends(HONEST))

    async with watching(defender):
        await looked(table.chain)

    assert len(mine.open()) == 1
