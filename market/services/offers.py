"""Providers' standing prices: which signed offers enter the book.

Decides that an offer is its provider's, current, backed by a bond, and about the machine that its worker announces.
What it is good for is decided at matching, bid by bid.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from market.db.models import OfferRow
from market.db.repositories.accounts import unopened_job_ids
from market.db.repositories.people import newest_offer_of, offer_of
from market.db.repositories.running import enqueue_task
from market.db.repositories.work import newest_offers, worker_of
from market.db.session import Database, WriteSession
from market.domain.policy import Policy
from market.protocol import canonical
from market.protocol.errors import CommonwattError
from market.protocol.typed import Offer
from market.protocol.wire import OfferSubmission, OfferView
from market.services.accounts import AccountsService
from market.services.clock import Clock
from market.services.signatures import MalformedDocument, Signatures, parse_hex
from market.services.wakeups import Wakeups


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferExpired(CommonwattError):
    """The offer is no longer valid."""

    valid_until: int
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRevoked(CommonwattError):
    """The offer's nonce is below the floor that its provider set by revoking."""

    nonce: int
    floor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferOutdated(CommonwattError):
    """A newer offer of the same worker stands: a nonce must be higher than the last one."""

    nonce: int
    newest_nonce: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferWithoutBond(CommonwattError):
    """The provider's free bond is below this market's minimum."""

    provider: str
    bond_wei: int
    required_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsHashMismatch(CommonwattError):
    """The offer signs other hardware facts than those sent with it."""

    expected: str
    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintMismatch(CommonwattError):
    """The offer is about another machine than the one its worker announced."""

    offered: str
    announced: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOfAnotherProvider(CommonwattError):
    """The offer names a worker that has announced another provider."""

    worker: str
    provider: str


class OffersService:
    """Keeps the book of offers."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        wakeups: Wakeups,
        policy: Policy,
        signatures: Signatures,
        accounts: AccountsService,
    ) -> None:
        self._database, self._clock, self._wakeups = database, clock, wakeups
        self._policy, self._signatures, self._accounts = policy, signatures, accounts

    async def post(self, submission: OfferSubmission) -> OfferView:
        """Put an offer into the book; the same offer again changes nothing.

        Raises MalformedDocument, BadSignature, WrongSigner, ChainUnreachable or an error of this module.
        """
        offer = parse_offer(submission.offer)
        await self._signatures.require(offer, parse_hex(submission.signature), signer=offer.provider)
        _require_facts(offer, submission.facts)
        now = await self._accounts.chain_now()
        if offer.valid_until <= now:
            raise OfferExpired(valid_until=offer.valid_until, now=now)
        await self._require_bond(offer)
        offer_hash = "0x" + self._signatures.digest(offer).hex()
        async with self._database.write() as session:
            if await offer_of(session, offer_hash) is None:
                await self._require_current(session, offer)
                session.add(self._row(offer, offer_hash, submission))
                await match_waiting_jobs(session)
        self._wakeups.wake("tasks")
        return OfferView(
            offer_hash=offer_hash, offer=offer.to_json(), signature=submission.signature, facts=submission.facts
        )

    async def standing(self) -> list[OfferView]:
        """Return each worker's newest valid offer."""
        now = await self._accounts.chain_now()
        async with self._database.read() as session:
            rows = await newest_offers(session, valid_at=now)
        return [
            OfferView(offer_hash=row.offer_hash, offer=row.offer, signature=row.signature, facts=row.facts)
            for row in rows
        ]

    async def _require_bond(self, offer: Offer) -> None:
        required_wei = self._policy.min_bond_wei
        bond_wei = await self._accounts.free_bond_wei(offer.provider, enough_wei=required_wei)
        if bond_wei < required_wei:
            raise OfferWithoutBond(provider=offer.provider, bond_wei=bond_wei, required_wei=required_wei)

    async def _require_current(self, session: WriteSession, offer: Offer) -> None:
        floor = await self._accounts.offer_floor_in(session, offer.provider)
        if offer.nonce < floor:
            raise OfferRevoked(nonce=offer.nonce, floor=floor)
        newest = await newest_offer_of(session, offer.worker)
        if newest is not None and newest.provider == offer.provider.lower() and offer.nonce <= newest.nonce:
            raise OfferOutdated(nonce=offer.nonce, newest_nonce=newest.nonce)
        worker = await worker_of(session, offer.worker)
        if worker is None:
            return
        if worker.provider != offer.provider.lower():
            raise WorkerOfAnotherProvider(worker=offer.worker, provider=worker.provider)
        offered = "0x" + offer.fingerprint.hex()
        if worker.fingerprint != offered:
            raise FingerprintMismatch(offered=offered, announced=worker.fingerprint)

    def _row(self, offer: Offer, offer_hash: str, submission: OfferSubmission) -> OfferRow:
        return OfferRow(
            offer_hash=offer_hash,
            provider=offer.provider,
            worker=offer.worker,
            price_wei_per_gigaflop=offer.price_wei_per_gigaflop,
            fingerprint="0x" + offer.fingerprint.hex(),
            valid_until=offer.valid_until,
            nonce=offer.nonce,
            offer=offer.to_json(),
            signature=submission.signature,
            facts=submission.facts,
            created_at=self._clock.now_ms() // 1000,
        )


async def match_waiting_jobs(session: WriteSession) -> None:
    """Bring forward the matching of every bid that still waits for somebody to take it."""
    for job_id in await unopened_job_ids(session):
        await enqueue_task(session, "match_job", job_id)


def parse_offer(document: dict[str, Any]) -> Offer:
    """Return the offer; raises MalformedDocument."""
    try:
        return Offer.from_json(document)
    except ValueError as error:
        raise MalformedDocument(document="Offer", reason=str(error)) from error


def _require_facts(offer: Offer, facts: dict[str, Any]) -> None:
    actual = hashlib.sha256(canonical.encode(facts)).digest()
    if actual != offer.facts_hash:
        raise FactsHashMismatch(expected="0x" + offer.facts_hash.hex(), actual="0x" + actual.hex())
