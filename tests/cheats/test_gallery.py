"""Every cheat meets an honest challenger on a real chain, and is slashed; nobody else loses anything."""

from typing import Any

import numpy as np
import pytest

from market.chain.parameters import TOKEN_WEI
from market.protocol.exact import game_moves as moves
from market.protocol.exact.game_errors import ClockRunOut
from market.protocol.words import Level, Side, Verdict
from tests.cheats.gallery import GALLERY, Stubborn, witness_of_fault
from tests.support.arena import Arena, Played, party, play
from tests.support.arena_chain import BOND_WEI, ChainReferee
from tests.support.arena_models import model
from worker.attest.game import Defender

DEPOSITED_WEI = 200 * TOKEN_WEI


def caught(referee: ChainReferee, arena: Arena, name: str, seed: int = 1) -> Played:
    return play(referee, GALLERY[name].commit(arena, seed), arena.challenger())


def ends_slashed(referee: ChainReferee, played: Played) -> bool:
    """The cheat's bond is gone, and the challenger's is whole and free."""
    court = referee.court
    provider, rival = court.bond(court.provider), court.bond(court.rival)
    cheated = (provider.stake_wei, provider.locked_wei) == (BOND_WEI, 0)
    whole = (rival.stake_wei, rival.locked_wei) == (DEPOSITED_WEI, 0)
    return played.verdict is Verdict.OVERTURNED and cheated and whole


@pytest.mark.parametrize("name", GALLERY)
def test_a_cheat_is_slashed_and_its_challenger_keeps_its_bond(referee: ChainReferee, arena: Arena, name: str) -> None:
    played = caught(referee, arena, name)

    assert ends_slashed(referee, played)
    assert len(played.gas) <= 30
    assert sum(played.gas) <= 2_000_000


@pytest.mark.parametrize("name", ["lazy", "copier", "wrong_seed", "wrong_order", "downgrade", "one_ulp", "one_element"])
def test_a_false_word_is_computed_by_the_court_itself(referee: ChainReferee, arena: Arena, name: str) -> None:
    played = caught(referee, arena, name, seed=2)

    assert isinstance(played.last_move, moves.Judge | moves.JudgePiece)
    assert 0 < played.judge_gas <= 150_000


@pytest.mark.parametrize("name", ["copier", "wrong_seed", "wrong_order"])
def test_wrong_data_is_found_where_the_batch_is_read(referee: ChainReferee, arena: Arena, name: str) -> None:
    played = caught(referee, arena, name)

    at = played.leaf(arena.ledger)
    assert at is not None
    assert any(operand.source == arena.job.program.batch_value for operand in arena.job.program.leaves[at].operands)


def _flipped(words: Any) -> Any:
    """Return the words with one bit of element 7 flipped that no later rounding swallows."""
    return words ^ ((np.arange(words.size) == 7).astype(np.uint32) << np.uint32(18))


@pytest.mark.parametrize("first_lie", [0, 1, 3])
def test_a_false_sum_of_a_long_chain_is_judged_by_sixty_four_of_its_terms(
    referee: ChainReferee, arena: Arena, first_lie: int
) -> None:
    at = next(at for at, leaf in enumerate(arena.job.program.leaves) if leaf.length > 256)
    faulty = witness_of_fault(arena, 3, at, _flipped)
    assert faulty is not None

    played = play(referee, party(faulty, Stubborn.of(faulty.ledger(), first_lie)), arena.challenger())

    assert ends_slashed(referee, played)
    assert (played.leaf(arena.ledger), played.last.element, played.last.lo) == (at, 7, first_lie)
    assert isinstance(played.last_move, moves.JudgePiece)


@pytest.mark.parametrize("name", ["withheld_data", "no_state", "silent", "lazy_unlinked", "false_result"])
def test_whoever_cannot_or_will_not_open_loses_by_the_clock(referee: ChainReferee, arena: Arena, name: str) -> None:
    played = caught(referee, arena, name)

    assert isinstance(played.last_move, moves.Timeout)


def test_a_state_that_no_value_makes_is_found_by_doubting_the_link(referee: ChainReferee, arena: Arena) -> None:
    played = caught(referee, arena, "lazy_unlinked")

    assert played.last.level is Level.SLOTS


def test_a_wrong_start_of_the_first_round_needs_no_game(referee: ChainReferee, arena: Arena) -> None:
    played = caught(referee, arena, "stale_start")

    assert len(played.gas) == 1
    assert played.moves == []


def test_a_late_opening_is_refused_by_name_and_its_sender_slashed(referee: ChainReferee, arena: Arena) -> None:
    referee.open(GALLERY["lazy"].commit(arena, 0).claim)
    opening = Defender(arena.ledger).answer(referee.position)
    referee.court.pass_time(referee.position.move_seconds + 1)

    with pytest.raises(ClockRunOut):
        referee.move(opening, Side.DEFENDER)

    assert referee.move(moves.Timeout(), Side.CHALLENGER).verdict is Verdict.OVERTURNED
    assert referee.slashed_wei == BOND_WEI


def test_the_arena_reads_tables_sums_matches_and_folds_chunks() -> None:
    leaves = model("transformer").program.leaves

    assert {"GATHER", "MATCH", "CHAIN"} <= {leaf.op.name for leaf in leaves}
    assert max(leaf.length for leaf in leaves) > 256
