"""A market's REST API as typed methods, for buyers, workers and verifiers alike.

Decides which route carries what and which requests are signed. Never decides what to buy, do or check; holds no job
state. Failures are `MarketProblem` with the market's own facts, or `MarketUnreachable`.
"""

import asyncio
from collections.abc import AsyncIterator
from copy import copy
from pathlib import Path
from typing import Final, Self, TypeVar

import httpx
from eth_account.signers.local import LocalAccount
from pydantic import BaseModel, TypeAdapter

from market.chain.deployment import Deployment
from market.client import artifacts, sse
from market.client.channel import DEFAULT_TIMEOUT_SECONDS, Channel
from market.client.problems import MarketUnreachable
from market.protocol.hashing import ArtifactId
from market.protocol.typed import SigningDomain
from market.protocol.wire import (
    AccountView,
    BidSubmission,
    CancelSubmission,
    ChainInfo,
    CommitReply,
    CommitSubmission,
    DepositSubmission,
    DepositView,
    ExtensionSubmission,
    Heartbeat,
    HeartbeatReply,
    JobEvent,
    JobView,
    Lease,
    LeaseRequest,
    OfferSubmission,
    OfferView,
    ReceiptBundle,
    ReleaseSubmission,
    SignedAcceptance,
    WorkerPresence,
    WorkerView,
)

# The market sends a comment every 15 s on an idle stream; two missed ones mean that nobody is there.
SSE_QUIET_SECONDS: Final = 40.0
SSE_PAUSE_SECONDS: Final = 1.0
POLL_MARGIN_SECONDS: Final = 10.0
FINAL_EVENTS: Final = frozenset({"job.settled", "job.expired", "job.lapsed"})

_Answer = TypeVar("_Answer", bound=BaseModel)


class MarketClient:
    """One market, as one account sees it. Without an account only reading works."""

    def __init__(
        self,
        base_url: str,
        account: LocalAccount | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        self._channel = Channel(base_url, account, transport=transport, timeout_seconds=timeout_seconds)
        self._chain: ChainInfo | None = None

    @property
    def base_url(self) -> str:
        return self._channel.base_url

    @property
    def account(self) -> LocalAccount | None:
        return self._channel.account

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._channel.aclose()

    def signing_as(self, account: LocalAccount) -> Self:
        """Return this market as another account sees it, over the same connections: only this client is closed."""
        other = copy(self)
        other._channel = self._channel.signing_as(account)
        return other

    async def chain(self) -> ChainInfo:
        """Return which chain and contracts the market works with; asked once, then remembered."""
        if self._chain is None:
            self._chain = await self._get("/v1/chain", ChainInfo)
        return self._chain

    async def deployment(self) -> Deployment:
        """Return the market's contracts as a deployment record. Check it against a node of your own choosing."""
        info = await self.chain()
        return Deployment.from_json(info.model_dump(exclude={"rpc_url"}) | {"deployed_block": 0})

    async def domain(self) -> SigningDomain:
        info = await self.chain()
        return SigningDomain(chain_id=info.chain_id, jobs=info.jobs)

    async def account_view(self, address: str) -> AccountView:
        return await self._get(f"/v1/accounts/{address}", AccountView)

    async def upload(self, path: Path) -> ArtifactId:
        """Upload a file unless the market has it; returns its content address."""
        return await artifacts.upload(self._channel, await self.domain(), path)

    async def upload_bytes(self, data: bytes) -> ArtifactId:
        """Upload bytes unless the market has them; returns their content address."""
        return await artifacts.upload_bytes(self._channel, await self.domain(), data)

    async def has_artifact(self, artifact: ArtifactId) -> bool:
        return await artifacts.exists(self._channel, artifact)

    async def download(self, artifact: ArtifactId, target: Path, *, limit_bytes: int | None = None) -> Path:
        """Download to `target`, whole and of the right hash or not at all."""
        limit = artifacts.DEFAULT_LIMIT_BYTES if limit_bytes is None else limit_bytes
        return await artifacts.download(self._channel, artifact, target, limit_bytes=limit)

    async def download_bytes(self, artifact: ArtifactId, *, limit_bytes: int = 64 << 20) -> bytes:
        return await artifacts.download_bytes(self._channel, artifact, limit_bytes=limit_bytes)

    async def submit_bid(self, submission: BidSubmission, *, idempotency_key: str) -> JobView:
        return await self._post("/v1/bids", submission, JobView, idempotency_key=idempotency_key)

    async def jobs(
        self, *, buyer: str | None = None, after: str | None = None, limit: int | None = None
    ) -> list[JobView]:
        """Return a page of jobs. after: the job id that ended the page before."""
        wanted = {"buyer": buyer, "after": after, "limit": None if limit is None else str(limit)}
        params = {name: value for name, value in wanted.items() if value is not None}
        return await self._list("/v1/jobs", JobView, params)

    async def job(self, job_id: str) -> JobView:
        return await self._get(f"/v1/jobs/{job_id}", JobView)

    async def cancel(self, job_id: str, submission: CancelSubmission, *, idempotency_key: str) -> JobView:
        return await self._post(f"/v1/jobs/{job_id}/cancel", submission, JobView, idempotency_key=idempotency_key)

    async def extend(self, job_id: str, submission: ExtensionSubmission, *, idempotency_key: str) -> JobView:
        return await self._post(f"/v1/jobs/{job_id}/extend", submission, JobView, idempotency_key=idempotency_key)

    async def deposit(self, submission: DepositSubmission, *, idempotency_key: str) -> DepositView:
        """Have the market send a deposit that its owner has signed for."""
        return await self._post("/v1/deposits", submission, DepositView, idempotency_key=idempotency_key)

    async def receipts(self, job_id: str) -> list[ReceiptBundle]:
        return await self._list(f"/v1/jobs/{job_id}/receipts", ReceiptBundle)

    async def receipt(self, digest: str) -> ReceiptBundle:
        return await self._get(f"/v1/receipts/{digest}", ReceiptBundle)

    async def acceptance(self, digest: str) -> SignedAcceptance:
        """Return the operator's word that a receipt counts."""
        return await self._get(f"/v1/receipts/{digest}/acceptance", SignedAcceptance)

    async def events(self, job_id: str, *, after: int = 0) -> AsyncIterator[JobEvent]:
        """Yield a job's events with sequence above `after` until the job is over.

        A broken stream is resumed where it broke. Raises MarketProblem when the market refuses, MarketUnreachable when
        it cannot be reached at first asking.
        """
        reached = is_over = False
        while not is_over:
            came = 0
            try:
                async for event in self._events_once(job_id, after):
                    reached, came, after = True, came + 1, max(after, event.sequence)
                    is_over = event.kind in FINAL_EVENTS
                    yield event
                # A matched job that was cancelled goes on for a while, and an unmatched one does not: the status knows.
                is_over = is_over or (came == 0 and (await self.job(job_id)).status.is_terminal)
                reached = True
            except MarketUnreachable:
                if not reached:
                    raise
            if not is_over:
                await asyncio.sleep(SSE_PAUSE_SECONDS)

    async def submit_offer(self, submission: OfferSubmission) -> OfferView:
        return await self._post("/v1/offers", submission, OfferView)

    async def offers(self) -> list[OfferView]:
        return await self._list("/v1/offers", OfferView)

    async def put_worker(self, presence: WorkerPresence) -> WorkerView:
        """Tell the market that this account's worker is there, drains, or verifies."""
        address = self._channel.account.address if self._channel.account else "0x"
        body = presence.model_dump_json().encode()
        reply = await self._channel.call("PUT", f"/v1/workers/{address}", body=body, domain=await self.domain())
        return WorkerView.model_validate_json(reply.content)

    async def workers(self) -> list[WorkerView]:
        return await self._list("/v1/workers", WorkerView)

    async def worker(self, address: str) -> WorkerView:
        return await self._get(f"/v1/workers/{address}", WorkerView)

    async def lease(self, *, wait_seconds: float = 20.0) -> Lease | None:
        """Ask for work and wait for it; None when none came within wait_seconds (at most 25)."""
        reply = await self._channel.call(
            "POST",
            "/v1/assignments/lease",
            body=LeaseRequest(wait_seconds=wait_seconds).model_dump_json().encode(),
            domain=await self.domain(),
            timeout_seconds=wait_seconds + POLL_MARGIN_SECONDS,
        )
        return None if reply.status_code == httpx.codes.NO_CONTENT else Lease.model_validate_json(reply.content)

    async def heartbeat(self, assignment_id: str, *, epoch: int, step: int) -> HeartbeatReply:
        """Prolong a lease; raises AssignmentLost when it is over."""
        beat = Heartbeat(epoch=epoch, step=step)
        return await self._post(f"/v1/assignments/{assignment_id}/heartbeat", beat, HeartbeatReply)

    async def commit(self, assignment_id: str, submission: CommitSubmission) -> CommitReply:
        """Hand in a finished assignment; raises AssignmentLost when it is no longer this worker's."""
        return await self._post(f"/v1/assignments/{assignment_id}/commit", submission, CommitReply)

    async def release(self, assignment_id: str, submission: ReleaseSubmission) -> None:
        """Give an assignment back undone; raises AssignmentLost when it is no longer this worker's."""
        body = submission.model_dump_json().encode()
        path = f"/v1/assignments/{assignment_id}/release"
        await self._channel.call("POST", path, body=body, domain=await self.domain())

    async def _events_once(self, job_id: str, after: int) -> AsyncIterator[JobEvent]:
        headers = {"accept": "text/event-stream", "last-event-id": str(after)}
        path = f"/v1/jobs/{job_id}/events"
        async with self._channel.stream(path, headers=headers, quiet_seconds=SSE_QUIET_SECONDS) as response:
            async for event in sse.parse(response.aiter_lines()):
                yield JobEvent.model_validate_json(event.data)

    async def _get(self, path: str, kind: type[_Answer]) -> _Answer:
        return kind.model_validate_json((await self._channel.call("GET", path)).content)

    async def _list(self, path: str, kind: type[_Answer], params: dict[str, str] | None = None) -> list[_Answer]:
        reply = await self._channel.call("GET", path, params=params)
        page: list[_Answer] = TypeAdapter(list[kind]).validate_json(reply.content)  # type: ignore[valid-type]
        return page

    async def _post(
        self, path: str, body: BaseModel, kind: type[_Answer], *, idempotency_key: str | None = None
    ) -> _Answer:
        reply = await self._channel.call(
            "POST",
            path,
            body=body.model_dump_json().encode(),
            domain=await self.domain(),
            idempotency_key=idempotency_key,
        )
        return kind.model_validate_json(reply.content)
