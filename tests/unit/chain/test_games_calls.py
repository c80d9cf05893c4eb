"""A game as its players see it: every move is a call of the contract, and a position is read back from logs alone."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, get_args

import pytest
from eth_abi.abi import encode as abi_encode

from market.chain.abi import encode_arguments
from market.chain.bindings import contract, encode_call
from market.chain.games import accusations, call_of, table_of
from market.chain.reads import ChainReader
from market.chain.transport import ScriptedTransport
from market.chain.values import Game
from market.protocol.exact import game_moves as moves
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_moves import Move
from market.protocol.words import Level, Side, Verdict
from market.services.projection import EFFECTS, GAME_MOVES
from tests.integration.api.house import DEPLOYMENT
from tests.unit.exact_game.play import SECONDS, Played, play, shown
from tests.unit.exact_game.test_game_players import AtRandom, Liar
from tests.unit.exact_game.tiny import HONEST, Fault, Run
from worker.attest.game import Challenger, Defender

CHALLENGE = 7
ZERO = "0x" + "00" * 20
MOVES = get_args(Move)


class LiesLater(Liar):
    lies_from = 2


def games() -> list[Played]:
    """One game to a piece of a chain, one to a word of an update, one to a slot that is shown to be right."""
    piece, word = Run(Fault(kind="word", step=3, at=5, bit=29)), Run(Fault(kind="word", step=1, at=28, bit=31))
    honest, defender = Challenger(HONEST.ledger()), Defender(HONEST.ledger())
    return [
        play(piece.frame(), Defender(piece.ledger(LiesLater)).answer, honest.answer, is_defender_honest=False),
        play(word.frame(), Defender(word.ledger()).answer, honest.answer, is_defender_honest=False),
        play(HONEST.frame(), defender.answer, AtRandom(3, doubts=True).answer, is_defender_honest=True),
    ]


def addressed(move: Move) -> Move:
    """Return a move of the tiny job's, whose players have names, as one of players who have addresses."""
    frame = getattr(move, "frame", None)
    if frame is None:
        return move
    return replace(move, frame=replace(frame, worker="0x" + "11" * 20, provider="0x" + "22" * 20))


GAMES = games()
MADE: dict[type, Move] = {type(move): addressed(move) for played in GAMES for move in played.moves}
MADE |= {kind: kind() for kind in MOVES if not fields(kind)}


@pytest.mark.parametrize("kind", MOVES, ids=lambda kind: kind.__name__)
def test_a_move_is_a_call_of_the_contract_with_its_fields_in_order(kind: type) -> None:
    move = MADE[kind]
    function, arguments = call_of(CHALLENGE, move)
    entry = contract("Games").function(function)
    names = ["link" if part.name == "shown" else part.name for part in entry.inputs][1:]
    assert names == [camel(field.name) for field in fields(move)]
    assert len(arguments) == len(entry.inputs)


@pytest.mark.parametrize("kind", MOVES, ids=lambda kind: kind.__name__)
def test_a_move_is_encoded_for_the_contract(kind: type) -> None:
    function, arguments = call_of(CHALLENGE, MADE[kind])
    data = encode_call("Games", function, *arguments)
    assert data[:4] == contract("Games").function(function).selector
    assert int.from_bytes(data[4:36], "big") == CHALLENGE


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


@pytest.mark.parametrize("name", GAME_MOVES)
def test_whatever_moves_a_game_names_the_next_deadline(name: str) -> None:
    names = {part.name for part in contract("Games").event(name).inputs}
    assert {"challengeId", "deadline"} <= names
    assert ("Games", name) in EFFECTS


def test_every_event_of_a_game_but_its_end_moves_the_projection() -> None:
    events = {entry.name for entry in contract("Games").abi if entry.kind == "event"}
    assert events - {"GameEnded"} == set(GAME_MOVES)
    assert ("Games", "GameEnded") in EFFECTS


# ---- a game read back


class Node:
    """A node that has seen some of a game."""

    def __init__(self, positions: Sequence[GamePosition], made: Sequence[Move], now: int = 99) -> None:
        self._position, self._now = positions[-1], now
        self.logs = [log for at, move in enumerate(made) for log in announced(at, move, positions[at + 1])]

    def reader(self) -> ChainReader:
        answers = {"eth_call": self._call, "eth_getLogs": self._logs, "eth_getBlockByNumber": self._block}
        return ChainReader(ScriptedTransport(answers), DEPLOYMENT)

    def _call(self, _: Any) -> str:
        at = self._position
        values = {field.name: getattr(at, field.name, bytes(32)) for field in fields(Game)}
        values |= {"challenger": "0x" + "33" * 20, "frame": bytes(32)}
        if at.is_over:
            nothing = {"node": bytes(32), "frame": bytes(32), "challenger": ZERO}
            pending = Verdict.NONE if at.is_concluded else at.verdict
            words = {"level": Level.NONE, "mover": Side.NONE, "verdict": pending}
            values = {**dict.fromkeys(values, 0), **nothing, **words}
        plain = tuple(item.on_chain if isinstance(item, Level | Side | Verdict) else item for item in values.values())
        return "0x" + encode_arguments(contract("Games").function("gameOf").outputs, [plain]).hex()

    def _logs(self, params: Any) -> list[dict[str, Any]]:
        wanted, which = params[0]["topics"]
        return [log for log in reversed(self.logs) if log["topics"][0] in wanted and log["topics"][1] == which]

    def _block(self, _: Any) -> dict[str, str]:
        return {"number": "0x9", "hash": "0x" + "99" * 32, "parentHash": "0x" + "98" * 32, "timestamp": hex(self._now)}


def announced(at: int, move: Move, after: GamePosition) -> list[dict[str, Any]]:
    """Return the log of a move, as a node has it."""
    frame, children = after.frame, tuple(shown(move, ()))
    match move:
        case moves.Reveal():
            values = ("Revealed", (children, after.deadline))
        case moves.RevealBlock(words=words):
            values = ("BlockRevealed", (words, after.deadline))
        case moves.DescendToSteps() | moves.DescendToValues() | moves.DescendToBlocks() | moves.DescendToPartials():
            agreed = (frame.root, frame.start, frame.end, frame.leaf, frame.operands)
            values = ("Descended", (after.level.on_chain, after.total, *agreed, children, after.deadline))
        case _:
            return []
    entry = contract("Games").event(values[0])
    kinds = [part for part in entry.inputs if not part.indexed]
    return [
        {
            "address": DEPLOYMENT.games,
            "topics": ["0x" + entry.topic.hex(), "0x" + CHALLENGE.to_bytes(32, "big").hex()],
            "data": "0x" + encode_arguments(kinds, list(values[1])).hex(),
            "blockNumber": hex(at // 2),  # two moves in a block: their order is that of the logs
            "blockHash": "0x" + "99" * 32,
            "transactionHash": "0x" + "77" * 32,
            "logIndex": hex(at),
        }
    ]


@pytest.mark.parametrize("played", GAMES, ids=["a piece", "a word", "a link"])
async def test_after_every_move_the_position_is_read_back_as_the_twin_has_it(played: Played) -> None:
    seen: Any = ()
    for at, position in enumerate(played.positions[:-1]):
        if at:
            seen = shown(played.moves[at - 1], seen)
        node = Node(played.positions[: at + 1], played.moves[:at])
        table = await table_of(node.reader(), CHALLENGE, played.positions[0].frame, move_seconds=SECONDS)
        assert table is not None
        assert replace(table.position, challenger=position.challenger) == position, f"after move {at}"
        assert (table.words if position.level is Level.WORDS else table.children) == seen or at == 0
        assert table.now == 99


async def test_a_judged_game_is_read_back_with_its_verdict_until_that_is_carried_out() -> None:
    played = GAMES[0]
    judged = replace(played.positions[-1], is_concluded=False)
    frame, before = played.positions[0].frame, played.positions[:-1]
    table = await table_of(Node([*before, judged], played.moves).reader(), CHALLENGE, frame, move_seconds=SECONDS)
    assert table is not None
    assert (table.position.is_over, table.position.verdict) == (True, judged.verdict)


async def test_a_game_whose_verdict_is_carried_out_has_no_table() -> None:
    played = GAMES[0]
    done = replace(played.positions[-1], is_concluded=True)
    node = Node([*played.positions[:-1], done], played.moves)
    assert await table_of(node.reader(), CHALLENGE, played.positions[0].frame, move_seconds=SECONDS) is None


async def test_accusations_are_those_of_the_provider_whatever_the_case_of_its_address() -> None:
    entry, mine, other = contract("Disputes").event("ChallengeRaised"), "0x" + "aB" * 20, "0x" + "cd" * 20
    logs = [raised(entry, number, provider) for number, provider in ((3, other), (2, mine), (1, mine))]
    reader = ChainReader(ScriptedTransport({"eth_getLogs": lambda *_: logs}), DEPLOYMENT)
    found = await accusations(reader, mine.lower(), since_block=0)
    assert [(item.challenge_id, item.block_number) for item in found] == [(1, 1), (2, 2)]


def raised(entry: Any, number: int, provider: str) -> dict[str, Any]:
    given = {"challengeId": number, "provider": provider, "challenger": "0x" + "ee" * 20}
    zero = {"uint256": 0, "uint64": 0, "uint32": 0, "bytes32": bytes(32), "address": ZERO}
    values = {part.name: given.get(part.name, zero.get(part.type)) for part in entry.inputs}
    topics = [abi_encode([part.type], [values[part.name]]) for part in entry.inputs if part.indexed]
    plain = [part for part in entry.inputs if not part.indexed]
    return {
        "address": DEPLOYMENT.disputes,
        "topics": ["0x" + topic.hex() for topic in (entry.topic, *topics)],
        "data": "0x" + abi_encode([part.type for part in plain], [values[part.name] for part in plain]).hex(),
        "blockNumber": hex(number),
        "blockHash": "0x" + "99" * 32,
        "transactionHash": "0x" + "77" * 32,
        "logIndex": "0x0",
    }
