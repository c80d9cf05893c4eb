"""The on-chain job record and how each event changes it.

The contract stores one hash per job; the record itself is rebuilt from logs by `opened`, `matched`, `committed`,
`extended`, `paid_in_part`, `settled`, `expired` and `cancelled`, each the twin of what the act behind the event does in
`contracts/src/{Orders,Jobs}.sol`. `JobRecord.hash()` must equal `Jobs.jobHashOf(jobId)` at every step, and an
integration test walks them together.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Self

from eth_abi.abi import encode as abi_encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from market.protocol.typed import Bid, Extension, Receipt
from market.protocol.words import JobStatus

BURNED = "0x000000000000000000000000000000000000dEaD"  # where `Bonds.BURNED` sends what nobody may have
CANCELLED_REVISION: Final = 2**32 - 1  # final, so that no extension can undo a cancel
NONE_VOIDED: Final[Mapping[int, int]] = MappingProxyType({})

_BID = "(address,address,address,bytes32,uint32,uint32,uint64,uint128,uint128,uint8,uint32,uint64,uint64,uint256)"
_PLACE = "(address,address,uint128)"
_JOB = f"({_BID},uint8,uint32,uint32,uint32,uint32,uint32,uint64,uint64,bytes32,bytes)"
_COUNT = struct.Struct(">4I")  # sixteen bytes a match, as `libraries/Counts.sol` reads them
_WORK = struct.Struct(">3I")  # twelve bytes an entry, as `libraries/Works.sol` reads them


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchEntry:
    """One provider's place in one job, and what was done there.

    units, audits: committed so far. paid_units, paid_audits: how many of those that stand were paid.
    offer_hash: the digest of the offer, from the event; no part of what is hashed.
    """

    provider: str
    worker: str
    unit_price_wei: int
    units: int = 0
    audits: int = 0
    paid_units: int = 0
    paid_audits: int = 0
    offer_hash: bytes = b""

    def place_tuple(self) -> tuple[str, str, int]:
        return (to_checksum_address(self.provider), to_checksum_address(self.worker), self.unit_price_wei)

    def counts(self) -> bytes:
        return _COUNT.pack(self.units, self.audits, self.paid_units, self.paid_audits)

    @property
    def paid_wei(self) -> int:
        return (self.paid_units + self.paid_audits) * self.unit_price_wei

    def to_json(self) -> dict[str, Any]:
        """Return the wire form: amounts as decimal strings, the offer hash as 0x hex."""
        return {
            "provider": self.provider, "worker": self.worker, "offer_hash": "0x" + self.offer_hash.hex(),
            "unit_price_wei": str(self.unit_price_wei), "units": self.units, "audits": self.audits,
            "paid_units": self.paid_units, "paid_audits": self.paid_audits,
        }  # fmt: skip

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Invert to_json; raises KeyError or ValueError for another form."""
        return cls(
            provider=to_checksum_address(document["provider"]),
            worker=to_checksum_address(document["worker"]),
            offer_hash=bytes.fromhex(document["offer_hash"].removeprefix("0x")),
            unit_price_wei=int(document["unit_price_wei"]),
            units=int(document["units"]),
            audits=int(document["audits"]),
            paid_units=int(document["paid_units"]),
            paid_audits=int(document["paid_audits"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkDone:
    """What one commit adds to one match."""

    match_index: int
    units: int
    audits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """The whole record of a job: what the contract hashes, and beside it the matches behind its hashes.

    units, max_audits: the bid's, or more once extended. closed_units: units below this number were paid in part and can
    no longer be challenged.
    """

    bid: Bid
    status: JobStatus
    epoch: int
    revision: int
    units: int
    max_audits: int
    closed_units: int
    deadline: int
    committed_at: int
    matches: tuple[MatchEntry, ...]

    def to_tuple(self) -> tuple[Any, ...]:
        """Return the values of `Job` in contract order, as the ABI wants them."""
        return (
            self.bid.to_tuple(), self.status.on_chain, self.epoch, self.revision, self.units, self.max_audits,
            self.closed_units, self.deadline, self.committed_at, self.places_hash(),
            b"".join(entry.counts() for entry in self.matches),
        )  # fmt: skip

    def places_tuple(self) -> list[tuple[str, str, int]]:
        """Return the places that some acts take beside the job, as the ABI wants them."""
        return [entry.place_tuple() for entry in self.matches]

    def places_hash(self) -> bytes:
        return bytes(keccak(b"".join(abi_encode([_PLACE], [place]) for place in self.places_tuple())))

    def hash(self) -> bytes:
        """Return keccak256(abi.encode(job)) with the last bit cleared, what the contract stores of it."""
        word = bytes(keccak(abi_encode([_JOB], [self.to_tuple()])))
        return word[:-1] + bytes([word[-1] & 0xFE])

    def to_json(self) -> dict[str, Any]:
        """Return the wire form that a ChallengeCase carries."""
        return {
            "bid": self.bid.to_json(), "status": self.status.value, "epoch": self.epoch, "revision": self.revision,
            "units": self.units, "max_audits": self.max_audits, "closed_units": self.closed_units,
            "deadline": str(self.deadline), "committed_at": str(self.committed_at),
            "matches": [entry.to_json() for entry in self.matches],
        }  # fmt: skip

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Invert to_json; raises KeyError or ValueError for another form."""
        numbers = ("epoch", "revision", "units", "max_audits", "closed_units", "deadline", "committed_at")
        return cls(
            bid=Bid.from_json(document["bid"]),
            status=JobStatus(document["status"]),
            matches=tuple(MatchEntry.from_json(entry) for entry in document["matches"]),
            **{name: int(document[name]) for name in numbers},
        )

    def match_of(self, worker: str) -> int | None:
        """Return the index of the match that names this worker, if any."""
        return next((i for i, entry in enumerate(self.matches) if entry.worker.lower() == worker.lower()), None)

    @property
    def payer(self) -> str:
        """The account whose escrow pays."""
        return self.bid.paying

    @property
    def budget_wei(self) -> int:
        """The most the job can cost: every unit and every audit at the highest price."""
        return self.bid.max_unit_price_wei * (self.units + self.max_audits)

    @property
    def paid_wei(self) -> int:
        """What was paid of the budget so far."""
        return sum(entry.paid_wei for entry in self.matches)

    def standing_units(self, voided_units: int) -> int:
        """Return how many units are committed and not voided."""
        return sum(entry.units for entry in self.matches) - voided_units


def opened(bid: Bid) -> JobRecord:
    return JobRecord(
        bid=bid, status=JobStatus.OPEN, epoch=0, revision=0, units=bid.units, max_audits=bid.max_audits,
        closed_units=0, deadline=bid.deadline, committed_at=0, matches=(),
    )  # fmt: skip


def matched(job: JobRecord, entries: Sequence[MatchEntry]) -> JobRecord:
    """A job that was COMMITTED and gets another match (after a void) is MATCHED again."""
    return replace(job, status=JobStatus.MATCHED, matches=(*job.matches, *entries))


def committed(job: JobRecord, work: Sequence[WorkDone], *, at: int, voided_units: int) -> JobRecord:
    """at: timestamp of the block. voided_units: the job's units voided up to then, summed over its matches."""
    matches = list(job.matches)
    for done in work:
        entry = matches[done.match_index]
        matches[done.match_index] = replace(entry, units=entry.units + done.units, audits=entry.audits + done.audits)
    grown = replace(job, epoch=job.epoch + 1, committed_at=at, matches=tuple(matches))
    complete = grown.standing_units(voided_units) >= job.units
    return replace(grown, status=JobStatus.COMMITTED if complete else JobStatus.MATCHED)


def extended(job: JobRecord, extension: Extension, *, voided_units: int) -> JobRecord:
    """A job that had all its units and wants more again is MATCHED."""
    incomplete = job.standing_units(voided_units) < extension.units
    reopened = job.status is JobStatus.COMMITTED and incomplete
    return replace(
        job,
        status=JobStatus.MATCHED if reopened else job.status,
        revision=job.revision + 1,
        units=extension.units,
        max_audits=extension.max_audits,
        deadline=extension.deadline,
    )


def paid_in_part(job: JobRecord, voided: Mapping[int, int] = NONE_VOIDED) -> JobRecord:
    """voided: the units of each match that a verdict has voided, by match index."""
    return replace(_paid(job, voided), closed_units=job.standing_units(sum(voided.values())))


def settled(job: JobRecord, voided: Mapping[int, int] = NONE_VOIDED) -> JobRecord:
    """voided: as for `paid_in_part`."""
    return replace(_paid(job, voided), status=JobStatus.SETTLED)


def expired(job: JobRecord, voided: Mapping[int, int] = NONE_VOIDED) -> JobRecord:
    """voided: as for `paid_in_part`."""
    return replace(_paid(job, voided), status=JobStatus.EXPIRED)


def cancelled(job: JobRecord, *, deadline: int) -> JobRecord:
    """An unmatched job ends; a matched one keeps its status with an earlier deadline."""
    status = JobStatus.CANCELLED if job.status is JobStatus.OPEN else job.status
    return replace(job, status=status, deadline=deadline, revision=CANCELLED_REVISION)


def encode_work(work: Sequence[WorkDone]) -> bytes:
    """Return what one commit adds, packed: in the order given, which must be that of the match indexes."""
    return b"".join(_WORK.pack(done.match_index, done.units, done.audits) for done in work)


def decode_work(packed: bytes) -> list[WorkDone]:
    """Invert encode_work; raises struct.error when the last entry is cut short."""
    return [
        WorkDone(match_index=index, units=units, audits=audits) for index, units, audits in _WORK.iter_unpack(packed)
    ]


def charge_tuple(record: JobRecord, match_index: int, receipt: Receipt, signature: bytes) -> tuple[Any, ...]:
    """Return a `Charge`: the receipt of one match, as `challenge` and `settleReceipt` want it laid before them."""
    return (record.to_tuple(), record.places_tuple(), match_index, receipt.to_tuple(), signature)


def _paid(job: JobRecord, voided: Mapping[int, int]) -> JobRecord:
    """Return the job with whatever stands counted as paid."""
    matches = (
        replace(entry, paid_units=entry.units - voided.get(index, 0), paid_audits=entry.audits)
        for index, entry in enumerate(job.matches)
    )
    return replace(job, matches=tuple(matches))
