"""Whoever accuses honest work loses its bond, at whatever level it tries; the worker loses nothing."""

from random import Random

import pytest

from market.chain.parameters import DEVNET, TOKEN_WEI
from market.protocol.exact import game_moves as moves
from market.protocol.words import Level, Verdict
from tests.cheats.liars import LEVELS, AtRandom, SilentAt, Toward
from tests.support.arena import Arena, Played, play
from tests.support.arena_chain import BOND_WEI, ChainReferee


def costs_the_challenger(referee: ChainReferee, played: Played) -> bool:
    """The challenger's bond is gone, and the worker's stands as before, locked for its job."""
    court = referee.court
    provider, rival = court.bond(court.provider), court.bond(court.rival)
    whole = (provider.stake_wei, provider.locked_wei) == (2 * BOND_WEI, BOND_WEI)
    lost = rival.stake_wei == 200 * TOKEN_WEI - DEVNET.challenge_bond_wei and rival.locked_wei == 0
    return played.verdict is Verdict.UPHELD and whole and lost


@pytest.mark.parametrize("doubts", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_false_accusation_is_judged_and_costs_its_bond(
    referee: ChainReferee, arena: Arena, seed: int, doubts: bool
) -> None:
    played = play(referee, arena.honest, AtRandom(Random(seed), doubts))

    assert costs_the_challenger(referee, played)
    assert not isinstance(played.last_move, moves.Timeout)
    assert played.refusals == []


@pytest.mark.parametrize("level", [level for level in LEVELS if level not in (Level.SLOTS, Level.PARTIALS)])
def test_an_accuser_that_falls_silent_loses_by_its_clock(referee: ChainReferee, arena: Arena, level: Level) -> None:
    played = play(referee, arena.honest, SilentAt(level))

    assert costs_the_challenger(referee, played)
    assert played.last.level is level
    assert isinstance(played.last_move, moves.Timeout)


def test_denying_a_chain_ends_in_one_piece_that_is_computed(referee: ChainReferee, arena: Arena) -> None:
    wide = next(at for at, leaf in enumerate(arena.job.program.leaves) if leaf.length > 256)

    played = play(referee, arena.honest, Toward(wide, Random(3)))

    assert costs_the_challenger(referee, played)
    assert played.leaf(arena.ledger) == wide
    assert isinstance(played.last_move, moves.JudgePiece)
