"""Which challenge a case becomes, and of which work a worker keeps a docket."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from market.chain.gateway import Sent
from market.chain.values import Bond, ChainEvent
from market.protocol.typed import SigningDomain, digest
from market.protocol.wire import ChallengeCase, CommitSubmission
from market.protocol.words import AssignmentKind
from tests.unit.worker import agent_samples
from tests.unit.worker.exact_samples import exact, lease, receipt
from worker.agent.dockets import CHALLENGER, DEFENDER, DocketBook, ExactClaim, claim_of
from worker.agent.games import ExactGames
from worker.agent.outcome import Outcome

DOMAIN = SigningDomain(chain_id=31337, jobs="0x" + "22" * 20)
ELSEWHERE = b"\x0e" * 32
LOCK_WEI = 10


@dataclass
class Courts:
    """A chain that notes which court it was asked for."""

    asked: list[tuple[str, ChallengeCase]] = field(default_factory=list)
    claims: list[tuple[ExactClaim, bool]] = field(default_factory=list)
    free_wei: int = LOCK_WEI
    address: str = "0x" + "11" * 20

    async def challenge_lock_wei(self) -> int:
        return LOCK_WEI

    async def bond(self, account: str) -> Bond:
        return Bond(stake_wei=2 * LOCK_WEI, locked_wei=2 * LOCK_WEI - self.free_wei, unbonding_wei=0, ready_at=0)

    async def idle_bond_wei(self, account: str) -> int:
        return LOCK_WEI - self.free_wei

    async def release_bond(self) -> Sent:
        released, self.free_wei = LOCK_WEI - self.free_wei, LOCK_WEI
        return _sent("IdleBondReleased", amount_wei=released)

    async def challenge(self, case: ChallengeCase) -> Sent:
        return self._raised("committee", case)

    async def challenge_exact(self, case: ChallengeCase, claim: ExactClaim, *, contests_input: bool) -> Sent:
        self.claims.append((claim, contests_input))
        return self._raised("exact", case)

    def _raised(self, court: str, case: ChallengeCase) -> Sent:
        assert self.free_wei >= LOCK_WEI, "the chain takes no challenge without free stake"
        self.asked.append((court, case))
        return _sent("ChallengeRaised", challenge_id=6)


def _sent(name: str, **args: int) -> Sent:
    event = ChainEvent(
        name=name, contract="", args=args, block_number=1, block_hash=bytes(32), block_timestamp=0, tx_hash=bytes(32),
        log_index=0,
    )  # fmt: skip
    return Sent(tx_hash=bytes(32), gas_used=1, block_number=1, events=(event,))


class NoDuels:
    """Nobody plays here."""

    async def watch(self) -> None:
        return


@dataclass
class Room:
    """A worker's games, with a chain that is asked."""

    book: DocketBook
    chain: Courts

    @property
    def games(self) -> ExactGames:
        return ExactGames(self.book, self.chain, NoDuels(), DOMAIN)  # type: ignore[arg-type]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(DocketBook(tmp_path), Courts())


def outcome(**changes: Any) -> Outcome:
    first = {"terms": exact().job.terms, "input_root": exact().job.terms.state_root}
    return agent_samples.outcome(**first | changes)


def submission(unit: int = 0) -> CommitSubmission:
    return CommitSubmission(epoch=1, receipt=receipt(unit).to_json(), signature="0x00")


def case(unit: int = 0, **changes: Any) -> ChallengeCase:
    return ChallengeCase(
        job={}, match_index=0, receipt=receipt(unit, **changes).to_json(), signature="0x00",
        measured_trace_root="0x" + "03" * 32,
    )  # fmt: skip


def audited(room: Room, accused: ChallengeCase, unit: int = 0, **changes: Any) -> None:
    room.games.remember(lease(unit, AssignmentKind.AUDIT), outcome(**changes), submission(unit), accused)


async def test_a_case_about_pinned_work_goes_to_the_committee(room: Room) -> None:
    room.games.remember(lease(kind=AssignmentKind.AUDIT), outcome(terms=None), submission(), case())

    await room.games.challenge(case())

    assert [court for court, _ in room.chain.asked] == ["committee"]
    assert room.book.open() == []


async def test_stake_that_lies_idle_is_released_for_a_challenge(room: Room) -> None:
    room.chain.free_wei = 0

    await room.games.challenge(case())

    assert room.chain.free_wei == LOCK_WEI
    assert [court for court, _ in room.chain.asked] == ["committee"]


async def test_a_case_about_exact_work_becomes_a_game(room: Room) -> None:
    audited(room, case())

    sent = await room.games.challenge(case())

    (docket,) = room.book.open()
    assert room.chain.claims == [(claim_of(docket), False)]
    assert (docket.side, docket.challenge_id) == (CHALLENGER, 6)
    assert sent.event("ChallengeRaised") is not None


async def test_a_first_round_unit_from_another_state_becomes_a_game(room: Room) -> None:
    accused = case(1, input_root=ELSEWHERE)
    audited(room, accused, 1)

    await room.games.challenge(accused)

    assert [contests for _, contests in room.chain.claims] == [False]
    assert [docket.challenge_id for docket in room.book.open()] == [6]


async def test_a_later_unit_from_another_state_goes_to_the_committee_and_is_not_played(room: Room) -> None:
    accused = case(2, input_root=ELSEWHERE)
    audited(room, accused, 2)

    await room.games.challenge(accused)

    assert [court for court, _ in room.chain.asked] == ["exact"]
    assert [contests for _, contests in room.chain.claims] == [True]
    assert room.book.open() == []


async def test_a_later_unit_from_the_same_state_becomes_a_game(room: Room) -> None:
    accused = case(2, input_root=ELSEWHERE)
    audited(room, accused, 2, input_root=ELSEWHERE)

    await room.games.challenge(accused)

    assert [contests for _, contests in room.chain.claims] == [False]
    assert [docket.challenge_id for docket in room.book.open()] == [6]


def test_exact_work_of_our_own_is_remembered_to_be_defended(room: Room) -> None:
    room.games.remember(lease(1), outcome(), submission(1), None)

    (docket,) = room.book.open()
    assert (docket.side, docket.receipt, docket.challenge_id) == (DEFENDER, receipt(1), None)
    assert docket.digest == digest(receipt(1), DOMAIN)
    assert docket.terms == exact().job.terms


def test_an_audit_that_agrees_is_not_remembered(room: Room) -> None:
    room.games.remember(lease(kind=AssignmentKind.AUDIT), outcome(), submission(), None)

    assert room.book.open() == []


def test_an_audit_that_disagrees_remembers_the_receipt_it_was_about(room: Room) -> None:
    audited(room, case(trace_root=b"\x0b" * 32), input_root=ELSEWHERE)

    (docket,) = room.book.open()
    assert docket.side == CHALLENGER
    assert docket.receipt == receipt(trace_root=b"\x0b" * 32)
    assert docket.own_input_root == ELSEWHERE


def test_pinned_work_is_not_remembered(room: Room) -> None:
    room.games.remember(lease(), outcome(terms=None), submission(), None)

    assert room.book.open() == []
