"""Bids: a buyer's signed, funded request becomes a job, or is refused by name."""

from typing import Annotated

from fastapi import APIRouter, Body

from market.api import examples
from market.api.deps import IdempotencyKey, Services
from market.api.problems import problems
from market.protocol.canonical import NotCanonical
from market.protocol.exact.jobs import NoWords
from market.protocol.exact.lower import CannotLower
from market.protocol.exact.terms import WrongCourt
from market.protocol.graph import ProgramMalformed
from market.protocol.programs import (
    OperatorNotAllowed,
    ProgramDoesNotFitJob,
    ProgramTooCostly,
    ProgramTooLarge,
    ProgramTooLong,
    ShapesDoNotFit,
)
from market.protocol.specs import BadSpec
from market.protocol.tensors import TensorsMalformed
from market.protocol.typed import BadSignature
from market.protocol.wire import BidSubmission, JobView
from market.services import admission
from market.services.bids import BidReplayed, EscrowTooSmall
from market.services.idempotency import (
    IdempotencyKeyMalformed,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    RequestInProgress,
)
from market.services.ports import ChainUnreachable
from market.services.programs import ArtifactMissing, StateNotFinite, WrongGigaflops
from market.services.signatures import DocumentNotSigned, MalformedDocument, WrongSigner

router = APIRouter(tags=["bids"])


@router.post(
    "/bids",
    summary="Hand in a signed, funded bid; it becomes a job",
    status_code=201,
    responses=problems(
        IdempotencyKeyMissing, IdempotencyKeyMalformed, DocumentNotSigned, BadSignature, WrongSigner,
        admission.BidNotForUs, BidReplayed, EscrowTooSmall, ArtifactMissing, IdempotencyKeyReused, RequestInProgress,
        admission.BidExpired, admission.JobTooLarge, MalformedDocument, NotCanonical, BadSpec,
        admission.SpecHashMismatch, admission.UnitsMismatch, admission.ExecutionClassMismatch,
        admission.ChallengeWindowTooShort, admission.ChallengeWindowTooLong, admission.DeadlineTooSoon,
        admission.DeadlineTooLate, WrongGigaflops, TensorsMalformed, ProgramMalformed, OperatorNotAllowed,
        ShapesDoNotFit, ProgramDoesNotFitJob, ProgramTooLarge, ProgramTooCostly, ProgramTooLong, CannotLower,
        NoWords, StateNotFinite, WrongCourt, ChainUnreachable,
    ),
)  # fmt: skip
async def post_bid(
    submission: Annotated[BidSubmission, Body(examples=[examples.BID])], services: Services, key: IdempotencyKey
) -> JobView:
    return await services.bids.submit(submission, idempotency_key=key)
