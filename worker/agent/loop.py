"""The thin loop around the machine: it owns sockets, processes and the clock, and decides nothing.

Every action of the machine is one coroutine here that ends in an event. A market or chain that cannot be reached is
asked again with growing, jittered pauses for as long as it takes; a refusal is an event at once. Any other exception
is a bug and ends the process.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from eth_account.signers.local import LocalAccount

from market.chain.transport import ChainUnreachable
from market.client.problems import MarketBusy, MarketProblem, MarketUnreachable
from market.protocol.errors import CommonwattError
from market.protocol.typed import Receipt, SigningDomain, sign
from market.protocol.wire import ChallengeCase, CommitSubmission, Lease, ReleaseSubmission, WorkerPresence
from market.protocol.words import AssignmentKind
from worker.agent import votes
from worker.agent.events import (
    Action,
    AnnounceDraining,
    AskForWork,
    BeatHeart,
    CastVote,
    ChallengeSent,
    ClaimCredits,
    Claimed,
    CommitRefused,
    Committed,
    CommitUnit,
    Event,
    Failed,
    Finished,
    GiveBack,
    Joined,
    KillRun,
    LeaseGranted,
    LeaseLost,
    Leave,
    MarketLost,
    NothingToDo,
    RaiseChallenge,
    RunUnit,
    Stepped,
    StopAsked,
    StopAsking,
    Ticked,
    VoteCast,
)  # fmt: skip
from worker.agent.games import Games
from worker.agent.machine import AgentState, Machine
from worker.agent.outcome import Outcome
from worker.agent.ports import Chain, Executor, Market
from worker.agent.receipts import receipt_of
from worker.agent.settling import Settling

TICK_SECONDS: Final = 0.25
POLL_SECONDS: Final = 20.0
LEAVE_SECONDS: Final = 10.0
_FIRST_PAUSE_SECONDS: Final = 0.25
_LONGEST_PAUSE_SECONDS: Final = 10.0
_UNREACHABLE: Final = (MarketUnreachable, MarketBusy, ChainUnreachable)

_log = structlog.get_logger(__name__)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this worker is, and where its signatures count."""

    account: LocalAccount
    provider: str
    domain: SigningDomain
    fingerprint: bytes
    verifier: bool
    checks_only: bool = False

    @property
    def worker(self) -> str:
        return str(self.account.address)


Watcher = Callable[[Machine], None]


class Agent:
    """A worker's session with one market. `run` returns when the worker has left."""

    def __init__(
        self, identity: Identity, *, market: Market, chain: Chain, executor: Executor, book: votes.VoteBook,
        games: Games, settling: Settling, machine: Machine, watcher: Watcher = lambda _: None,
    ) -> None:  # fmt: skip
        self._identity = identity
        self._market = market
        self._chain = chain
        self._executor = executor
        self._book = book
        self._games = games
        self._settling = settling
        self._machine = machine
        self._watcher = watcher
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._jitter = random.SystemRandom()

    def stop(self) -> None:
        """Ask the worker to stop: the first time it finishes its unit, the second time it leaves at once."""
        self._events.put_nowait(StopAsked())

    async def run(self) -> None:
        """Join, work, leave. The executor belongs to the caller, who closes it."""
        async with asyncio.TaskGroup() as group:
            self._start(group, "join", self._join())
            self._start(group, "tick", self._tick())
            self._start(group, "duels", self._games.watch())
            self._start(group, "settling", self._settling.watch())
            for vote in self._book.unfinished():
                self._start(group, f"vote {vote.challenge_id}-{vote.draw}", self._finish_vote(vote))
            while self._machine.state is not AgentState.STOPPED:
                await self._observe(group, await self._events.get())
            await self._leave()

    async def _observe(self, group: asyncio.TaskGroup, event: Event) -> None:
        before = self._machine.state
        for action in self._machine.observe(event, time.monotonic()):
            self._act(group, action)
        if self._machine.state is not before:
            _log.info("agent.state", was=before.value, now=self._machine.state.value)
        if not isinstance(event, Ticked):
            self._watcher(self._machine)

    def _act(self, group: asyncio.TaskGroup, action: Action) -> None:
        match action:
            case AskForWork():
                self._start(group, "ask", self._ask(action))
            case StopAsking():
                self._cancel("ask")
            case RunUnit():
                self._start(group, "run", self._run(action.lease))
            case KillRun():
                self._cancel("run")
            case Leave():
                pass  # the state is STOPPED now, and `run` sees to it
            case _:
                work = _WORK[type(action)](self, action)
                self._start(group, f"{type(action).__name__} {id(work)}", work)

    def _start(self, group: asyncio.TaskGroup, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = group.create_task(work, name=name)
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._tasks.pop(name) if self._tasks.get(name) is done else None)

    def _cancel(self, name: str) -> None:
        if task := self._tasks.get(name):
            task.cancel()

    async def _leave(self) -> None:
        """Give what was begun a moment to end; then end it."""
        for name in ("ask", "tick", "join", "duels", "settling"):
            self._cancel(name)
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=LEAVE_SECONDS)
        for task in list(self._tasks.values()):
            task.cancel()

    async def _join(self) -> None:
        await self._persist("worker.announce", lambda: self._market.put_worker(self._presence(draining=False)))
        self._events.put_nowait(Joined())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._events.put_nowait(Ticked())

    async def _ask(self, action: AskForWork) -> None:
        await asyncio.sleep(action.after_seconds * self._jitter.uniform(0.5, 1.0))
        try:
            lease = await self._market.lease(wait_seconds=POLL_SECONDS)
        except (MarketUnreachable, MarketProblem) as error:
            _log.warning("lease.failed", error=type(error).__name__, **error.facts())
            if isinstance(error, MarketProblem) and error.slug == "worker-unknown":
                await self._join_again()
            self._events.put_nowait(MarketLost())
        else:
            self._events.put_nowait(NothingToDo() if lease is None else LeaseGranted(lease=lease))

    async def _join_again(self) -> None:
        """A market that lost its records knows us no more."""
        with contextlib.suppress(MarketUnreachable, MarketProblem):
            await self._market.put_worker(self._presence(draining=False))

    async def _run(self, lease: Lease) -> None:
        log = _log.bind(assignment_id=lease.assignment_id, job_id=lease.job_id, unit=lease.unit, kind=lease.kind.value)
        log.info("unit.leased", attempt=lease.attempt)
        if lease.kind is not AssignmentKind.VOTE:  # a vote is about the work of others
            self._settling.follow(bytes.fromhex(lease.job_id[2:]))
        try:
            outcome = await self._executor.execute(lease, lambda step: self._stepped(lease, step))
        except CommonwattError as error:
            log.warning("unit.failed", error=type(error).__name__, reason=str(error)[:500])
            self._events.put_nowait(Failed(assignment_id=lease.assignment_id, reason=_reason(error)))
        else:
            log.info("unit.executed", steps=outcome.steps, millijoules=outcome.energy.millijoules)
            self._events.put_nowait(Finished(assignment_id=lease.assignment_id, outcome=outcome))

    def _stepped(self, lease: Lease, step: int) -> None:
        self._events.put_nowait(Stepped(assignment_id=lease.assignment_id, step=step))

    async def _beat(self, action: BeatHeart) -> None:
        try:
            reply = await self._market.heartbeat(action.assignment_id, epoch=action.epoch, step=action.step)
        except (MarketUnreachable, MarketBusy) as error:
            _log.warning("heartbeat.missed", assignment_id=action.assignment_id, error=type(error).__name__)
        except MarketProblem as problem:
            _log.warning("lease.lost", assignment_id=action.assignment_id, problem=problem.slug)
            self._events.put_nowait(LeaseLost(assignment_id=action.assignment_id))
        else:
            if reply.abandon:
                _log.info("lease.abandoned", assignment_id=action.assignment_id)
                self._events.put_nowait(LeaseLost(assignment_id=action.assignment_id))

    async def _commit(self, action: CommitUnit) -> None:
        lease = action.lease
        try:
            submission = await self._submission(lease, action.outcome)
            if action.outcome is not None:  # before anyone else holds what we signed, and can dispute it
                self._games.remember(lease, action.outcome, submission, None)
            reply = await self._persist("unit.commit", lambda: self._market.commit(lease.assignment_id, submission))
        except MarketProblem as problem:
            _log.warning("commit.refused", assignment_id=lease.assignment_id, problem=problem.slug, **problem.members)
            self._events.put_nowait(CommitRefused(assignment_id=lease.assignment_id))
            return
        self._settling.take(submission, reply)
        _log.info("assignment.committed", assignment_id=lease.assignment_id, job_id=lease.job_id, unit=lease.unit)
        case = reply.challenge
        if case is not None and not (action.outcome and is_justified(case, lease, action.outcome)):
            _log.warning("challenge.unjustified", assignment_id=lease.assignment_id)
            case = None
        if action.outcome is not None and case is not None:
            self._games.remember(lease, action.outcome, submission, case)
        self._events.put_nowait(Committed(assignment_id=lease.assignment_id, case=case))

    async def _submission(self, lease: Lease, outcome: Outcome | None) -> CommitSubmission:
        if outcome is None:
            return CommitSubmission(epoch=lease.epoch)
        artifact = await self._upload(outcome.output) if lease.kind is AssignmentKind.WORK else bytes(32)
        me = self._identity
        receipt = receipt_of(
            lease, outcome, provider=me.provider, worker=me.worker, fingerprint=me.fingerprint, artifact=artifact
        )
        return CommitSubmission(
            epoch=lease.epoch,
            receipt=receipt.to_json(),
            signature="0x" + sign(receipt, me.domain, me.account).hex(),
            segment_roots=["0x" + root.hex() for root in outcome.segment_roots],
        )

    async def _upload(self, path: Path) -> bytes:
        return bytes.fromhex(await self._persist("artifact.upload", lambda: self._market.upload(path)))

    async def _vote(self, action: CastVote) -> None:
        lease = action.lease
        assert lease.challenge_id is not None, "a vote is about a challenge"
        cast, challenge_id, trace_root = votes.cast, lease.challenge_id, action.outcome.trace_root
        try:
            await self._persist(
                "vote.cast",
                lambda: cast(self._chain, self._book, challenge_id=challenge_id, trace_root=trace_root),
            )
        except CommonwattError as error:
            _log.warning("vote.failed", challenge_id=challenge_id, error=type(error).__name__, reason=str(error)[:500])
            self._events.put_nowait(Failed(assignment_id=lease.assignment_id, reason=_reason(error)))
        else:
            self._events.put_nowait(VoteCast(assignment_id=lease.assignment_id))

    async def _finish_vote(self, vote: votes.Vote) -> None:
        try:
            await self._persist("vote.finish", lambda: votes.finish(self._chain, self._book, vote))
        except CommonwattError as error:
            _log.warning("vote.failed", challenge_id=vote.challenge_id, error=type(error).__name__)

    async def _challenge(self, action: RaiseChallenge) -> None:
        try:
            sent = await self._persist("challenge.raise", lambda: self._games.challenge(action.case))
        except CommonwattError as error:
            _log.warning("challenge.refused", error=type(error).__name__, reason=str(error)[:500])
        else:
            _log.info("challenge.raised", transaction="0x" + sent.tx_hash.hex(), gas_used=sent.gas_used)
        self._events.put_nowait(ChallengeSent(assignment_id=action.assignment_id))

    async def _give_back(self, action: GiveBack) -> None:
        lease = action.lease
        body = ReleaseSubmission(epoch=lease.epoch, reason=action.reason[:500], failed=action.failed)
        try:
            await self._market.release(lease.assignment_id, body)
        except (MarketUnreachable, MarketProblem) as error:
            _log.warning("release.failed", assignment_id=lease.assignment_id, error=type(error).__name__)
        else:
            _log.info("lease.released", assignment_id=lease.assignment_id, reason=action.reason[:200])

    async def _announce_draining(self, _: AnnounceDraining) -> None:
        try:
            await self._market.put_worker(self._presence(draining=True))
        except (MarketUnreachable, MarketProblem) as error:
            _log.warning("drain.not_announced", error=type(error).__name__)

    async def _claim(self, _: ClaimCredits) -> None:
        provider = self._identity.provider
        try:
            for place, credit, claim in (
                ("Jobs", self._chain.job_credit_wei, self._chain.claim_jobs),
                ("Bonds", self._chain.bond_credit_wei, self._chain.claim_bonds),
            ):
                amount_wei = await credit(provider)
                if amount_wei > 0:
                    await claim(provider)
                    _log.info("credit.claimed", contract=place, amount_wei=str(amount_wei))
        except CommonwattError as error:
            _log.warning("claim.failed", error=type(error).__name__, reason=str(error)[:300])
        self._events.put_nowait(Claimed())

    def _presence(self, *, draining: bool) -> WorkerPresence:
        me = self._identity
        return WorkerPresence(
            provider=me.provider,
            fingerprint="0x" + me.fingerprint.hex(),
            draining=draining,
            verifier=me.verifier,
            checks_only=me.checks_only,
        )

    async def _persist(self, what: str, call: Callable[[], Awaitable[_Result]]) -> _Result:
        """Call until there is an answer; refusals are raised at once."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await call()
            except _UNREACHABLE as error:
                _log.warning("unreachable", what=what, error=type(error).__name__, pause_seconds=pause)
            await asyncio.sleep(pause * self._jitter.uniform(0.5, 1.0))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


_Work = Callable[[Agent, Any], Coroutine[Any, Any, None]]
_WORK: Final[dict[type, _Work]] = {
    BeatHeart: Agent._beat,
    CommitUnit: Agent._commit,
    CastVote: Agent._vote,
    RaiseChallenge: Agent._challenge,
    GiveBack: Agent._give_back,
    AnnounceDraining: Agent._announce_draining,
    ClaimCredits: Agent._claim,
}


def is_justified(case: ChallengeCase, lease: Lease, outcome: Outcome) -> bool:
    """Return whether what we executed contradicts the receipt of the case; a market must not choose our challenges."""
    receipt = Receipt.from_json(case.receipt)
    same_unit = receipt.unit == lease.unit and receipt.job_id == bytes.fromhex(lease.job_id[2:])
    return same_unit and receipt.trace_root != outcome.trace_root


def _reason(error: CommonwattError) -> str:
    return f"{type(error).__name__}: {error}"[:500]
