"""The on-chain job record and how each event changes it.

The contract stores one hash per job; the record itself is rebuilt from logs by `opened`, `matched`, `committed`,
`settled`, `expired` and `cancelled`, each the twin of the line in `contracts/src/Jobs.sol` that emitted the event.
`JobRecord.hash()` must equal `Jobs.jobHashOf(jobId)` at every step, and an integration test walks them together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from eth_abi.abi import encode as abi_encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from market.protocol.typed import Bid
from market.protocol.words import JobStatus

BURNED = "0x000000000000000000000000000000000000dEaD"  # where `Bonds.BURNED` sends what nobody may have

_BID = "(address,address,bytes32,uint32,uint32,uint64,uint128,uint128,uint8,uint32,uint64,uint64,uint256)"
_MATCH = "(address,address,bytes32,uint128,uint128,uint32,uint32)"
_JOB = f"({_BID},uint8,uint32,uint64,uint64,{_MATCH}[])"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchEntry:
    """One provider's place in one job."""

    provider: str
    worker: str
    offer_hash: bytes
    unit_price_wei: int
    bond_wei: int
    units: int = 0
    audits: int = 0

    def to_tuple(self) -> tuple[Any, ...]:
        return (
            self.provider, self.worker, self.offer_hash, self.unit_price_wei, self.bond_wei, self.units, self.audits,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return the wire form: amounts as decimal strings, the offer hash as 0x hex."""
        return {
            "provider": self.provider, "worker": self.worker, "offer_hash": "0x" + self.offer_hash.hex(),
            "unit_price_wei": str(self.unit_price_wei), "bond_wei": str(self.bond_wei), "units": self.units,
            "audits": self.audits,
        }  # fmt: skip

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Invert to_json; raises KeyError or ValueError for another form."""
        return cls(
            provider=to_checksum_address(document["provider"]),
            worker=to_checksum_address(document["worker"]),
            offer_hash=bytes.fromhex(document["offer_hash"].removeprefix("0x")),
            unit_price_wei=int(document["unit_price_wei"]),
            bond_wei=int(document["bond_wei"]),
            units=int(document["units"]),
            audits=int(document["audits"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkDone:
    """What one commit adds to one match."""

    match_index: int
    units: int
    audits: int

    def to_tuple(self) -> tuple[int, int, int]:
        return (self.match_index, self.units, self.audits)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """The whole record of a job, as the contract hashes it."""

    bid: Bid
    status: JobStatus
    epoch: int
    deadline: int
    committed_at: int
    matches: tuple[MatchEntry, ...]

    def to_tuple(self) -> tuple[Any, ...]:
        """Return the values in contract order, as the ABI wants them."""
        matches = [entry.to_tuple() for entry in self.matches]
        return (
            self.bid.to_tuple(),
            self.status.on_chain,
            self.epoch,
            self.deadline,
            self.committed_at,
            matches,
        )

    def hash(self) -> bytes:
        """Return keccak256(abi.encode(job)), what the contract stores."""
        return bytes(keccak(abi_encode([_JOB], [self.to_tuple()])))

    def to_json(self) -> dict[str, Any]:
        """Return the wire form that a ChallengeCase carries."""
        return {
            "bid": self.bid.to_json(), "status": self.status.value, "epoch": self.epoch, "deadline": str(self.deadline),
            "committed_at": str(self.committed_at), "matches": [entry.to_json() for entry in self.matches],
        }  # fmt: skip

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Invert to_json; raises KeyError or ValueError for another form."""
        return cls(
            bid=Bid.from_json(document["bid"]),
            status=JobStatus(document["status"]),
            epoch=int(document["epoch"]),
            deadline=int(document["deadline"]),
            committed_at=int(document["committed_at"]),
            matches=tuple(MatchEntry.from_json(entry) for entry in document["matches"]),
        )

    def match_of(self, worker: str) -> int | None:
        """Return the index of the match that names this worker, if any."""
        return next((i for i, entry in enumerate(self.matches) if entry.worker.lower() == worker.lower()), None)


def opened(bid: Bid) -> JobRecord:
    return JobRecord(bid=bid, status=JobStatus.OPEN, epoch=0, deadline=bid.deadline, committed_at=0, matches=())


def matched(job: JobRecord, entry: MatchEntry) -> JobRecord:
    """A job that was COMMITTED and gets another match (after a void) is MATCHED again."""
    return replace(job, status=JobStatus.MATCHED, matches=(*job.matches, entry))


def committed(job: JobRecord, work: Sequence[WorkDone], *, at: int, voided_units: int) -> JobRecord:
    """at: timestamp of the block. voided_units: the job's units voided up to then, summed over its matches."""
    matches = list(job.matches)
    for done in work:
        entry = matches[done.match_index]
        matches[done.match_index] = replace(entry, units=entry.units + done.units, audits=entry.audits + done.audits)
    complete = sum(entry.units for entry in matches) - voided_units >= job.bid.units
    status = JobStatus.COMMITTED if complete else JobStatus.MATCHED
    return replace(job, status=status, epoch=job.epoch + 1, committed_at=at, matches=tuple(matches))


def settled(job: JobRecord) -> JobRecord:
    return replace(job, status=JobStatus.SETTLED)


def expired(job: JobRecord) -> JobRecord:
    return replace(job, status=JobStatus.EXPIRED)


def cancelled(job: JobRecord, *, deadline: int) -> JobRecord:
    """An unmatched job ends; a matched one keeps its status with an earlier deadline."""
    status = JobStatus.CANCELLED if job.status is JobStatus.OPEN else job.status
    return replace(job, status=status, deadline=deadline)
