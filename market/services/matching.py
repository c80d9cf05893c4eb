"""Brings bids and offers together and promises the match on chain.

Gathers the book, asks market.domain.matching, stores why the others were not chosen, and enqueues one transaction.
Nothing is leased because of it: work starts only when the JobMatched event has been observed.
"""

from dataclasses import asdict

from market.db.models import Account, Job, OfferRow, WorkerRow
from market.db.repositories import chain as chain_rows
from market.db.repositories import work as rows
from market.db.repositories.accounts import matchable_bond_wei
from market.db.repositories.events import record_event
from market.db.repositories.running import enqueue_task
from market.db.session import Database, WriteSession
from market.domain.matching import Matching, StandingOffer, match
from market.domain.policy import Policy
from market.protocol.jobs import JobRecord
from market.protocol.typed import Bid, Offer
from market.protocol.words import ExecutionClass
from market.services.clock import Clock
from market.services.indexing import IndexingService
from market.services.intents import Intents
from market.services.wakeups import Wakeups

RETRY_MS = 1_000


class MatchingService:
    """Matches one job at a time."""

    def __init__(
        self,
        database: Database,
        indexing: IndexingService,
        intents: Intents,
        policy: Policy,
        *,
        clock: Clock,
        wakeups: Wakeups,
    ) -> None:
        self._database, self._indexing, self._intents, self._policy = database, indexing, intents, policy
        self._clock, self._wakeups = clock, wakeups

    async def match_job(self, job_id: str) -> None:
        """Match a job that is not open on chain yet, or one whose remaining units nobody present may take.

        The projection is brought level first: a bond deposited a moment before the bid counts. Raises ChainUnreachable.
        """
        while (await self._indexing.advance()).behind:
            pass
        async with self._database.write() as session:
            job = await session.get_one(Job, job_id)
            record_row = await chain_rows.record_of(session, job_id)
            if record_row is not None and record_row.status.is_terminal:
                return
            record = JobRecord.from_json(record_row.record) if record_row else None
            await self._match(session, job, record)
        self._wakeups.wake("transactions")

    async def _match(self, session: WriteSession, job: Job, record: JobRecord | None) -> None:
        bid = Bid.from_json(job.bid)
        now_ms = self._clock.now_ms()
        if record is None and bid.expiry <= now_ms // 1000:
            await record_event(session, job.job_id, "job.lapsed", now_ms, expiry=bid.expiry)
            return
        taken = {entry.worker.lower() for entry in record.matches} if record else set()
        book = {o.offer_hash: o for o in await rows.newest_offers(session, valid_at=now_ms // 1000)}
        alike = await self._fingerprint_of(session, record)
        open_offers = [o for o in book.values() if o.worker not in taken and alike in {None, o.fingerprint}]
        standing = [await self._standing(session, offer, now_ms) for offer in open_offers]
        found = match(bid, standing, self._policy, now=now_ms // 1000)
        self._remember_rejections(job, found)
        if found.chosen:
            offers = [(item.offer, _signature(book, item)) for item in found.chosen]
            await self._promise(session, job, bid, record, offers)
        elif record is None:
            await enqueue_task(session, "match_job", job.job_id, run_after_ms=now_ms + RETRY_MS)

    async def _fingerprint_of(self, session: WriteSession, record: JobRecord | None) -> str | None:
        """Return what later machines must be equal to; None while nobody is matched, and for exact work."""
        if record is None or not record.matches or record.bid.execution_class is ExecutionClass.EXACT:
            return None
        return (await session.get_one(OfferRow, "0x" + record.matches[0].offer_hash.hex())).fingerprint

    async def _promise(
        self, session: WriteSession, job: Job, bid: Bid, record: JobRecord | None, offers: list[tuple[Offer, bytes]]
    ) -> None:
        if record is None:
            signature, sponsorship = bytes.fromhex(job.signature[2:]), bytes.fromhex((job.sponsorship or "0x")[2:])
            await self._intents.open_and_match(session, job.job_id, bid, signature, offers, sponsorship=sponsorship)
        else:
            await self._intents.match_offers(session, job.job_id, record, offers)

    async def _standing(self, session: WriteSession, row: OfferRow, now_ms: int) -> StandingOffer:
        worker = await session.get(WorkerRow, row.worker)
        account = await session.get(Account, row.provider)
        free_wei = 0
        if account is not None and row.nonce >= account.offer_floor:
            free_wei = matchable_bond_wei(account)
        return StandingOffer(
            offer=Offer.from_json(row.offer),
            offer_hash=bytes.fromhex(row.offer_hash[2:]),
            free_bond_wei=free_wei,
            seconds_silent=now_ms / 1000 - worker.last_seen if worker else float("inf"),
            draining=worker.draining if worker else False,
            streak=worker.streak if worker else 0,
            checks_only=worker.checks_only if worker else False,
        )

    def _remember_rejections(self, job: Job, found: Matching) -> None:
        job.rejections = [{**asdict(item), "reason": item.reason.value} for item in found.rejected]


def _signature(book: dict[str, OfferRow], item: StandingOffer) -> bytes:
    return bytes.fromhex(book["0x" + item.offer_hash.hex()].signature[2:])
