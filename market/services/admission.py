"""May this bid enter the market? What can be judged from the documents alone, before any artifact is opened.

Decides each refusal by name and with the facts that would make the next bid good. The contract judges again at opening;
these checks exist so that a buyer hears at once, and that nothing unworkable is put on chain. Reads no database.
"""

from dataclasses import dataclass
from typing import Final

from market.protocol.errors import CommonwattError
from market.protocol.specs import TrainSpec
from market.protocol.typed import Bid
from market.services.signatures import MalformedDocument

DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What this market lets in. Times in seconds, sizes in bytes.

    min_window_seconds, max_window_seconds: what the Jobs contract was built with or allows.
    min_work_seconds: how far off the deadline must be. max_job_seconds: how far off it may be (the contract's limit).
    max_memory_bytes: the most that one unit may ask for. max_program_bytes: largest program document.
    max_exact_bytes: largest state, and largest dataset, of an exact job: admission hashes them whole.
    """

    min_window_seconds: int = 1
    max_window_seconds: int = 30 * DAY_SECONDS
    min_work_seconds: int = 10
    max_job_seconds: int = 180 * DAY_SECONDS
    max_memory_bytes: int = 8 << 30
    max_unit_seconds: int = DAY_SECONDS
    max_units: int = 10_000
    max_program_bytes: int = 16 << 20
    max_exact_bytes: int = 512 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BidNotForUs(CommonwattError):
    """The bid names another operator than this market's."""

    operator: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BidExpired(CommonwattError):
    """The bid can no longer be opened: its expiry has passed."""

    expiry: int
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecHashMismatch(CommonwattError):
    """The bid signs another job specification than the one sent with it."""

    expected: str
    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsMismatch(CommonwattError):
    """The bid's number of units is not that of its job specification."""

    declared: int
    computed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionClassMismatch(CommonwattError):
    """The bid's execution class is not that of its job specification."""

    declared: str
    specified: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeWindowTooShort(CommonwattError):
    """The challenge window is shorter than the contract permits."""

    seconds: int
    minimum_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeWindowTooLong(CommonwattError):
    """The challenge window is longer than the contract permits."""

    seconds: int
    maximum_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineTooSoon(CommonwattError):
    """The deadline leaves no time to work."""

    deadline: int
    earliest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineTooLate(CommonwattError):
    """The deadline is farther away than the contract permits."""

    deadline: int
    latest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTooLarge(CommonwattError):
    """The job asks for more than this market allows one job."""

    field: str
    asked: int
    limit: int


def parse_bid(document: object) -> Bid:
    """Return the bid; raises MalformedDocument."""
    if not isinstance(document, dict):
        raise MalformedDocument(document="Bid", reason="not an object")
    try:
        return Bid.from_json(document)
    except ValueError as error:
        raise MalformedDocument(document="Bid", reason=str(error)) from error


def require_admissible(bid: Bid, spec: TrainSpec, admission: Admission, *, now: int) -> None:
    """Raise the named error of the first rule that the bid breaks. now: unix seconds."""
    if bid.expiry < now:
        raise BidExpired(expiry=bid.expiry, now=now)
    _require_agreement(bid, spec)
    _require_times(bid, admission, now)
    _require_sizes(spec, admission)


def _require_agreement(bid: Bid, spec: TrainSpec) -> None:
    if bid.spec_hash != spec.hash():
        raise SpecHashMismatch(expected="0x" + bid.spec_hash.hex(), actual="0x" + spec.hash().hex())
    if bid.units != spec.unit_count:
        raise UnitsMismatch(declared=bid.units, computed=spec.unit_count)
    if bid.execution_class is not spec.execution_class:
        raise ExecutionClassMismatch(declared=bid.execution_class.value, specified=spec.execution_class.value)


def _require_times(bid: Bid, admission: Admission, now: int) -> None:
    window_seconds = bid.challenge_window_seconds
    if window_seconds < admission.min_window_seconds:
        raise ChallengeWindowTooShort(seconds=window_seconds, minimum_seconds=admission.min_window_seconds)
    if window_seconds > admission.max_window_seconds:
        raise ChallengeWindowTooLong(seconds=window_seconds, maximum_seconds=admission.max_window_seconds)
    if bid.deadline < now + admission.min_work_seconds:
        raise DeadlineTooSoon(deadline=bid.deadline, earliest=now + admission.min_work_seconds)
    if bid.deadline > now + admission.max_job_seconds:
        raise DeadlineTooLate(deadline=bid.deadline, latest=now + admission.max_job_seconds)


def _require_sizes(spec: TrainSpec, admission: Admission) -> None:
    limits = {
        "rounds": (spec.unit_count, admission.max_units),
        "memory_bytes": (spec.memory_bytes, admission.max_memory_bytes),
        "unit_seconds": (spec.unit_seconds, admission.max_unit_seconds),
    }
    for field, (asked, limit) in limits.items():
        if asked > limit:
            raise JobTooLarge(field=field, asked=asked, limit=limit)
