"""A dispute game as its players see it: where it stands, what was last shown, and moves as transactions.

Decides how a position is read back from the chain alone, so that a player that was restarted goes on where it was:
numbers from the contract, what both sides agreed on from the events, the rest from what the player knew when the game
began. Chooses no move.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Final

from market.chain.bindings import contract, decode_logs
from market.chain.logs import latest_header
from market.chain.reads import ChainReader
from market.chain.values import ChainEvent, Game
from market.protocol.exact import game_moves as moves
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_moves import Frame, Move
from market.protocol.words import Side, Verdict

_FUNCTIONS: Final[Mapping[type, str]] = MappingProxyType(
    {
        moves.Reveal: "reveal",
        moves.Pick: "pick",
        moves.DescendToSteps: "descendToSteps",
        moves.DescendToValues: "descendToValues",
        moves.DoubtLink: "doubtLink",
        moves.ShowLink: "showLink",
        moves.DescendToBlocks: "descendToBlocks",
        moves.RevealBlock: "revealBlock",
        moves.PickWord: "pickWord",
        moves.DescendToPartials: "descendToPartials",
        moves.Judge: "judge",
        moves.JudgePiece: "judgePiece",
        moves.Timeout: "timeout",
        moves.Conclude: "conclude",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a player looks at. children, words: those last shown by the defender. now: the chain's unix seconds."""

    position: GamePosition
    children: tuple[bytes, ...]
    words: bytes
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Accusation:
    """A challenge, as the chain announced it."""

    challenge_id: int
    receipt_digest: bytes
    challenger: str
    block_number: int


def call_of(challenge_id: int, move: Move) -> tuple[str, tuple[Any, ...]]:
    """Return the function of Games and its arguments for a move."""
    shown = tuple(getattr(move, item.name) for item in fields(move))
    return _FUNCTIONS[type(move)], (challenge_id, *shown)


async def table_of(reader: ChainReader, challenge_id: int, opened: Frame, *, move_seconds: int) -> Table | None:
    """Return where the game stands; None once its verdict is carried out. opened: the frame that it began with.

    Of a game that was judged the position says the verdict and that it is over, no more: what is left is Conclude.

    Raises ContractRevert, RpcError or ChainUnreachable.
    """
    game: Game = await reader.view("Games", "gameOf", challenge_id)
    if game.mover is Side.NONE and game.verdict is Verdict.NONE:
        return None
    frame, children, words = opened, (), b""
    for event in await _history(reader, challenge_id):
        if event.name == "Descended":
            names = ("root", "start", "end", "leaf", "operands")
            frame = replace(frame, **{name: event.args[name] for name in names})
        children = tuple(event.args.get("children", children))
        words = event.args.get("words", words)
    header = await latest_header(reader.transport)
    position = _position(game, frame, move_seconds)
    return Table(position=position, children=children, words=words, now=header.timestamp)


async def accusations(reader: ChainReader, account: str, *, since_block: int) -> list[Accusation]:
    """Return the challenges raised by an account, or against its work, from a block on, oldest first."""
    topics = [_topic("Disputes", "ChallengeRaised")]
    events = await _events(reader, "Disputes", topics, since_block)
    return [
        Accusation(
            challenge_id=event.args["challenge_id"],
            receipt_digest=event.args["receipt_digest"],
            challenger=event.args["challenger"],
            block_number=event.block_number,
        )
        for event in events
        if account.lower() in {event.args["provider"].lower(), event.args["challenger"].lower()}
    ]


async def _history(reader: ChainReader, challenge_id: int) -> list[ChainEvent]:
    topics = [[_topic("Games", name) for name in ("Revealed", "Descended", "BlockRevealed")]]
    which = "0x" + challenge_id.to_bytes(32, "big").hex()
    return await _events(reader, "Games", [*topics, which], reader.deployment.deployed_block)


async def _events(reader: ChainReader, name: str, topics: list[Any], since_block: int) -> list[ChainEvent]:
    query = {
        "address": reader.deployment.addresses[name],
        "topics": topics,
        "fromBlock": hex(since_block),
        "toBlock": "latest",
    }
    logs = await reader.transport.request("eth_getLogs", [query])
    ordered = sorted(logs, key=lambda log: (int(log["blockNumber"], 16), int(log["logIndex"], 16)))
    return list(decode_logs(reader.deployment, ordered, block_timestamp=0))


def _topic(name: str, event: str) -> str:
    return "0x" + contract(name).event(event).topic.hex()


def _position(game: Game, frame: Frame, move_seconds: int) -> GamePosition:
    return GamePosition(
        challenger=game.challenger,
        move_seconds=move_seconds,
        frame=frame,
        level=game.level,
        mover=game.mover,
        deadline=game.deadline,
        lo=game.lo,
        count=game.count,
        total=game.total,
        node=game.node,
        word=game.word,
        step=game.step,
        tail=game.tail,
        verdict=game.verdict,
    )
