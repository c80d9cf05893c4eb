"""A thousand faults planted in a real training job, and every one that shows is played to its end on a real chain.

A fault is one bit, or one step to the neighbouring float, in one element of one leaf of one step. It is located when
the game ends at exactly that step, leaf and element, the court itself has computed another word, and the defender's
bond is gone. Faults that the rounding of later leaves swallows change nothing that is committed, and nothing is played.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from market.chain.parameters import DEVNET, TOKEN_WEI
from market.protocol.exact import game_moves as moves
from market.protocol.words import Level, Verdict
from tests.cheats.gallery import Stubborn
from tests.cheats.liars import AtRandom
from tests.support.arena import Arena, Played, party, play
from tests.support.arena_chain import BOND_WEI, ChainReferee, Court
from worker.attest.witness import Witness
from worker.engine.exact.machine import Array, IndexOutside, StateDiverged
from worker.engine.exact.replay import Replay

FAULTS: Final = 1_000
DEFENCES: Final = 300
DEPOSITED_WEI: Final = 200 * TOKEN_WEI
_JUDGED: Final = (moves.Judge, moves.JudgePiece)


@dataclass(frozen=True, kw_only=True)
class Planted:
    """bit: 0..31, or 32 for the next float up and 33 for the next down (of an integer: plus or minus one)."""

    step: int
    leaf: int
    element: int
    bit: int

    def __call__(self, words: Array) -> Array:
        changed = words.copy()
        word = int(changed[self.element])
        changed[self.element] = word ^ 1 << self.bit if self.bit < 32 else (word + 65 - 2 * self.bit) % (1 << 32)
        return changed


class Reckless(Witness):
    """Goes on where the honest engine refuses to, with states that are no longer finite. Keeps its last replay: the
    state before a step is the same whenever it gets there."""

    _last: tuple[int, Replay] | None = None

    def _replayed(self, state: Sequence[Array], step: int) -> Replay:
        if self._last is None or self._last[0] != step:
            self._last = step, super()._replayed(state, step)
        return self._last[1]

    def _after(self, state: list[Array], step: int) -> list[Array]:
        try:
            return super()._after(state, step)
        except StateDiverged:
            return self._shaped(self._replayed(state, step).new_state())


@dataclass(kw_only=True)
class Costs:
    """The dearest of what has been seen on chain."""

    transactions: int = 0
    gas: int = 0
    judge_gas: int = 0
    seconds: list[float] = field(default_factory=list)

    def take(self, played: Played) -> None:
        self.transactions = max(self.transactions, len(played.gas))
        self.gas = max(self.gas, sum(played.gas))
        self.seconds.append(played.seconds)
        self.judge_gas = max(self.judge_gas, played.judge_gas)


def measure(court: Court, costs: Costs, *, faults: int = FAULTS) -> dict[str, Any]:
    """Return how many faults were planted, changed what is committed, and were located on chain."""
    arena, random, began = court.arena, Random(20_261), time.perf_counter()
    changing, located, impossible, missed, levels = 0, 0, 0, [], {}
    # By step, so that the honest side replays each step once.
    for planted in sorted((draw(arena, random) for _ in range(faults)), key=lambda fault: fault.step):
        try:
            witness = Reckless(arena.course(), arena.kernels, faults={planted.step: {planted.leaf: planted}})
        except IndexOutside:
            impossible += 1  # an index that points outside its table has no next value, for the court neither
            continue
        if witness.segment_roots == arena.witness.segment_roots:
            continue
        changing += 1
        with court.episode():
            referee = ChainReferee(court)
            played = play(
                referee, party(witness, Stubborn.of(witness.ledger(), random.randrange(4))), arena.challenger()
            )
            found = is_located(referee, played, planted)
        costs.take(played)
        levels[played.last.level.value] = levels.get(played.last.level.value, 0) + 1
        located += found
        missed += [] if found else [planted]
    for planted in missed:
        print("not located:", planted)
    return {
        "faults_planted": faults,
        "faults_changing_state": changing,
        "faults_located": located,
        "faults_on_chain": changing,
        "faults_without_a_next_value": impossible,
        "faults_ended_at": levels,
        "faults_seconds": round(time.perf_counter() - began, 1),
    }


def draw(arena: Arena, random: Random) -> Planted:
    """Return a fault, every step and leaf as likely as any other."""
    leaf = random.randrange(len(arena.job.program.leaves))
    return Planted(
        step=random.randrange(arena.spec.steps_per_unit),
        leaf=leaf,
        element=random.randrange(arena.job.program.leaves[leaf].elements),
        bit=random.randrange(34),
    )


def is_located(referee: ChainReferee, played: Played, planted: Planted) -> bool:
    """Return whether the game ended where the fault is, by the court's own computing, at the cheat's cost alone."""
    values = [at.lo for at in played.at if at.level is Level.VALUES and at.count == 1]
    place = (played.last.step, values[-1:], played.last.element)
    judged = isinstance(played.last_move, _JUDGED)
    return place == (planted.step, [planted.leaf], planted.element) and judged and is_slashed(referee, played)


def is_slashed(referee: ChainReferee, played: Played) -> bool:
    """Return whether the defender lost the bond of its match, and the challenger nothing."""
    court = referee.court
    rival, provider = court.bond(court.rival), court.bond(court.provider)
    whole = (rival.stake_wei, rival.locked_wei) == (DEPOSITED_WEI, 0)
    return played.verdict is Verdict.OVERTURNED and provider.stake_wei == BOND_WEI and whole


def defend(court: Court, costs: Costs, *, trials: int = DEFENCES) -> dict[str, Any]:
    """Return how often an honest worker was slashed by challengers who deny at random, to the very end."""
    arena, slashed, began = court.arena, 0, time.perf_counter()
    for seed in range(trials):
        with court.episode():
            referee = ChainReferee(court)
            played = play(referee, arena.honest, AtRandom(Random(seed), doubts=seed % 4 == 3))
            rival, provider = court.bond(court.rival), court.bond(court.provider)
            kept = (provider.stake_wei, provider.locked_wei) == (2 * BOND_WEI, BOND_WEI)
            paid = rival.stake_wei == DEPOSITED_WEI - DEVNET.challenge_bond_wei
            slashed += not (played.verdict is Verdict.UPHELD and kept and paid)
        costs.take(played)
    return {
        "honest_defences": trials,
        "honest_slashed": slashed,
        "false_slash_rate": slashed / trials,
        "honest_seconds": round(time.perf_counter() - began, 1),
    }
