"""Receipts by their digest, each with everything needed to check it against the chain alone."""

from fastapi import APIRouter

from market.api.deps import DigestPath, Services
from market.api.problems import problems
from market.protocol.wire import ReceiptBundle, SignedAcceptance
from market.services.views import ReceiptNotCommitted, ReceiptSealed, ReceiptUnknown

router = APIRouter(tags=["receipts"])


@router.get(
    "/receipts/{digest}",
    summary="One receipt with its proof, once its unit is verified",
    responses=problems(ReceiptUnknown, ReceiptSealed, ReceiptNotCommitted),
)
async def read_receipt(digest: DigestPath, services: Services) -> ReceiptBundle:
    return await services.views.receipt(digest)


@router.get(
    "/receipts/{digest}/acceptance",
    summary="The operator's countersignature under a receipt: pay without the operator",
    responses=problems(ReceiptUnknown),
)
async def read_acceptance(digest: DigestPath, services: Services) -> SignedAcceptance:
    return await services.views.acceptance(digest)
