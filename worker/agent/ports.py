"""What the agent needs from a market, from a chain and from whoever executes units, as narrow protocols.

Decides names only. `market.client.http.MarketClient` and `market.chain.gateway.ChainGateway` fit the first two as they
are; tests put in-memory ones in their place. The errors that the methods raise are those of `market.client.problems`
and `market.chain.errors`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from market.chain.gateway import Sent
from market.chain.values import Bond, Challenge
from market.protocol.hashing import ArtifactId
from market.protocol.wire import (
    ChallengeCase,
    CommitReply,
    CommitSubmission,
    HeartbeatReply,
    Lease,
    ReleaseSubmission,
    WorkerPresence,
    WorkerView,
)
from worker.agent.outcome import Outcome


class Market(Protocol):
    """The market as a running worker uses it."""

    async def put_worker(self, presence: WorkerPresence) -> WorkerView: ...

    async def lease(self, *, wait_seconds: float) -> Lease | None: ...

    async def heartbeat(self, assignment_id: str, *, epoch: int, step: int) -> HeartbeatReply: ...

    async def commit(self, assignment_id: str, submission: CommitSubmission) -> CommitReply: ...

    async def release(self, assignment_id: str, submission: ReleaseSubmission) -> None: ...

    async def upload(self, path: Path) -> ArtifactId: ...

    async def download(self, artifact: ArtifactId, target: Path, *, limit_bytes: int | None = None) -> Path: ...


class Chain(Protocol):
    """The contracts as a running worker uses them, with its own key."""

    @property
    def address(self) -> str: ...

    async def bond(self, account: str) -> Bond: ...

    async def idle_bond_wei(self, account: str) -> int: ...

    async def release_bond(self) -> Sent: ...

    async def challenge_lock_wei(self) -> int: ...

    async def challenge(self, case: ChallengeCase) -> Sent: ...

    async def challenge_exact(self, case: ChallengeCase, claim: Any, *, contests_input: bool) -> Sent: ...

    async def challenge_of(self, challenge_id: int) -> Challenge: ...

    async def vote(self, challenge_id: int, *, trace_root: bytes, salt: bytes) -> Sent: ...

    async def reveal(self, challenge_id: int, *, trace_root: bytes, salt: bytes) -> Sent: ...

    async def job_credit_wei(self, account: str) -> int: ...

    async def bond_credit_wei(self, account: str) -> int: ...

    async def claim_jobs(self, account: str | None = None) -> Sent: ...

    async def claim_bonds(self, account: str | None = None) -> Sent: ...


class Executor(Protocol):
    """Whoever executes units."""

    async def execute(self, lease: Lease, on_step: Callable[[int], None]) -> Outcome:
        """Return what the unit came to; raises CommonwattError. Cancelling it kills the run."""
