"""A bench for workers: a small job's artifacts, an executor in the real sandbox, and a market and a chain in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from market.chain.gateway import Sent
from market.chain.values import Bond, Challenge
from market.client.problems import AssignmentLost, MarketUnreachable
from market.protocol.hashing import ArtifactId, artifact_id
from market.protocol.specs import TrainSpec
from market.protocol.wire import (
    ChallengeCase,
    CommitReply,
    CommitSubmission,
    HeartbeatReply,
    Lease,
    Predecessor,
    ReleaseSubmission,
    WorkerPresence,
    WorkerView,
)
from market.protocol.words import AssignmentKind, AssignmentStatus
from tests.unit.worker.charlm_samples import Small, small
from worker.agent.cache import ArtifactCache
from worker.agent.executor import RUNNER, RunPolicy, SandboxedExecutor
from worker.energy.estimate import EstimateMeter
from worker.engine.tensors import save
from worker.sandbox.levels import Isolation, choose
from worker.sandbox.policy import JailPlan

METER = EstimateMeter(envelope_watts=20, cores=2)
JOB = "0x" + "ab" * 32
LOCK_WEI = 10**18


def artifacts_of(job: Small) -> dict[ArtifactId, bytes]:
    documents = (job.program.encode(), save(job.state), save(job.dataset))
    return {artifact_id(document): document for document in documents}


def lease_of(spec: TrainSpec, unit: int = 0, /, **changes: Any) -> Lease:
    fields: dict[str, Any] = {
        "assignment_id": f"unit-{unit}", "kind": AssignmentKind.WORK, "epoch": 1, "job_id": JOB, "unit": unit,
        "attempt": 1, "spec": spec.to_json(), "price_wei": "7000", "predecessors": [], "expires_at": 0,
        "lease_seconds": 1.5,
    }  # fmt: skip
    return Lease(**fields | changes)


def predecessor(unit: int, state: bytes) -> Predecessor:
    return Predecessor(unit=unit, artifact=artifact_id(state), output_root="0x" + "00" * 32)


@dataclass(kw_only=True)
class MemoryMarket:
    """A market that hands out the given leases and remembers what it is told.

    lost: assignments that a heartbeat finds abandoned. late: those that a commit finds lost. reach: whether it answers.
    """

    artifacts: dict[ArtifactId, bytes]
    leases: list[Lease] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    case: ChallengeCase | None = None
    reach: bool = True
    told: list[tuple[str, Any]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, what: str, about: Any) -> None:
        if not self.reach:
            raise MarketUnreachable(url="memory://", reason="unplugged")
        self.told.append((what, about))
        self.changed.set()

    async def until(self, what: str, count: int = 1, seconds: float = 30.0) -> Any:
        """Wait until it was told something so often, and return the last of it."""
        async with asyncio.timeout(seconds):
            while len(self.heard(what)) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.heard(what)[count - 1]

    def heard(self, what: str) -> list[Any]:
        return [about for name, about in self.told if name == what]

    async def put_worker(self, presence: WorkerPresence) -> WorkerView:
        self.tell("presence", presence)
        return WorkerView(
            worker=presence.provider, provider=presence.provider, fingerprint=presence.fingerprint, verifier=False,
            draining=presence.draining, last_seen=0, streak=0, units_verified=0, units_voided=0, advice="",
        )  # fmt: skip

    async def lease(self, *, wait_seconds: float) -> Lease | None:
        self.tell("asked", None)
        if not self.leases:
            await asyncio.sleep(min(wait_seconds, 0.05))
            return None
        return self.leases.pop(0)

    async def heartbeat(self, assignment_id: str, *, epoch: int, step: int) -> HeartbeatReply:
        self.tell("heartbeat", (assignment_id, step))
        return HeartbeatReply(expires_at=0, abandon=assignment_id in self.lost)

    async def commit(self, assignment_id: str, submission: CommitSubmission) -> CommitReply:
        self.tell("commit", submission)
        if assignment_id in self.late:
            raise AssignmentLost(status=409, type="/problems/lease-lost", title="", detail="", members={})
        case, self.case = self.case, None
        return CommitReply(assignment_id=assignment_id, status=AssignmentStatus.COMMITTED, challenge=case)

    async def release(self, assignment_id: str, submission: ReleaseSubmission) -> None:
        self.tell("release", submission)

    async def upload(self, path: Path) -> ArtifactId:
        data = await asyncio.to_thread(path.read_bytes)
        self.tell("upload", artifact_id(data))
        self.artifacts[artifact_id(data)] = data
        return artifact_id(data)

    async def download(self, artifact: ArtifactId, target: Path, *, limit_bytes: int | None = None) -> Path:
        await asyncio.to_thread(target.write_bytes, self.artifacts[artifact])
        return target


@dataclass(kw_only=True)
class MemoryChain:
    """Contracts with some credit, and one dispute that goes through its phases, one per look."""

    address: str = "0x" + "11" * 20
    credit_wei: int = 0
    phases: list[Challenge] = field(default_factory=list)
    sent: list[tuple[str, Any]] = field(default_factory=list)

    def send(self, what: str, about: Any) -> Sent:
        self.sent.append((what, about))
        return Sent(tx_hash=bytes(32), gas_used=21_000, block_number=1, events=())

    async def bond(self, account: str) -> Bond:
        return Bond(stake_wei=LOCK_WEI, locked_wei=0, unbonding_wei=0, ready_at=0)

    async def idle_bond_wei(self, account: str) -> int:
        return 0

    async def release_bond(self) -> Sent:
        return self.send("release_bond", None)

    async def challenge_lock_wei(self) -> int:
        return LOCK_WEI

    async def challenge(self, case: ChallengeCase) -> Sent:
        return self.send("challenge", case)

    async def challenge_of(self, challenge_id: int) -> Challenge:
        return self.phases.pop(0) if len(self.phases) > 1 else self.phases[0]

    async def vote(self, challenge_id: int, *, trace_root: bytes, salt: bytes) -> Sent:
        return self.send("vote", (trace_root, salt))

    async def reveal(self, challenge_id: int, *, trace_root: bytes, salt: bytes) -> Sent:
        return self.send("reveal", (trace_root, salt))

    async def job_credit_wei(self, account: str) -> int:
        return self.credit_wei

    async def bond_credit_wei(self, account: str) -> int:
        return 0

    async def claim_jobs(self, account: str | None = None) -> Sent:
        self.credit_wei = 0
        return self.send("claim_jobs", account)

    async def claim_bonds(self, account: str | None = None) -> Sent:
        return self.send("claim_bonds", account)


@dataclass
class NoSettling:
    """Notes what it is told, and settles nothing."""

    followed: list[bytes] = field(default_factory=list)
    taken: list[CommitReply] = field(default_factory=list)

    def follow(self, job_id: bytes) -> None:
        self.followed.append(job_id)

    def take(self, submission: CommitSubmission, reply: CommitReply) -> None:
        self.taken.append(reply)

    async def watch(self) -> None:
        return


@asynccontextmanager
async def executor_for(
    market: MemoryMarket, home: Path, *, isolation: Isolation | None = None, silent_seconds: float = 20.0
) -> AsyncIterator[tuple[SandboxedExecutor, ArtifactCache]]:
    """An executor in the strongest sandbox of this machine, warm."""
    plan = JailPlan(level=choose(isolation), warm=RUNNER, root=home / "runs")
    cache = ArtifactCache(home / "cache", market.download, limit_bytes=1 << 30)
    policy = RunPolicy(memory_bytes=1 << 30, silent_seconds=silent_seconds)
    executor = SandboxedExecutor(plan, cache, METER, policy)
    try:
        await executor.start(secrets=())
        yield executor, cache
    finally:
        await executor.close()


def longer(job: Small, steps: int) -> TrainSpec:
    """The job's specification with units that take a while."""
    return replace(job.spec, steps_per_unit=steps, segment_steps=steps)


def job() -> Small:
    return small()
