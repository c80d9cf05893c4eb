"""Plays a whole game at one table: referee, two answering functions, and what was seen."""

from collections.abc import Callable
from dataclasses import dataclass, field

from market.protocol.errors import CommonwattError
from market.protocol.exact import game_moves as moves
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_moves import Frame, Move
from market.protocol.words import Side
from tests.support.seen import Seen, shown
from tests.unit.exact_game.tiny import CHALLENGER, WORKER

SECONDS = 60
Answer = Callable[[GamePosition], Move | None]
Denial = Callable[[GamePosition, Seen], Move | None]


@dataclass(kw_only=True)
class Played:
    """positions[i] is what moves[i] was made at, by callers[i]; the last position is the end."""

    positions: list[GamePosition] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    callers: list[str] = field(default_factory=list)
    refusals: list[CommonwattError] = field(default_factory=list)

    @property
    def end(self) -> GamePosition:
        return self.positions[-1]


def play(frame: Frame, defend: Answer, deny: Denial, *, is_defender_honest: bool) -> Played:
    """Return the game played out. A dishonest defender whose move is refused, or who has none, loses by its clock; any
    other refusal is the test's failure."""
    position = GamePosition.opened(frame, CHALLENGER, move_seconds=SECONDS, now=0)
    played, seen, now = Played(positions=[position]), (), 0
    while not position.is_over:
        now += 1
        if position.mover is Side.CHALLENGER:
            move, caller = deny(position, seen), CHALLENGER
            assert move is not None
            position_after = position.apply(move, caller=caller, now=now)
        else:
            move, caller = defend(position), WORKER
            try:
                assert move is not None
                position_after = position.apply(move, caller=caller, now=now)
            except CommonwattError as refusal:
                if is_defender_honest:
                    raise
                played.refusals.append(refusal)
                move, caller = deny(position, seen) or moves.Timeout(), CHALLENGER
                now = now if not isinstance(move, moves.Timeout) else position.deadline + 1
                position_after = position.apply(move, caller=caller, now=now)
        seen = shown(move, seen)
        played.moves.append(move)
        played.callers.append(caller)
        played.positions.append(position_after)
        position = position_after
    return played
