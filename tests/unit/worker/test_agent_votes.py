"""A vote from execution to reveal, against a chain that is a few lines long."""

import stat
from pathlib import Path
from typing import Any

import pytest

from market.chain.errors import ContractRevert
from market.chain.gateway import Sent
from market.chain.values import Challenge
from market.protocol.words import ChallengeStatus, Verdict
from worker.agent import votes
from worker.agent.votes import VoteBook

TRACE = b"\x03" * 32
SENT = Sent(tx_hash=bytes(32), gas_used=1, block_number=1, events=())


def challenge(status: ChallengeStatus, draws: int = 1) -> Challenge:
    return Challenge(
        job_id=bytes(32), receipt_digest=bytes(32), claimed_root=bytes(32), fingerprint=bytes(32), challenger="0x1",
        provider="0x2", buyer="0x3", bond_wei=1, unit_price_wei=1, match_index=0, status=status,
        verdict=Verdict.NONE, draws=draws, beacon_block=1, phase_ends_at=0, units_at_stake=1,
    )  # fmt: skip


class Court:
    """A dispute that goes through the given phases, one per look."""

    def __init__(self, *phases: Challenge, refuse: dict[str, str] | None = None) -> None:
        self.phases = list(phases)
        self.refuse = refuse or {}
        self.acts: list[tuple[str, bytes, bytes]] = []

    async def challenge_of(self, challenge_id: int) -> Challenge:
        return self.phases.pop(0) if len(self.phases) > 1 else self.phases[0]

    async def vote(self, challenge_id: int, *, trace_root: bytes, salt: bytes) -> Sent:
        return self._act("vote", trace_root, salt)

    async def reveal(self, challenge_id: int, *, trace_root: bytes, salt: bytes) -> Sent:
        return self._act("reveal", trace_root, salt)

    def _act(self, act: str, trace_root: bytes, salt: bytes) -> Sent:
        self.acts.append((act, trace_root, salt))
        if act in self.refuse:
            raise ContractRevert(contract_error=self.refuse[act], arguments={})
        return SENT

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a vote has no business with {name}")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(votes, "WATCH_SECONDS", 0.0)


VOTING, REVEALING = challenge(ChallengeStatus.VOTING), challenge(ChallengeStatus.REVEALING)


async def test_a_member_votes_waits_and_reveals_the_same_trace_and_salt(tmp_path: Path) -> None:
    court, book = Court(VOTING, VOTING, VOTING, REVEALING), VoteBook(tmp_path)

    await votes.cast(court, book, challenge_id=9, trace_root=TRACE)

    assert [act for act, _, _ in court.acts] == ["vote", "reveal"]
    assert court.acts[0][1:] == court.acts[1][1:]
    assert book.unfinished() == []


async def test_a_member_that_died_after_its_vote_reveals_with_the_salt_on_disk(tmp_path: Path) -> None:
    before = VoteBook(tmp_path).write(9, 1, TRACE)
    court, book = Court(REVEALING), VoteBook(tmp_path)

    for vote in book.unfinished():
        await votes.finish(court, book, vote)

    assert court.acts == [("reveal", TRACE, before.salt)]


async def test_voting_again_after_a_crash_uses_the_first_salt_and_goes_on(tmp_path: Path) -> None:
    before = VoteBook(tmp_path).write(9, 1, TRACE)
    court = Court(VOTING, REVEALING, refuse={"vote": "Disputes_WrongSeat"})

    await votes.cast(court, VoteBook(tmp_path), challenge_id=9, trace_root=TRACE)

    assert court.acts == [("vote", TRACE, before.salt), ("reveal", TRACE, before.salt)]


async def test_a_new_draw_is_a_new_vote_and_the_old_one_is_not_revealed(tmp_path: Path) -> None:
    court = Court(VOTING, challenge(ChallengeStatus.RAISED, draws=1), refuse={})

    await votes.cast(court, VoteBook(tmp_path), challenge_id=9, trace_root=TRACE)

    assert [act for act, _, _ in court.acts] == ["vote"]


async def test_a_refusal_that_is_not_lateness_is_raised(tmp_path: Path) -> None:
    court = Court(VOTING, refuse={"vote": "Disputes_NotSeated"})

    with pytest.raises(ContractRevert):
        await votes.cast(court, VoteBook(tmp_path), challenge_id=9, trace_root=TRACE)


def test_a_vote_on_disk_is_for_its_owner_alone(tmp_path: Path) -> None:
    VoteBook(tmp_path).write(9, 1, TRACE)

    assert stat.S_IMODE((tmp_path / "9-1.json").stat().st_mode) == 0o600
