"""Assignments as the API sees them: one object for leasing and receiving."""

from market.protocol.wire import (
    CommitReply,
    CommitSubmission,
    Heartbeat,
    HeartbeatReply,
    Lease,
    ReleaseSubmission,
)
from market.services.leasing import LeasingService
from market.services.receiving import ReceivingService


class AssignmentService:
    """lease, heartbeat, commit, release: see LeasingService and ReceivingService for what each may raise."""

    def __init__(self, leasing: LeasingService, receiving: ReceivingService) -> None:
        self._leasing, self._receiving = leasing, receiving

    async def lease(self, worker: str, wait_seconds: float) -> Lease | None:
        return await self._leasing.lease(worker, wait_seconds)

    async def heartbeat(self, assignment_id: str, worker: str, beat: Heartbeat) -> HeartbeatReply:
        return await self._leasing.heartbeat(assignment_id, worker, beat)

    async def commit(self, assignment_id: str, worker: str, submission: CommitSubmission) -> CommitReply:
        return await self._receiving.commit(assignment_id, worker, submission)

    async def release(self, assignment_id: str, worker: str, release: ReleaseSubmission) -> None:
        await self._leasing.release(assignment_id, worker, release)
