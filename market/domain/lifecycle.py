"""Which act is allowed now? Tables, not branches; the same table stands in Solidity.

Decides the legal moves of jobs, work units and assignments. Knows no clock and no money: deadlines are judged where the
act is planned, amounts in settlement. tests/vectors/lifecycle.json holds the job table for the contract's tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

from market.protocol.errors import CommonwattError
from market.protocol.words import AssignmentStatus, JobStatus, UnitStatus


class JobAct(StrEnum):
    """What can be done to a job on chain."""

    OPEN = "open"
    MATCH = "matchOffers"
    COMMIT_PART = "commit (units missing)"
    COMMIT_ALL = "commit (complete)"
    SETTLE = "settle"
    EXPIRE = "expire"
    CANCEL = "cancel"


class UnitAct(StrEnum):
    """What can happen to a work unit."""

    UNLOCK = "unlock"
    LEASE = "lease"
    LOSE = "lose"
    FINISH = "finish"
    COMMIT = "commit"
    DISPUTE = "dispute"
    UPHOLD = "uphold"
    OVERTURN = "overturn"
    VERIFY = "verify"
    AUDIT_AGAIN = "audit again"
    UNCOMMIT = "uncommit"


class AssignmentAct(StrEnum):
    """What can happen to an assignment."""

    TAKE = "take"
    COMMIT = "commit"
    EXPIRE = "expire"
    FAIL = "fail"
    RELEASE = "release"


J, U, A = JobStatus, UnitStatus, AssignmentStatus

JOB_TRANSITIONS: Final[Mapping[tuple[JobStatus, JobAct], JobStatus]] = MappingProxyType(
    {
        (J.NONE, JobAct.OPEN): J.OPEN,
        (J.OPEN, JobAct.MATCH): J.MATCHED,
        (J.OPEN, JobAct.CANCEL): J.CANCELLED,
        (J.OPEN, JobAct.EXPIRE): J.EXPIRED,
        (J.MATCHED, JobAct.MATCH): J.MATCHED,
        (J.MATCHED, JobAct.COMMIT_PART): J.MATCHED,
        (J.MATCHED, JobAct.COMMIT_ALL): J.COMMITTED,
        (J.MATCHED, JobAct.CANCEL): J.MATCHED,
        (J.MATCHED, JobAct.EXPIRE): J.EXPIRED,
        (J.COMMITTED, JobAct.MATCH): J.MATCHED,
        (J.COMMITTED, JobAct.COMMIT_PART): J.MATCHED,
        (J.COMMITTED, JobAct.COMMIT_ALL): J.COMMITTED,
        (J.COMMITTED, JobAct.CANCEL): J.COMMITTED,
        (J.COMMITTED, JobAct.SETTLE): J.SETTLED,
        (J.COMMITTED, JobAct.EXPIRE): J.EXPIRED,
    }
)

UNIT_TRANSITIONS: Final[Mapping[tuple[UnitStatus, UnitAct], UnitStatus]] = MappingProxyType(
    {
        (U.WAITING, UnitAct.UNLOCK): U.READY,
        (U.READY, UnitAct.LEASE): U.LEASED,
        (U.LEASED, UnitAct.LOSE): U.READY,
        (U.LEASED, UnitAct.FINISH): U.DONE,
        (U.DONE, UnitAct.COMMIT): U.COMMITTED,
        (U.COMMITTED, UnitAct.UNCOMMIT): U.DONE,
        (U.COMMITTED, UnitAct.VERIFY): U.VERIFIED,
        (U.COMMITTED, UnitAct.DISPUTE): U.DISPUTED,
        (U.DISPUTED, UnitAct.UPHOLD): U.VERIFIED,
        (U.DISPUTED, UnitAct.OVERTURN): U.READY,
        (U.DISPUTED, UnitAct.AUDIT_AGAIN): U.COMMITTED,
    }
)

ASSIGNMENT_TRANSITIONS: Final[Mapping[tuple[AssignmentStatus, AssignmentAct], AssignmentStatus]] = MappingProxyType(
    {
        (A.OPEN, AssignmentAct.TAKE): A.LEASED,
        (A.OPEN, AssignmentAct.EXPIRE): A.EXPIRED,
        (A.LEASED, AssignmentAct.COMMIT): A.COMMITTED,
        (A.LEASED, AssignmentAct.EXPIRE): A.EXPIRED,
        (A.LEASED, AssignmentAct.FAIL): A.FAILED,
        (A.LEASED, AssignmentAct.RELEASE): A.RELEASED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActNotAllowed(CommonwattError):
    """The act is not allowed in the present state."""

    what: str
    status: str
    act: str


S = TypeVar("S", JobStatus, UnitStatus, AssignmentStatus)
K = TypeVar("K", JobAct, UnitAct, AssignmentAct)


def advance_job(status: JobStatus, act: JobAct) -> JobStatus:
    """Return the job's status after the act; raises ActNotAllowed."""
    return _advance("job", JOB_TRANSITIONS, status, act)


def advance_unit(status: UnitStatus, act: UnitAct) -> UnitStatus:
    """Return the unit's status after the act; raises ActNotAllowed."""
    return _advance("unit", UNIT_TRANSITIONS, status, act)


def advance_assignment(status: AssignmentStatus, act: AssignmentAct) -> AssignmentStatus:
    """Return the assignment's status after the act; raises ActNotAllowed."""
    return _advance("assignment", ASSIGNMENT_TRANSITIONS, status, act)


def _advance(what: str, table: Mapping[tuple[S, K], S], status: S, act: K) -> S:
    after = table.get((status, act))
    if after is None:
        raise ActNotAllowed(what=what, status=status.value, act=act.value)
    return after
