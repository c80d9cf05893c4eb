"""Jobs: what became of a bid, as views, as events, and as receipts."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Body, Header, Query
from fastapi.responses import StreamingResponse

from market.api import examples
from market.api.deps import IdempotencyKey, JobPath, Limit, Services
from market.api.problems import problems
from market.protocol.typed import BadSignature
from market.protocol.wire import Address, CancelSubmission, ExtensionSubmission, Hex32, JobEvent, JobView, ReceiptBundle
from market.services.admission import DeadlineTooLate, UnitsMismatch
from market.services.bids import EscrowTooSmall, JobAlreadyEnded, JobNotOnChain
from market.services.extensions import ExtensionOutdated, ExtensionTakesBack, ExtensionTooLate
from market.services.idempotency import IdempotencyKeyMissing, IdempotencyKeyReused, RequestInProgress
from market.services.ports import ChainUnreachable
from market.services.signatures import DocumentNotSigned, MalformedDocument, WrongSigner
from market.services.views import JobUnknown

router = APIRouter(tags=["jobs"])


@router.get("/jobs", summary="Jobs, newest first", responses=problems(JobUnknown))
async def list_jobs(
    services: Services,
    buyer: Annotated[Address | None, Query(description="Only this buyer's jobs")] = None,
    after: Annotated[Hex32 | None, Query(description="The last job id of the page before")] = None,
    limit: Limit = 50,
) -> list[JobView]:
    return await services.views.jobs(buyer=buyer, after=after, limit=limit)


@router.get("/jobs/{job_id}", summary="One job with its units, matches and rejections", responses=problems(JobUnknown))
async def read_job(job_id: JobPath, services: Services) -> JobView:
    return await services.views.job(job_id)


@router.get(
    "/jobs/{job_id}/events",
    summary="The job's events as they happen (server-sent events)",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events named by their kind; the data is a JobEvent, the id its sequence number",
            "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/JobEvent"}}},
            "model": JobEvent,
        },
        **problems(JobUnknown),
    },
)
async def watch_job(
    job_id: JobPath,
    services: Services,
    last_event_id: Annotated[int, Header(ge=0, description="Resume after this sequence number")] = 0,
) -> StreamingResponse:
    stored_id = await services.events.require_job(job_id)
    stream = services.events.stream(stored_id, after=last_event_id, stopping=services.stopping)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_as_text(stream), media_type="text/event-stream", headers=headers)


@router.post(
    "/jobs/{job_id}/cancel",
    summary="Call a job off; the chain decides when it ends",
    status_code=202,
    responses=problems(
        IdempotencyKeyMissing, DocumentNotSigned, BadSignature, WrongSigner, JobUnknown, JobNotOnChain, JobAlreadyEnded,
        IdempotencyKeyReused, RequestInProgress,
    ),
)  # fmt: skip
async def cancel_job(
    job_id: JobPath,
    submission: Annotated[CancelSubmission, Body(examples=[examples.CANCEL])],
    services: Services,
    key: IdempotencyKey,
) -> JobView:
    return await services.bids.cancel(job_id, submission, idempotency_key=key)


@router.post(
    "/jobs/{job_id}/extend",
    summary="Give a running job more time or more audits; the chain decides when it has them",
    status_code=202,
    responses=problems(
        IdempotencyKeyMissing, DocumentNotSigned, BadSignature, WrongSigner, JobUnknown, JobNotOnChain, JobAlreadyEnded,
        EscrowTooSmall, ExtensionOutdated, IdempotencyKeyReused, RequestInProgress, ExtensionTooLate, MalformedDocument,
        UnitsMismatch, ExtensionTakesBack, DeadlineTooLate, ChainUnreachable,
    ),
)  # fmt: skip
async def extend_job(
    job_id: JobPath,
    submission: Annotated[ExtensionSubmission, Body(examples=[examples.EXTENSION])],
    services: Services,
    key: IdempotencyKey,
) -> JobView:
    return await services.extensions.submit(job_id, submission, idempotency_key=key)


@router.get(
    "/jobs/{job_id}/receipts",
    summary="Every receipt of the job that stands under an on-chain root and is not sealed",
    responses=problems(JobUnknown),
)
async def list_receipts(job_id: JobPath, services: Services) -> list[ReceiptBundle]:
    return await services.views.receipts(job_id)


async def _as_text(events: AsyncIterator[JobEvent | None]) -> AsyncIterator[str]:
    """Yield the stream's text: a comment first, so that the watcher knows it is heard, and in every silence."""
    yield ": watching\n\n"
    async for event in events:
        if event is None:
            yield ": still here\n\n"
        else:
            yield f"id: {event.sequence}\nevent: {event.kind}\ndata: {event.model_dump_json()}\n\n"
