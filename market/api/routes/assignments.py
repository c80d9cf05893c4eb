"""Assignments: lease, keep, hand in, give back. The signer of each request is the worker."""

from typing import Annotated

from fastapi import APIRouter, Body, Response

from market.api import examples
from market.api.deps import AssignmentPath, Services, Signed, unless_stopping
from market.api.problems import problems
from market.domain.energy import JoulesImplausible
from market.protocol.requests import RequestExpired, RequestNotSigned, RequestWronglySigned
from market.protocol.tensors import TensorsMalformed
from market.protocol.typed import BadSignature
from market.protocol.wire import (
    CommitReply,
    CommitSubmission,
    Heartbeat,
    HeartbeatReply,
    Lease,
    LeaseRequest,
    ReleaseSubmission,
)
from market.services.authentication import RequestReplayed
from market.services.leasing import AssignmentUnknown, LeaseLost, NotYourAssignment, WorkerUnknown
from market.services.receiving import LateReveal, ReceiptRefused
from market.services.store import ArtifactUnknown

router = APIRouter(tags=["assignments"])

SIGNED = (RequestNotSigned, RequestWronglySigned, RequestExpired, RequestReplayed, BadSignature)
HELD = (AssignmentUnknown, NotYourAssignment, LeaseLost)


@router.post(
    "/assignments/lease",
    summary="Ask for work, and wait for it",
    response_model=Lease,
    responses={204: {"description": "No work came while you waited"}, **problems(*SIGNED, WorkerUnknown)},
)
async def lease(
    request: Annotated[LeaseRequest, Body(examples=[examples.LEASE])], services: Services, signed: Signed
) -> Lease | Response:
    found = await unless_stopping(services, services.assignments.lease(signed.address, request.wait_seconds))
    return found or Response(status_code=204)


@router.post(
    "/assignments/{assignment_id}/heartbeat",
    summary="Keep a lease, and say how far the work is",
    responses=problems(*SIGNED, *HELD),
)
async def heartbeat(
    assignment_id: AssignmentPath,
    beat: Annotated[Heartbeat, Body(examples=[examples.HEARTBEAT])],
    services: Services,
    signed: Signed,
) -> HeartbeatReply:
    return await services.assignments.heartbeat(assignment_id, signed.address, beat)


@router.post(
    "/assignments/{assignment_id}/commit",
    summary="Hand in a finished assignment with its signed receipt",
    responses=problems(
        *SIGNED, *HELD, LateReveal, ReceiptRefused, JoulesImplausible, TensorsMalformed, ArtifactUnknown
    ),
)
async def commit(
    assignment_id: AssignmentPath,
    submission: Annotated[CommitSubmission, Body(examples=[examples.COMMIT])],
    services: Services,
    signed: Signed,
) -> CommitReply:
    return await services.assignments.commit(assignment_id, signed.address, submission)


@router.post(
    "/assignments/{assignment_id}/release",
    summary="Give an assignment back, so that another worker can take it at once",
    status_code=204,
    responses=problems(*SIGNED, *HELD),
)
async def release(
    assignment_id: AssignmentPath,
    submission: Annotated[ReleaseSubmission, Body(examples=[examples.RELEASE])],
    services: Services,
    signed: Signed,
) -> None:
    await services.assignments.release(assignment_id, signed.address, submission)
