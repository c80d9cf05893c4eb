"""A runner that plays one side of a game: positions in, moves out.

Decides only the words of that talk. The runner is believed nothing: a move is checked for form here, and for sense by
the contract that it is sent to.
"""

from dataclasses import dataclass
from typing import Any, Final, get_args

from eth_abi.exceptions import EncodingError

from market.chain.bindings import encode_call
from market.chain.games import Table, call_of
from market.protocol.errors import CommonwattError
from market.protocol.exact.game_moves import Move
from market.protocol.exact.game_wire import BadGameMessage, from_json, to_json
from worker.sandbox.host import Runner

_ANSWER_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayRefused(CommonwattError):
    """The runner could not answer a position."""

    error: str
    detail: str


class Play:
    """One side of one game, as long as its runner lives."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def answer(self, table: Table) -> Move | None:
        """Return the move to make, None when there is none.

        Raises PlayRefused, RunnerSilent, RunnerEnded or BadGameMessage.
        """
        children = [child.hex() for child in table.children]
        await self._runner.send({"position": to_json(table.position), "children": children, "words": table.words.hex()})
        return _move_of(await self._runner.receive(_ANSWER_SECONDS))


def _move_of(message: dict[str, Any]) -> Move | None:
    if "error" in message:
        raise PlayRefused(error=str(message["error"])[:100], detail=str(message.get("detail", ""))[:300])
    if "move" not in message:
        raise BadGameMessage
    if message["move"] is None:
        return None
    move = from_json(message["move"])
    if not isinstance(move, get_args(Move)):
        raise BadGameMessage
    found: Move = move
    try:
        function, arguments = call_of(0, found)
        encode_call("Games", function, *arguments)
    except (EncodingError, TypeError, ValueError) as error:  # a root of 33 bytes, a number below zero
        raise BadGameMessage from error
    return found
