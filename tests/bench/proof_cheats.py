"""The gallery of cheats, each caught again and again on a real chain, and what every catch costs."""

from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from market.protocol.exact import game_moves as moves
from market.protocol.exact.game_errors import ClockRunOut
from market.protocol.words import Side
from tests.bench.proof_faults import Costs, is_slashed
from tests.cheats.gallery import GALLERY
from tests.support.arena import Played, play
from tests.support.arena_chain import ChainReferee, Court
from worker.attest.game import Defender

TRIALS: Final = 20


def measure(court: Court, costs: Costs, *, trials: int = TRIALS) -> dict[str, Any]:
    """Return the share of each cheat's trials in which it was slashed and its challenger was not, and the costs."""
    rates, table = {}, Table("cheat", "caught", "transactions", "gas", "seconds", title=f"{trials} trials each")
    worst: dict[str, dict[str, float]] = {}
    for name in GALLERY:
        games = [_trial(court, name, seed) for seed in range(trials)]
        rates[name] = sum(caught for _, caught in games) / trials
        worst[name] = _cost([played for played, _ in games])
        for played, _ in games:
            costs.take(played)
        cells = (f"{worst[name][key]:g}" for key in ("transactions", "gas", "seconds"))
        table.add_row(name, f"{rates[name]:.0%}", *cells)
    rates["late_reveal"] = sum(_late(court, seed) for seed in range(trials)) / trials
    table.add_row("late_reveal", f"{rates['late_reveal']:.0%}", "2", "", "")
    Console(width=120).print(table)
    return {"catch_rate": rates, "catch_cost": worst, "catch_trials": trials}


def _cost(games: list[Played]) -> dict[str, float]:
    """Return the most transactions and gas of a catch, and its seconds in the middle."""
    return {
        "transactions": max(len(played.gas) for played in games),
        "gas": max(sum(played.gas) for played in games),
        "seconds": round(median(played.seconds for played in games), 3),
    }


def _trial(court: Court, name: str, seed: int) -> tuple[Played, bool]:
    accused = GALLERY[name].commit(court.arena, seed)
    with court.episode():
        referee = ChainReferee(court)
        played = play(referee, accused, court.arena.challenger())
        return played, is_slashed(referee, played)


def _late(court: Court, seed: int) -> bool:
    """Return whether a defender that opens too late is refused by name, and slashed."""
    with court.episode():
        referee = ChainReferee(court)
        referee.open(GALLERY["lazy"].commit(court.arena, seed).claim)
        opening = Defender(court.arena.ledger).answer(referee.position)
        assert opening is not None
        court.pass_time(referee.position.move_seconds + 1)
        try:
            referee.move(opening, Side.DEFENDER)
        except ClockRunOut:
            referee.move(moves.Timeout(), Side.CHALLENGER)
            return referee.slashed_wei > 0
        return False
