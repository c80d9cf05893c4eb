"""An agent remembers its exact work before the market can show it to anyone who would dispute it, and keeps what the
market answers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from market.chain.gateway import Sent
from market.protocol.typed import SigningDomain
from market.protocol.wire import ChallengeCase, CommitReply, CommitSubmission, Lease
from market.protocol.words import AssignmentKind
from tests.integration.worker_bench import MemoryChain, MemoryMarket, NoSettling
from tests.unit.worker import agent_samples
from worker.agent.loop import Agent, Identity
from worker.agent.machine import Machine
from worker.agent.outcome import Outcome
from worker.agent.votes import VoteBook

Remembered = tuple[CommitSubmission, ChallengeCase | None]


@dataclass
class Noted:
    """Games that only note what they are told."""

    remembered: list[Remembered] = field(default_factory=list)

    async def watch(self) -> None:
        await asyncio.Event().wait()

    def remember(
        self, lease: Lease, outcome: Outcome, submission: CommitSubmission, case: ChallengeCase | None
    ) -> None:
        self.remembered.append((submission, case))

    async def challenge(self, case: ChallengeCase) -> Sent:
        return await MemoryChain().challenge(case)


@dataclass(kw_only=True)
class Watched(MemoryMarket):
    """A market that looks at what a worker remembers when its commit arrives."""

    games: Noted
    settling: NoSettling = field(default_factory=NoSettling)
    known: list[list[Remembered]] = field(default_factory=list)

    async def commit(self, assignment_id: str, submission: CommitSubmission) -> CommitReply:
        self.known.append(list(self.games.remembered))
        return await super().commit(assignment_id, submission)


@dataclass
class Done:
    """An executor that has done everything already."""

    output: Path

    async def execute(self, lease: Lease, on_step: Callable[[int], None]) -> Outcome:
        return agent_samples.outcome(output=self.output)


def agent(market: Watched, home: Path) -> Agent:
    account = Account.create()
    identity = Identity(
        account=account, provider=account.address, domain=SigningDomain(chain_id=31337, jobs="0x" + "22" * 20),
        fingerprint=b"\7" * 32, verifier=True,
    )  # fmt: skip
    (home / "state.safetensors").write_bytes(b"state")
    parts: dict[str, Any] = {
        "chain": MemoryChain(),
        "executor": Done(home / "state.safetensors"),
        "games": market.games,
        "settling": market.settling,
    }
    machine = Machine(claim_seconds=3600, drain_seconds=60)
    return Agent(identity, market=market, book=VoteBook(home / "votes"), machine=machine, **parts)


async def committed(market: Watched, home: Path) -> CommitSubmission:
    working = agent(market, home)
    running = asyncio.create_task(working.run())
    try:
        submission: CommitSubmission = await market.until("commit")
        return submission
    finally:
        working.stop()
        working.stop()
        await asyncio.wait_for(running, 15)


@pytest.mark.parametrize("kind", [AssignmentKind.WORK, AssignmentKind.AUDIT])
async def test_a_receipt_is_remembered_before_it_is_handed_in(kind: AssignmentKind, tmp_path: Path) -> None:
    market = Watched(artifacts={}, leases=[agent_samples.lease(kind=kind)], games=Noted())

    submission = await committed(market, tmp_path)

    assert market.known[0] == [(submission, None)]


async def test_a_receipt_that_the_market_does_not_take_is_remembered_too(tmp_path: Path) -> None:
    market = Watched(artifacts={}, leases=[agent_samples.lease()], games=Noted(), late={"a1"})

    submission = await committed(market, tmp_path)

    assert market.games.remembered == [(submission, None)]


@pytest.mark.parametrize("kind", [AssignmentKind.WORK, AssignmentKind.AUDIT])
async def test_a_job_is_followed_from_its_first_lease_and_the_answer_to_a_receipt_is_taken(
    kind: AssignmentKind, tmp_path: Path
) -> None:
    market = Watched(artifacts={}, leases=[agent_samples.lease(kind=kind)], games=Noted())

    await committed(market, tmp_path)

    assert market.settling.followed == [agent_samples.JOB]
    assert [reply.assignment_id for reply in market.settling.taken] == ["a1"]
