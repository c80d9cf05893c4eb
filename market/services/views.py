"""What readers of jobs and receipts are shown, put together from rows.

Decides forms only; changes nothing. What a receipt claims, and the output of its unit, is sealed until no audit can be
copied from it (market.domain.verification decides): the job view then has null for the artifact, the list of receipts
leaves the receipt out, and asking for it by its digest is refused by name. The digest itself tells nothing.
A job that is not on chain has the status NONE, or EXPIRED once its bid can no longer be opened: only an observed event
gives it another.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from market.db.models import Epoch, Job, JobRecordRow, OfferRow, OutboxTransaction, ReceiptRow, Unit
from market.db.repositories import jobs as job_rows
from market.db.repositories import work as work_rows
from market.db.repositories.chain import record_of
from market.db.repositories.people import offers_by_hash
from market.db.session import Database, ReadSession
from market.protocol.errors import CommonwattError
from market.protocol.jobs import JobRecord, opened
from market.protocol.receipts import build_bundle, receipt_leaf
from market.protocol.typed import Bid, Offer, Receipt, SigningDomain
from market.protocol.wire import JobView, MatchView, ReceiptBundle, Rejection, SignedAcceptance, UnitView
from market.protocol.words import JobStatus, TransactionStatus
from market.services.acceptances import signed_acceptance
from market.services.accounts import AccountsService
from market.services.projection import voided_of
from market.services.sealing import shows_artifact, unsealed
from market.services.signatures import parse_hex

SENT: Final = (TransactionStatus.BROADCAST, TransactionStatus.MINED, TransactionStatus.CONFIRMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUnknown(CommonwattError):
    """This market has no such job."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptUnknown(CommonwattError):
    """This market has no such receipt."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptNotCommitted(CommonwattError):
    """The receipt stands, but its root has not been seen on chain yet."""

    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptSealed(CommonwattError):
    """What the receipt claims is kept back until nobody can copy an audit from it: its unit is not verified yet."""

    digest: str
    unit: int


class ViewsService:
    """Reads jobs and receipts."""

    def __init__(self, database: Database, accounts: AccountsService, domain: SigningDomain) -> None:
        self._database, self._accounts, self._domain = database, accounts, domain

    async def job(self, job_id: str) -> JobView:
        """Return one job; raises JobUnknown."""
        async with self._database.read() as session:
            return await self.job_in(session, await self._require_job(session, job_id))

    async def jobs(self, *, buyer: str | None, after: str | None, limit: int) -> list[JobView]:
        """Return jobs newest first, of one buyer or of all. after: the last job id of the page before."""
        async with self._database.read() as session:
            last = await self._require_job(session, after) if after is not None else None
            rows = await job_rows.jobs_before(session, last, buyer=buyer, limit=limit)
            return [await self.job_in(session, row) for row in rows]

    async def job_in(self, session: ReadSession, job: Job) -> JobView:
        """Return a job's view inside the caller's transaction."""
        record = await record_of(session, job.job_id)
        units = await work_rows.units_of(session, job.job_id)
        digests = [unit.receipt_digest for unit in units if unit.receipt_digest is not None]
        receipts = await work_rows.receipts_by_digest(session, digests)
        bid = Bid.from_json(job.bid)
        job_over = record is not None and record.status.is_terminal
        lapsed = bid.expiry < await self._accounts.chain_now_in(session)
        unopened = JobStatus.EXPIRED if lapsed else JobStatus.NONE
        stands = JobRecord.from_json(record.record) if record else opened(bid)
        return JobView(
            job_id=job.job_id,
            status=record.status if record else unopened,
            buyer=bid.buyer,
            payer=bid.paying,
            revision=stands.revision,
            max_audits=stands.max_audits,
            closed_units=stands.closed_units,
            deadline=stands.deadline,
            spec=job.spec,
            bid=job.bid,
            units=[_unit_view(unit, receipts.get(unit.receipt_digest or ""), job_over=job_over) for unit in units],
            matches=_match_views(record) if record else [],
            rejections=[Rejection.model_validate(each) for each in job.rejections],
            paid_wei=str(record.paid_wei if record else 0),
            refund_wei=str(record.refund_wei if record else 0),
            transactions=_hashes_by_verb(await job_rows.transactions_of(session, job.job_id)),
            created_at=job.created_at,
        )

    async def receipt(self, digest: str) -> ReceiptBundle:
        """Return one receipt with its proof; raises ReceiptUnknown, ReceiptSealed or ReceiptNotCommitted."""
        async with self._database.read() as session:
            row = await work_rows.receipt_of(session, digest)
            if row is None:
                raise ReceiptUnknown(digest=digest)
            if not await unsealed(session, row.job_id, [row]):
                raise ReceiptSealed(digest=digest, unit=row.unit_index)
            bundles = await self._bundles(session, row.job_id, [row])
        if not bundles:
            raise ReceiptNotCommitted(digest=digest)
        return bundles[0]

    async def acceptance(self, digest: str) -> SignedAcceptance:
        """Return the operator's countersignature under a receipt, sealed or not; raises ReceiptUnknown."""
        async with self._database.read() as session:
            row = await work_rows.receipt_of(session, digest)
        found = signed_acceptance(row) if row is not None else None
        if found is None:
            raise ReceiptUnknown(digest=digest)
        return found

    async def receipts(self, job_id: str) -> list[ReceiptBundle]:
        """Return every receipt of the job under an observed root, but the voided and the sealed; raises JobUnknown."""
        async with self._database.read() as session:
            job = await self._require_job(session, job_id)
            found = await job_rows.committed_receipts(session, job.job_id)
            return await self._bundles(session, job.job_id, await unsealed(session, job.job_id, found))

    async def _require_job(self, session: ReadSession, job_id: str) -> Job:
        job = await job_rows.job_of(session, job_id)
        if job is None:
            raise JobUnknown(job_id=job_id)
        return job

    async def _bundles(self, session: ReadSession, job_id: str, rows: Sequence[ReceiptRow]) -> list[ReceiptBundle]:
        """Return the bundles of those rows whose epoch has been observed on chain."""
        epochs = {row.epoch: row for row in await work_rows.epochs_of(session, job_id) if row.block_number is not None}
        # What a countersignature has counted stands under its epoch without a place, and so has no proof.
        seen = [row for row in rows if row.epoch in epochs and row.leaf_index is not None]
        offers = await offers_by_hash(session, [row.offer_hash for row in seen])
        leaves: dict[int, list[bytes]] = {}
        for number in {row.epoch for row in seen if row.epoch is not None}:
            under_root = await work_rows.standing_receipts(session, job_id, epoch=number)
            leaves[number] = [
                receipt_leaf(parse_hex(each.digest), parse_hex(each.signature))
                for each in under_root
                if each.leaf_index is not None
            ]
        parts = [(row, epochs[row.epoch], offers[row.offer_hash]) for row in seen if row.epoch is not None]
        return await asyncio.to_thread(lambda: [_bundle(self._domain, *part, leaves[part[1].epoch]) for part in parts])


def _bundle(
    domain: SigningDomain, row: ReceiptRow, epoch: Epoch, offer: OfferRow, leaves: Sequence[bytes]
) -> ReceiptBundle:
    return build_bundle(
        domain=domain,
        receipt=Receipt.from_json(row.receipt),
        signature=parse_hex(row.signature),
        offer=Offer.from_json(offer.offer),
        offer_signature=parse_hex(offer.signature),
        epoch=epoch.epoch,
        leaves=leaves,
        commit_transaction=parse_hex(str(epoch.transaction_hash)),
    )


def _unit_view(unit: Unit, receipt: ReceiptRow | None, *, job_over: bool) -> UnitView:
    shown = receipt is not None and shows_artifact(unit, job_over=job_over)
    return UnitView(
        index=unit.unit_index,
        round=unit.round,
        status=unit.status,
        attempts=unit.attempts,
        worker=unit.worker,
        artifact=receipt.artifact.removeprefix("0x") if receipt and shown else None,
        receipt=unit.receipt_digest,
    )


def _match_views(record: JobRecordRow) -> list[MatchView]:
    voided = voided_of(record)
    job = JobRecord.from_json(record.record)
    return [
        MatchView(
            match_index=index,
            provider=entry.provider,
            worker=entry.worker,
            unit_price_wei=str(entry.unit_price_wei),
            bond_wei=str(job.bid.bond_wei),
            units=entry.units,
            audits=entry.audits,
            paid_units=entry.paid_units,
            paid_audits=entry.paid_audits,
            voided_units=voided[index].units if index in voided else 0,
        )
        for index, entry in enumerate(job.matches)
    ]


def _hashes_by_verb(transactions: Sequence[OutboxTransaction]) -> dict[str, list[str]]:
    """Return the hashes of what was sent for the job, by the first word of each intent."""
    hashes: dict[str, list[str]] = {}
    for row in transactions:
        if row.hash is not None and row.status in SENT:
            hashes.setdefault(row.intent.partition(":")[0], []).append(row.hash)
    return hashes
