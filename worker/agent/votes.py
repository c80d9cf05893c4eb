"""A committee member's vote from execution to reveal, remembered on disk.

Decides the order: the salt and the trace are on disk before the hidden vote is sent, so that a worker that dies in
between can still reveal; silence would cost it its bond. Voting again with the same trace and salt is harmless.
"""

import asyncio
import json
import secrets
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from market.chain.errors import ContractRevert
from market.chain.values import Challenge
from market.protocol.words import ChallengeStatus
from worker.agent.ports import Chain

WATCH_SECONDS: Final = 0.25
# A second vote or reveal, and an act whose phase has ended meanwhile: nothing is left to do.
_TOO_LATE: Final = frozenset({"Disputes_WrongSeat", "Disputes_WrongStatus", "Disputes_PhaseOver"})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What a member found in one draw of a challenge. trace_root, salt: 32 bytes."""

    challenge_id: int
    draw: int
    trace_root: bytes
    salt: bytes


class VoteBook:
    """Votes that are not over yet, one small file each, readable by the owner alone."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder

    def write(self, challenge_id: int, draw: int, trace_root: bytes) -> Vote:
        """Return the vote for one draw of a challenge: the one written before, or a new one with a fresh salt."""
        path = self._path(challenge_id, draw)
        if path.exists():
            return _read(path)
        vote = Vote(challenge_id=challenge_id, draw=draw, trace_root=trace_root, salt=secrets.token_bytes(32))
        partial = path.with_suffix(".part")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps({"trace_root": vote.trace_root.hex(), "salt": vote.salt.hex()}))
        partial.replace(path)
        return vote

    def unfinished(self) -> list[Vote]:
        """Return the votes that an earlier process began and did not bring to an end."""
        return [_read(path) for path in sorted(self._folder.glob("*.json"))]

    def forget(self, vote: Vote) -> None:
        self._path(vote.challenge_id, vote.draw).unlink(missing_ok=True)

    def _path(self, challenge_id: int, draw: int) -> Path:
        return self._folder / f"{challenge_id}-{draw}.json"


def _read(path: Path) -> Vote:
    challenge_id, _, draw = path.stem.partition("-")
    held = json.loads(path.read_text())
    trace_root, salt = bytes.fromhex(held["trace_root"]), bytes.fromhex(held["salt"])
    return Vote(challenge_id=int(challenge_id), draw=int(draw), trace_root=trace_root, salt=salt)


async def cast(chain: Chain, book: VoteBook, *, challenge_id: int, trace_root: bytes) -> None:
    """Vote in the present draw, wait for the reveal phase, reveal; return early when nobody waits for it any more.

    Raises ContractRevert for a refusal that does not mean "too late", and what an unreachable chain raises.
    """
    drawn = await chain.challenge_of(challenge_id)
    vote = book.write(challenge_id, drawn.draws, trace_root)
    if drawn.status is ChallengeStatus.VOTING:
        await _send("vote", vote, chain.vote(challenge_id, trace_root=vote.trace_root, salt=vote.salt))
    await finish(chain, book, vote)


async def finish(chain: Chain, book: VoteBook, vote: Vote) -> None:
    """Reveal a vote that was cast, once its phase has come, and forget it."""
    challenge = await _after_voting(chain, vote)
    if challenge.status is ChallengeStatus.REVEALING and challenge.draws == vote.draw:
        await _send("reveal", vote, chain.reveal(vote.challenge_id, trace_root=vote.trace_root, salt=vote.salt))
    book.forget(vote)


async def _after_voting(chain: Chain, vote: Vote) -> Challenge:
    while True:
        challenge = await chain.challenge_of(vote.challenge_id)
        if challenge.status is not ChallengeStatus.VOTING or challenge.draws != vote.draw:
            return challenge
        await asyncio.sleep(WATCH_SECONDS)


async def _send(act: str, vote: Vote, sending: Awaitable[object]) -> None:
    try:
        await sending
    except ContractRevert as revert:
        if revert.contract_error not in _TOO_LATE:
            raise
        _log.warning("vote.late", act=act, challenge_id=vote.challenge_id, contract_error=revert.contract_error)
    else:
        _log.info("vote.sent", act=act, challenge_id=vote.challenge_id, draw=vote.draw)
