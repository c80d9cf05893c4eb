"""Talking with a runner that plays: positions go out whole, and what comes back is a move or is refused by name."""

from dataclasses import replace
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from market.chain.games import Table
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_wire import BadGameMessage, from_json, to_json
from tests.unit.exact_game.test_game_wire import MOVES
from tests.unit.exact_game.tiny import CHALLENGER, HONEST
from worker.agent.play import Play, PlayRefused

SOMEBODY = to_checksum_address("0x" + "a1" * 20)
FRAME = replace(HONEST.frame(), worker=SOMEBODY, provider=SOMEBODY)
POSITION = GamePosition.opened(FRAME, CHALLENGER, move_seconds=60, now=0)
SEEN = Table(position=POSITION, children=(b"\1" * 32, b"\2" * 32), words=b"\3" * 8, now=1)
GOOD = [replace(move, frame=FRAME) if hasattr(move, "frame") else move for move in MOVES]


class Scripted:
    """A runner that says one thing."""

    def __init__(self, says: dict[str, Any]) -> None:
        self.says, self.heard = says, list[dict[str, Any]]()

    async def send(self, message: dict[str, Any]) -> None:
        self.heard.append(message)

    async def receive(self, _: float) -> dict[str, Any]:
        return self.says


async def said(says: dict[str, Any]) -> Any:
    return await Play(Scripted(says)).answer(SEEN)  # type: ignore[arg-type]


async def test_a_runner_is_told_all_that_a_player_sees() -> None:
    runner = Scripted({"move": None})

    await Play(runner).answer(SEEN)  # type: ignore[arg-type]

    (message,) = runner.heard
    assert from_json(message["position"]) == POSITION
    assert message["children"] == ["01" * 32, "02" * 32]
    assert message["words"] == "03" * 8


async def test_a_runner_may_have_no_move() -> None:
    assert await said({"move": None}) is None


@pytest.mark.parametrize("move", GOOD, ids=lambda move: type(move).__name__)
async def test_every_move_is_taken(move: Any) -> None:
    assert await said({"move": to_json(move)}) == move


@pytest.mark.parametrize(
    "says",
    [
        {},
        {"move": []},
        {"move": "Timeout"},
        {"move": {"is": "Gambit"}},
        {"move": {"is": "Pick", "index": 0}},
        {"move": to_json(FRAME)},
        {"move": to_json(POSITION)},
    ],
)
async def test_what_is_no_move_is_refused(says: dict[str, Any]) -> None:
    with pytest.raises(BadGameMessage):
        await said(says)


@pytest.mark.parametrize(
    "change", [{"index": -1}, {"index": 1 << 256}, {"child": bytes(33)}, {"path": (bytes(40),)}, {"index": True}]
)
async def test_a_move_that_no_transaction_can_carry_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadGameMessage):
        await said({"move": to_json(replace(GOOD[1], **change))})


async def test_a_frame_with_a_name_that_is_no_address_is_refused() -> None:
    with pytest.raises(BadGameMessage):
        await said({"move": to_json(replace(GOOD[4], frame=HONEST.frame()))})


async def test_what_a_runner_could_not_do_keeps_its_name() -> None:
    with pytest.raises(PlayRefused) as refused:
        await said({"error": "MemoryLimitReached", "detail": "too much"})

    assert (refused.value.error, refused.value.detail) == ("MemoryLimitReached", "too much")
