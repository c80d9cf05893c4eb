"""Offers: providers' signed standing prices enter the book here."""

from typing import Annotated

from fastapi import APIRouter, Body

from market.api import examples
from market.api.deps import Services
from market.api.problems import problems
from market.protocol.canonical import NotCanonical
from market.protocol.typed import BadSignature
from market.protocol.wire import OfferSubmission, OfferView
from market.services import offers
from market.services.ports import ChainUnreachable
from market.services.signatures import DocumentNotSigned, MalformedDocument, WrongSigner

router = APIRouter(tags=["offers"])


@router.post(
    "/offers",
    summary="Put a signed offer into the book",
    status_code=201,
    responses=problems(
        DocumentNotSigned, BadSignature, WrongSigner, offers.OfferExpired, offers.OfferWithoutBond, offers.OfferRevoked,
        offers.OfferOutdated, offers.FingerprintMismatch, offers.WorkerOfAnotherProvider, MalformedDocument,
        NotCanonical, offers.FactsHashMismatch, ChainUnreachable,
    ),
)  # fmt: skip
async def post_offer(
    submission: Annotated[OfferSubmission, Body(examples=[examples.OFFER])], services: Services
) -> OfferView:
    return await services.offers.post(submission)


@router.get("/offers", summary="Each worker's newest valid offer")
async def list_offers(services: Services) -> list[OfferView]:
    return await services.offers.standing()
