"""Receipts by their digest, each with everything needed to check it against the chain alone."""

from fastapi import APIRouter

from market.api.deps import DigestPath, Services
from market.api.problems import problems
from market.protocol.wire import ReceiptBundle
from market.services.views import ReceiptNotCommitted, ReceiptSealed, ReceiptUnknown

router = APIRouter(tags=["receipts"])


@router.get(
    "/receipts/{digest}",
    summary="One receipt with its proof, once its unit is verified",
    responses=problems(ReceiptUnknown, ReceiptSealed, ReceiptNotCommitted),
)
async def read_receipt(digest: DigestPath, services: Services) -> ReceiptBundle:
    return await services.views.receipt(digest)
