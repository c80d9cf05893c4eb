"""Deposits: escrow that its owner signs for and the market sends."""

from typing import Annotated

from fastapi import APIRouter, Body

from market.api import examples
from market.api.deps import IdempotencyKey, Services
from market.api.problems import problems
from market.protocol.wire import DepositSubmission, DepositView
from market.services.deposits import DepositRefused, DepositTooSmall
from market.services.idempotency import (
    IdempotencyKeyMalformed,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    RequestInProgress,
)
from market.services.ports import ChainUnreachable
from market.services.signatures import DocumentNotSigned, MalformedDocument

router = APIRouter(tags=["deposits"])


@router.post(
    "/deposits",
    summary="Have the market send a deposit that its owner has signed: the owner needs no gas",
    status_code=202,
    responses=problems(
        IdempotencyKeyMissing, IdempotencyKeyMalformed, DocumentNotSigned, DepositRefused, IdempotencyKeyReused,
        RequestInProgress, MalformedDocument, DepositTooSmall, ChainUnreachable,
    ),
)  # fmt: skip
async def post_deposit(
    submission: Annotated[DepositSubmission, Body(examples=[examples.DEPOSIT])], services: Services, key: IdempotencyKey
) -> DepositView:
    return await services.deposits.relay(submission, idempotency_key=key)
