"""A job's whole life as verbs: what an operator sends, and what anybody may send once the operator falls silent.

Decides how acts on jobs are encoded. Each is sent by the gateway that it is given, and the contract says who may:
`open_job`, `match_offers`, `commit`, `extend` and `settle_part` are the operator's; `settle`, `expire` and
`settle_receipt` are anybody's; `cancel` is the buyer's, or anybody's who shows the buyer's signature. The record that
an act leaves is for `market.protocol.jobs`.
"""

from collections.abc import Sequence

from market.chain.authorizations import Authorization
from market.chain.gateway import ChainGateway, Sent
from market.protocol.jobs import JobRecord, WorkDone, charge_tuple, encode_work
from market.protocol.typed import Acceptance, Bid, Extension, Offer, Receipt

SignedOffer = tuple[Offer, bytes]


async def open_job(
    gateway: ChainGateway,
    bid: Bid,
    signature: bytes,
    offers: Sequence[SignedOffer] = (),
    *,
    sponsorship: bytes = b"",
) -> Sent:
    """Open a job, with its first matches if offers are given. sponsorship: the payer's, unless the buyer pays."""
    if not offers:
        return await gateway.send("Jobs", "open", bid, signature, sponsorship)
    documents, signatures = in_order(offers)
    return await gateway.send("Jobs", "openAndMatch", bid, signature, sponsorship, documents, signatures)


async def match_offers(gateway: ChainGateway, job: JobRecord, offers: Sequence[SignedOffer]) -> Sent:
    documents, signatures = in_order(offers)
    return await gateway.send("Jobs", "matchOffers", job, job.places_tuple(), documents, signatures)


async def commit(gateway: ChainGateway, job: JobRecord, root: bytes, work: Sequence[WorkDone]) -> Sent:
    """work: in rising order of the match indexes."""
    return await gateway.send("Jobs", "commit", job, root, encode_work(work))


async def extend(gateway: ChainGateway, job: JobRecord, extension: Extension, signature: bytes) -> Sent:
    """signature: of whoever pays."""
    return await gateway.send("Jobs", "extend", job, extension, signature)


async def settle(gateway: ChainGateway, job: JobRecord) -> Sent:
    return await gateway.send("Jobs", "settle", job, job.places_tuple())


async def settle_part(gateway: ChainGateway, job: JobRecord) -> Sent:
    """Pay what stands of a running job; its units so far are closed, and can no longer be challenged."""
    return await gateway.send("Jobs", "settlePart", job, job.places_tuple())


async def expire(gateway: ChainGateway, job: JobRecord) -> Sent:
    return await gateway.send("Jobs", "expire", job, job.places_tuple())


async def cancel(gateway: ChainGateway, job: JobRecord, signature: bytes = b"") -> Sent:
    """signature: the buyer's, or empty where this wallet is the buyer's."""
    return await gateway.send("Jobs", "cancel", job, signature)


async def settle_receipt(
    gateway: ChainGateway,
    job: JobRecord,
    receipt: Receipt,
    signature: bytes,
    *,
    acceptance: Acceptance,
    countersignature: bytes,
) -> Sent:
    """Have a countersigned receipt counted that the operator has left out. Raises ValueError without such a match."""
    index = job.match_of(receipt.worker)
    if index is None:
        raise ValueError(f"{receipt.worker} is not matched to the job")
    charge = charge_tuple(job, index, receipt, signature)
    return await gateway.send("Jobs", "settleReceipt", charge, acceptance, countersignature)


async def relay_authorization(gateway: ChainGateway, authorization: Authorization) -> Sent:
    """Add the owner's escrow with an authorization to the Jobs contract; this wallet pays the gas."""
    amount_wei, valid_after, valid_before, signature = authorization.to_tuple()
    words = amount_wei, valid_after, valid_before, authorization.nonce, signature
    return await gateway.send("Jobs", "depositWithAuthorization", authorization.owner, *words)


def in_order(offers: Sequence[SignedOffer]) -> tuple[list[Offer], list[bytes]]:
    """Return offers and signatures in rising order of the workers, as one call wants them."""
    ordered = sorted(offers, key=lambda signed: int(signed[0].worker, 16))
    return [offer for offer, _ in ordered], [signature for _, signature in ordered]
