"""A game in the projection: its events move the challenge, and what both sides leave undone the market does."""

from typing import Any

import pytest
from sqlalchemy import select

from market.chain.bindings import encode_call
from market.db.models import ChainBlock, ChainLog, Challenge, OutboxTransaction
from market.protocol.words import ChallengeStatus, Verdict
from market.services.projection import GAME_MOVES, apply
from tests.integration.api.house import House

CHALLENGE, DEADLINE = 5, 1_000
ADDRESS = "0x" + "ab" * 20


async def a_game(house: House, *, seconds: int) -> None:
    """A challenge was raised and its game opened; the chain's clock stands `seconds` after the first deadline."""
    raised = {
        "challenge_id": CHALLENGE,
        "job_id": "0x" + "01" * 32,
        "challenger": ADDRESS,
        "provider": ADDRESS,
        "match_index": 0,
        "unit": 0,
        "receipt_digest": "0x" + "02" * 32,
        "claimed_root": "0x" + "03" * 32,
        "beacon_block": 0,
    }
    await happened(house, "Disputes", "ChallengeRaised", **raised)
    await happened(house, "Games", "GameOpened", deadline=DEADLINE, challenger=ADDRESS, segments=2)
    async with house.container.database.write() as session:
        block = {"number": 9, "hash": "0x" + "09" * 32, "parent_hash": "0x" + "08" * 32}
        session.add(ChainBlock(**block, timestamp=DEADLINE + seconds))


async def happened(house: House, contract: str, name: str, **args: Any) -> None:
    log = ChainLog(contract=contract, name=name, block_timestamp=900, args={"challenge_id": CHALLENGE, **args})
    async with house.container.database.write() as session:
        await apply(session, log)


async def the_challenge(house: House) -> Challenge:
    async with house.container.database.read() as session:
        return await session.get_one(Challenge, CHALLENGE)


async def promised(house: House) -> dict[str, str]:
    """Return the market's promises after it has looked at the challenge: name to call data."""
    await house.container.challenges.advance(CHALLENGE)
    async with house.container.database.read() as session:
        return {row.intent: row.data for row in (await session.scalars(select(OutboxTransaction))).all()}


@pytest.mark.parametrize("name", GAME_MOVES)
async def test_a_move_starts_the_clock_that_its_event_names(house: House, name: str) -> None:
    await a_game(house, seconds=0)
    await happened(house, "Games", name, deadline=DEADLINE + 30)
    challenge = await the_challenge(house)
    assert (challenge.status, challenge.phase_ends_at) == (ChallengeStatus.NARROWING, DEADLINE + 30)


async def test_while_a_clock_runs_the_market_sends_nothing(house: House) -> None:
    await a_game(house, seconds=0)
    assert await promised(house) == {}


async def test_when_a_clock_has_run_out_the_market_calls_it(house: House) -> None:
    await a_game(house, seconds=1)
    wanted = {f"timeout:{CHALLENGE}:{DEADLINE}": "0x" + encode_call("Games", "timeout", CHALLENGE).hex()}
    assert await promised(house) == wanted


async def test_a_clock_is_called_once_however_often_the_market_looks(house: House) -> None:
    await a_game(house, seconds=1)
    assert await promised(house) == await promised(house)


@pytest.mark.parametrize("verdict", [Verdict.UPHELD, Verdict.OVERTURNED])
async def test_a_judgement_that_nobody_carries_out_is_carried_out_by_the_market(house: House, verdict: Verdict) -> None:
    await a_game(house, seconds=1)
    await happened(house, "Games", "GameEnded", verdict=verdict.value, found=0)
    wanted = {f"conclude:{CHALLENGE}": "0x" + encode_call("Games", "conclude", CHALLENGE).hex()}
    assert await promised(house) == wanted


async def test_a_judgement_is_left_to_the_players_while_their_clock_runs(house: House) -> None:
    await a_game(house, seconds=0)
    await happened(house, "Games", "GameEnded", verdict=Verdict.UPHELD.value, found=0)
    assert await promised(house) == {}


async def test_a_game_that_is_resolved_asks_for_nothing_more(house: House) -> None:
    await a_game(house, seconds=1)
    await happened(house, "Games", "GameEnded", verdict=Verdict.UPHELD.value, found=0)
    await happened(house, "Disputes", "ChallengeResolved", verdict=Verdict.UPHELD.value, slashed_wei=0)
    challenge = await the_challenge(house)
    assert (challenge.status, challenge.verdict) == (ChallengeStatus.RESOLVED, Verdict.UPHELD)
    assert await promised(house) == {}


async def test_the_order_of_a_verdict_and_its_carrying_out_does_not_matter(house: House) -> None:
    await a_game(house, seconds=1)
    await happened(house, "Disputes", "ChallengeResolved", verdict=Verdict.OVERTURNED.value, slashed_wei=3)
    await happened(house, "Games", "GameEnded", verdict=Verdict.OVERTURNED.value, found=0)
    challenge = await the_challenge(house)
    assert (challenge.status, challenge.slashed_wei) == (ChallengeStatus.RESOLVED, 3)
