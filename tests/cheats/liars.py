"""Challengers who accuse honest work: what they deny, and how far they take it.

Decides one false denial for every level of a game. None of them can be refused: each keeps the rules, and loses.
"""

from dataclasses import dataclass
from random import Random
from typing import Final

from market.protocol.exact import game_moves as moves
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_moves import Move
from market.protocol.exact.game_trees import path_among, split
from market.protocol.words import Level
from tests.support.arena import Seen


@dataclass(frozen=True)
class AtRandom:
    """Denies whatever the dice say, to the very end. doubts: also that the state is made of the values."""

    random: Random
    doubts: bool = False

    def __call__(self, position: GamePosition, seen: Seen) -> Move | None:
        if isinstance(seen, bytes):
            return moves.PickWord(index=self.random.randrange(position.count), words=seen)
        is_top = position.count == position.total
        if self.doubts and position.level is Level.VALUES and is_top:
            return moves.DoubtLink(frame=position.frame)
        return _denial(seen, self.random.randrange(len(seen)))


@dataclass(frozen=True)
class SilentAt:
    """Denies the first thing shown, and has no more to say once the game is at a level."""

    level: Level

    def __call__(self, position: GamePosition, seen: Seen) -> Move | None:
        if position.level is self.level:
            return None
        if self.level is Level.SLOTS and position.level is Level.VALUES and position.count == position.total:
            return moves.DoubtLink(frame=position.frame)
        if isinstance(seen, bytes):
            return moves.PickWord(index=0, words=seen)
        return _denial(seen, 0)


@dataclass(frozen=True)
class Toward:
    """Denies its way to one leaf of a step, and there at random."""

    leaf: int
    random: Random

    def __call__(self, position: GamePosition, seen: Seen) -> Move | None:
        if position.level is not Level.VALUES or isinstance(seen, bytes):
            return AtRandom(self.random)(position, seen)
        return _denial(seen, (self.leaf - position.lo) // split(position.count)[0])


def _denial(seen: tuple[bytes, ...], index: int) -> Move:
    return moves.Pick(index=index, child=seen[index], path=path_among(seen, index))


LEVELS: Final = (Level.SEGMENTS, Level.STEPS, Level.VALUES, Level.BLOCKS, Level.WORDS, Level.PARTIALS, Level.SLOTS)
