"""The agent's loop on a market and a chain in memory, with units executed in the real sandbox."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from eth_account import Account

from market.protocol.state import trace_root
from market.protocol.typed import Receipt, SigningDomain, recover_signer
from market.protocol.wire import ChallengeCase, Lease
from market.protocol.words import AssignmentKind, ChallengeStatus, ReceiptKind
from tests.integration.worker_bench import (
    MemoryChain,
    MemoryMarket,
    NoSettling,
    artifacts_of,
    executor_for,
    job,
    lease_of,
    longer,
)
from tests.unit.worker.agent_samples import receipt
from tests.unit.worker.test_agent_votes import challenge
from worker.agent.dockets import DocketBook
from worker.agent.duels import Duels
from worker.agent.executor import SandboxedExecutor
from worker.agent.games import ExactGames
from worker.agent.loop import Agent, Identity
from worker.agent.machine import AgentState, Machine
from worker.agent.votes import VoteBook
from worker.engine.determinism import fingerprint

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one warm executor serves all tests of this file

DOMAIN = SigningDomain(chain_id=31337, jobs="0x" + "22" * 20)
ACCOUNT = Account.create()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def executor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SandboxedExecutor]:
    library = MemoryMarket(artifacts=artifacts_of(job()))
    async with executor_for(library, tmp_path_factory.mktemp("home")) as (warm, _):
        yield warm


@asynccontextmanager
async def working(
    executor: SandboxedExecutor, market: MemoryMarket, chain: MemoryChain, home: Path
) -> AsyncIterator[tuple[Agent, Machine, asyncio.Task[None]]]:
    """A running agent; stopped hard when the test has not let it end."""
    identity = Identity(
        account=ACCOUNT, provider=ACCOUNT.address, domain=DOMAIN, fingerprint=fingerprint(), verifier=True
    )
    machine = Machine(claim_seconds=3600, drain_seconds=60)
    dockets = DocketBook(home / "dockets")
    games = ExactGames(dockets, chain, Duels(dockets, chain, executor, provider=ACCOUNT.address), DOMAIN)
    agent = Agent(
        identity, market=market, chain=chain, executor=executor, book=VoteBook(home / "votes"), games=games,
        settling=NoSettling(), machine=machine,
    )  # fmt: skip
    running = asyncio.create_task(agent.run())
    try:
        yield agent, machine, running
    finally:
        if not running.done():
            agent.stop()
            agent.stop()
            await asyncio.wait_for(running, 15)


def market_with(*leases: Lease) -> MemoryMarket:
    return MemoryMarket(artifacts=artifacts_of(job()), leases=list(leases))


async def test_a_unit_is_uploaded_and_committed_with_a_receipt_that_the_worker_signed(
    executor: SandboxedExecutor, tmp_path: Path
) -> None:
    market, chain = market_with(lease_of(job().spec)), MemoryChain()

    async with working(executor, market, chain, tmp_path):
        submission = await market.until("commit")

    signed = Receipt.from_json(submission.receipt)
    roots = [bytes.fromhex(root[2:]) for root in submission.segment_roots]
    assert recover_signer(signed, DOMAIN, bytes.fromhex(submission.signature[2:])) == ACCOUNT.address
    assert signed.artifact.hex() == market.heard("upload")[0]
    assert (signed.price_wei, signed.trace_root) == (7000, trace_root(roots))


async def test_the_first_step_is_told_at_once(executor: SandboxedExecutor, tmp_path: Path) -> None:
    market, chain = market_with(lease_of(job().spec, lease_seconds=600.0)), MemoryChain()

    async with working(executor, market, chain, tmp_path):
        await market.until("commit")

    assert market.heard("heartbeat") == [("unit-0", 1)]


async def test_an_audit_that_differs_is_challenged_from_the_workers_own_key(
    executor: SandboxedExecutor, tmp_path: Path
) -> None:
    lease = lease_of(job().spec, kind=AssignmentKind.AUDIT)
    market, chain = market_with(lease), MemoryChain()
    market.case = case_against(lease, trace_root=b"\x05" * 32)

    async with working(executor, market, chain, tmp_path):
        submission = await market.until("commit")
        await market.until("asked", 2)

    audit = Receipt.from_json(submission.receipt)
    assert (audit.kind, audit.artifact) == (ReceiptKind.AUDIT, bytes(32))
    assert [what for what, _ in chain.sent] == ["challenge"]
    assert market.heard("upload") == []


async def test_a_market_cannot_talk_a_worker_into_a_challenge_that_its_own_measurement_contradicts(
    executor: SandboxedExecutor, tmp_path: Path
) -> None:
    lease = lease_of(job().spec, kind=AssignmentKind.AUDIT)
    market, chain = market_with(lease_of(job().spec), lease), MemoryChain()

    async with working(executor, market, chain, tmp_path):
        honest = Receipt.from_json((await market.until("commit")).receipt)
        market.case = case_against(lease, trace_root=honest.trace_root)
        await market.until("commit", 2)
        await market.until("asked", 3)

    assert chain.sent == []


async def test_a_vote_is_cast_revealed_and_handed_in_without_a_receipt(
    executor: SandboxedExecutor, tmp_path: Path
) -> None:
    phases = [
        challenge(ChallengeStatus.VOTING),
        challenge(ChallengeStatus.VOTING),
        challenge(ChallengeStatus.REVEALING),
    ]
    market = market_with(lease_of(job().spec, kind=AssignmentKind.VOTE, challenge_id=9))
    chain = MemoryChain(phases=phases)

    async with working(executor, market, chain, tmp_path):
        submission = await market.until("commit")

    (first, voted), (second, revealed) = chain.sent
    assert (first, second, voted) == ("vote", "reveal", revealed)
    assert submission.receipt is None


async def test_a_worker_that_died_between_vote_and_reveal_reveals_at_its_next_start(
    executor: SandboxedExecutor, tmp_path: Path
) -> None:
    vote = VoteBook(tmp_path / "votes").write(9, 1, b"\x03" * 32)
    market, chain = market_with(), MemoryChain(phases=[challenge(ChallengeStatus.REVEALING)])

    async with working(executor, market, chain, tmp_path):
        await market.until("asked", 3)

    assert chain.sent == [("reveal", (vote.trace_root, vote.salt))]


async def test_a_lost_lease_kills_the_run_and_the_next_unit_is_done(
    executor: SandboxedExecutor, tmp_path: Path
) -> None:
    long = lease_of(longer(job(), 100_000), assignment_id="lost")
    market, chain = market_with(long, lease_of(job().spec, 1)), MemoryChain()
    market.lost.add("lost")

    async with working(executor, market, chain, tmp_path):
        submission = await market.until("commit")

    assert Receipt.from_json(submission.receipt).unit == 1


async def test_a_commit_that_comes_too_late_is_dropped(executor: SandboxedExecutor, tmp_path: Path) -> None:
    market, chain = market_with(lease_of(job().spec, lease_seconds=600.0), lease_of(job().spec, 1)), MemoryChain()
    market.late.add("unit-0")

    async with working(executor, market, chain, tmp_path):
        await market.until("commit", 2)

    assert market.heard("release") == []


async def test_a_unit_that_cannot_be_executed_is_given_back_with_the_reason(
    executor: SandboxedExecutor, tmp_path: Path
) -> None:
    market, chain = market_with(lease_of(job().spec).model_copy(update={"spec": {"kind": "TRAIN"}})), MemoryChain()

    async with working(executor, market, chain, tmp_path):
        released = await market.until("release")

    assert released.failed
    assert released.reason.startswith("BadSpec")


async def test_a_market_that_is_away_for_a_while_gets_the_finished_unit_later(
    executor: SandboxedExecutor, tmp_path: Path
) -> None:
    market, chain = market_with(lease_of(longer(job(), 400))), MemoryChain()

    async with working(executor, market, chain, tmp_path):
        await market.until("heartbeat")
        market.reach = False
        await asyncio.sleep(2.5)
        market.reach = True
        submission = await market.until("commit")

    assert Receipt.from_json(submission.receipt).steps == 400


async def test_sigterm_finishes_the_unit_claims_and_leaves(executor: SandboxedExecutor, tmp_path: Path) -> None:
    market, chain = market_with(lease_of(longer(job(), 300))), MemoryChain(credit_wei=5)

    async with working(executor, market, chain, tmp_path) as (agent, machine, running):
        await market.until("heartbeat")
        agent.stop()
        await asyncio.wait_for(running, 30)

    assert machine.state is AgentState.STOPPED
    assert market.heard("presence")[-1].draining
    assert len(market.heard("commit")) == 1
    assert chain.sent == [("claim_jobs", ACCOUNT.address)]


async def test_a_second_sigterm_releases_the_lease_and_leaves(executor: SandboxedExecutor, tmp_path: Path) -> None:
    market, chain = market_with(lease_of(longer(job(), 100_000))), MemoryChain(credit_wei=5)

    async with working(executor, market, chain, tmp_path) as (agent, _, running):
        await market.until("heartbeat")
        agent.stop()
        agent.stop()
        await asyncio.wait_for(running, 15)

    assert [release.failed for release in market.heard("release")] == [False]
    assert market.heard("commit") == []


def case_against(lease: Lease, **changes: bytes) -> ChallengeCase:
    challenged = receipt(job_id=bytes.fromhex(lease.job_id[2:]), unit=lease.unit, **changes)
    return ChallengeCase(
        job={}, match_index=0, receipt=challenged.to_json(), signature="0x00", measured_trace_root="0x" + "03" * 32
    )
