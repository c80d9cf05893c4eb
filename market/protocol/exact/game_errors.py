"""Why a move is refused: the errors of contracts/src/Rounds.sol and Games.sol as values.

Decides names and facts; when each is raised is `market.protocol.exact.game`. In Solidity each is called Games_<name>,
but GameMismatch, which is Games_Mismatch there.
"""

from dataclasses import dataclass

from market.protocol.errors import CommonwattError
from market.protocol.words import Level, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongMove(CommonwattError):
    """The game is at another level, on the other side's clock, or before or past this move."""

    level: Level
    mover: Side
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPlayer(CommonwattError):
    """The move is another side's choice."""

    caller: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRunOut(CommonwattError):
    """The move comes after its clock."""

    deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRunning(CommonwattError):
    """The game cannot be ended for silence while the clock runs."""

    deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GameMismatch(CommonwattError):
    """What is shown is not what is disputed or agreed."""

    wanted: object
    given: object


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongCount(CommonwattError):
    """A node has another number of children, a block another number of words, or a tree no size."""

    given: int
    wanted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BadProof(CommonwattError):
    """A path does not lead where it should."""
