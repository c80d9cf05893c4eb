"""The market's rules of leaving, written once more and without a chain: who can do what when, and what it leaves whom.

Decides, for a job in any state and any second, which acts are possible and how much each party has once a way out has
been walked to its end. Knows no contract and no transaction; tests/contracts/exits holds the contracts to it.
"""

from dataclasses import dataclass, field, replace
from enum import IntEnum, IntFlag
from typing import Final

E: Final = 10**18
WINDOW, GRACE, DEADLINE = 3_600, 600, 86_400
PRICE, MAX_PRICE, BOND = 2 * E, 3 * E, 40 * E
VOTE, REVEAL, SIZE, DRAWS, MOVE = 600, 300, 3, 3, 60
CHALLENGE_BOND, FEE, FINE = 50 * E, 1 * E, 5 * E
POOL: Final = 6


class Who(IntFlag):
    """Who may be silent. A stranger never is: somebody can always send a transaction."""

    NOBODY = 0
    BUYER = 1
    PAYER = 2
    PROVIDER = 4
    OPERATOR = 8
    CHALLENGER = 16
    VERIFIERS = 32


class Act(IntEnum):
    """What a walk is made of; the test's interpreter has the same numbers."""

    MATCH = 0
    COMMIT = 1
    EXTEND = 2
    SETTLE_PART = 3
    RECEIPT = 4
    SETTLE = 5
    EXPIRE = 6
    CANCEL = 7
    CHALLENGE = 8
    DRAW = 9
    VOTE = 10
    REVEAL = 11
    RESOLVE = 12
    TIMEOUT = 13
    CONCLUDE = 14
    FINISH = 15  # commit whatever is missing
    RECEIPT_ALL = 16  # a countersigned receipt that stands for whatever is missing
    MOVE = 17  # one move of the side whose clock runs
    PLAY = 18  # both sides to the judgement, and its conclusion


class Status(IntEnum):
    """The job's, in the contracts' numbers."""

    OPEN = 1
    MATCHED = 2
    COMMITTED = 3
    SETTLED = 4
    CANCELLED = 5
    EXPIRED = 6


class Sits(IntEnum):
    """Where a challenge stands, in the contracts' numbers."""

    NONE = 0
    RAISED = 1
    VOTING = 2
    REVEALING = 3
    NARROWING = 4
    RESOLVED = 5


@dataclass(frozen=True, slots=True)
class Court:
    """A committee's challenge, or a game's: what it still waits for, and what it has cost so far."""

    sits: Sits = Sits.NONE
    ends_at: int = 0
    forged: bool = True  # the challenged receipt is
    draws: int = 0
    votes: int = 0
    reveals: int = 0
    pool: int = POOL
    fees: int = 0
    fines: int = 0
    defender_moves: bool = True
    judged: bool = False
    verdict: str = ""

    @property
    def is_open(self) -> bool:
        return self.sits not in (Sits.NONE, Sits.RESOLVED)

    @property
    def is_game(self) -> bool:
        return self.sits is Sits.NARROWING


@dataclass(frozen=True, slots=True)
class Job:
    """A job as far as its end depends on it."""

    status: Status = Status.OPEN
    units: int = 4
    audits: int = 2
    deadline: int = DEADLINE
    committed_at: int | None = None
    done: tuple[int, int, int] = (0, 0, 0)  # units and audits of each match
    unit_count: int = 0
    voided: int = 0  # of match 0
    closed: int = 0
    is_final: bool = False  # cancelled
    is_sponsored: bool = False
    is_exact: bool = False
    court: Court = field(default_factory=Court)

    @property
    def standing(self) -> int:
        return self.unit_count - self.voided

    @property
    def window_end(self) -> int:
        return 0 if self.committed_at is None else self.committed_at + WINDOW

    @property
    def last_receipt_at(self) -> int:
        return self.deadline + WINDOW

    @property
    def payable_at(self) -> int:
        if self.standing >= self.units:
            return self.window_end
        over = self.deadline if self.status is Status.OPEN else self.last_receipt_at
        return max(self.window_end, over + 1)

    @property
    def is_warm(self) -> bool:
        return self.status <= Status.COMMITTED

    def commit(self, at: int, units: tuple[int, int, int], audits: tuple[int, int, int] = (0, 0, 0)) -> "Job":
        one, two, three = (old + a + b for old, a, b in zip(self.done, units, audits, strict=True))
        count = self.unit_count + sum(units)
        status = Status.COMMITTED if count - self.voided >= self.units else Status.MATCHED
        return replace(self, committed_at=at, done=(one, two, three), unit_count=count, status=status)

    def extend(self) -> "Job":
        """Two units and an hour more."""
        return replace(self, units=self.units + 2, deadline=self.deadline + 3_600,
                       status=Status.MATCHED if self.status is Status.COMMITTED else self.status)  # fmt: skip

    def cancel(self, at: int) -> "Job":
        if self.status is Status.OPEN:
            return replace(self, status=Status.CANCELLED, is_final=True)
        return replace(self, deadline=at + GRACE, is_final=True)


Step = tuple[int, Act, Who]  # second, act, and who must be alive for it; Who.NOBODY where any stranger will do


@dataclass(frozen=True, slots=True)
class Walk:
    """A way out: its steps and the job at its end."""

    name: str
    steps: tuple[Step, ...]
    job: Job

    @property
    def needs(self) -> Who:
        found = Who.NOBODY
        for _, _, who in self.steps:
            found |= who
        return found


def payer_of(job: Job) -> Who:
    return Who.PAYER if job.is_sponsored else Who.BUYER


# WHAT CAN BE DONE NOW


def possible(job: Job, now: int) -> set[Act]:
    """Return the acts that must succeed at this second when the right account does them; all others must be refused."""
    court, warm = job.court, job.is_warm
    is_matched = warm and job.status is not Status.OPEN
    early = warm and now <= job.deadline
    quiet = not court.is_open
    rules = {
        Act.MATCH: early and job.standing < job.units,
        Act.COMMIT: early and is_matched,
        Act.EXTEND: early and not job.is_final,
        Act.SETTLE_PART: job.status is Status.MATCHED and job.standing > job.closed and quiet and now >= job.window_end,
        Act.RECEIPT: is_matched and now <= job.last_receipt_at,
        Act.SETTLE: job.status is Status.COMMITTED and job.standing >= job.units and quiet and now >= job.window_end,
        Act.EXPIRE: warm and job.standing < job.units and quiet and now > job.deadline and now >= job.payable_at,
        Act.CANCEL: job.status is Status.OPEN or (is_matched and now + GRACE < job.deadline),
        Act.CHALLENGE: _challengeable(job, now),
        Act.DRAW: court.sits is Sits.RAISED and now <= court.ends_at and court.pool >= SIZE,
        Act.VOTE: court.sits is Sits.VOTING and now <= court.ends_at,
        Act.REVEAL: _revealable(court, now),
        Act.RESOLVE: _resolvable(court, now),
        Act.TIMEOUT: court.is_game and not court.judged and now > court.ends_at,
        Act.CONCLUDE: court.is_game and court.judged,
    }
    return {act for act, holds in rules.items() if holds}


def _challengeable(job: Job, now: int) -> bool:
    """Of a new receipt of the first match, for the last unit; all situations but the first two have done work there."""
    return not job.is_exact and job.is_warm and job.done[0] > 0 and job.closed == 0 and now < job.payable_at


def _revealable(court: Court, now: int) -> bool:
    if court.sits is Sits.VOTING:
        return court.votes > 0 and now > court.ends_at  # the vote turns into the reveal by itself
    return court.sits is Sits.REVEALING and now <= court.ends_at


def _resolvable(court: Court, now: int) -> bool:
    sitting = court.sits in (Sits.RAISED, Sits.VOTING, Sits.REVEALING)
    is_done = court.sits is Sits.REVEALING and court.reveals == court.votes
    return sitting and (is_done or now > court.ends_at)


# THE COURT, TO ITS END


def resolve(court: Court, now: int, silent: Who) -> tuple[tuple[Step, ...], int, Court]:
    """Return the steps to the verdict, the second it falls, and the court then."""
    steps: list[Step] = []
    while court.is_open:
        step, now, court = _game_step(court, now, silent) if court.is_game else _committee_step(court, now, silent)
        steps.append(step)
    return tuple(steps), now, court


def _committee_step(court: Court, now: int, silent: Who) -> tuple[Step, int, Court]:
    alive, in_time = Who.VERIFIERS not in silent, now <= court.ends_at
    if court.sits is Sits.RAISED:
        if in_time and court.pool >= SIZE:
            drawn = replace(court, sits=Sits.VOTING, ends_at=now + VOTE, draws=court.draws + 1, votes=0, reveals=0)
            return (now, Act.DRAW, Who.NOBODY), now, drawn
    elif court.sits is Sits.VOTING and alive and in_time:
        voted = replace(court, sits=Sits.REVEALING, ends_at=now + REVEAL, votes=SIZE)
        return (now, Act.VOTE, Who.VERIFIERS), now, voted
    elif court.sits is Sits.REVEALING and alive and in_time and court.reveals < court.votes:
        more = court.votes - court.reveals
        revealed = replace(court, reveals=court.votes, fees=court.fees + more * FEE)
        return (now, Act.REVEAL, Who.VERIFIERS), now, revealed
    if not _resolvable(court, now):
        now = court.ends_at + 1
    return (now, Act.RESOLVE, Who.NOBODY), now, _after_resolve(court, now)


def _after_resolve(court: Court, now: int) -> Court:
    if court.sits is Sits.RAISED:
        return _closed(court, "inconclusive")
    if court.sits is Sits.VOTING and court.votes > 0:
        return replace(court, sits=Sits.REVEALING, ends_at=now + REVEAL)
    if court.reveals * 2 > SIZE:
        return _closed(_fined(court), "overturned" if court.forged else "upheld")
    court = _fined(court)
    if court.draws == DRAWS:
        return _closed(court, "inconclusive")
    return replace(court, sits=Sits.RAISED, ends_at=now + VOTE * DRAWS, votes=0, reveals=0)


def _fined(court: Court) -> Court:
    silent = SIZE - court.reveals
    return replace(court, pool=court.pool - silent, fines=court.fines + silent * FINE)


def _closed(court: Court, verdict: str) -> Court:
    return replace(court, sits=Sits.RESOLVED, verdict=verdict)


def _game_step(court: Court, now: int, silent: Who) -> tuple[Step, int, Court]:
    """Whoever is alive plays; whoever is not loses by the clock."""
    truth = "overturned" if court.forged else "upheld"
    if court.judged:
        return (now, Act.CONCLUDE, Who.NOBODY), now, _closed(court, truth)
    mover, other = Who.PROVIDER, Who.CHALLENGER
    if not court.defender_moves:
        mover, other = other, mover
    if now <= court.ends_at and mover not in silent:
        if other not in silent:
            return (now, Act.PLAY, mover | other), now, _closed(court, truth)
        moved = replace(court, defender_moves=not court.defender_moves, ends_at=now + MOVE)
        return (now, Act.MOVE, mover), now, moved
    now = max(now, court.ends_at + 1)
    lost = "overturned" if court.defender_moves else "upheld"
    return (now, Act.TIMEOUT, Who.NOBODY), now, _closed(court, lost)


# THE WAYS OUT


def walks(job: Job, now: int, silent: Who) -> list[Walk]:
    """Return every way out that the living have from here. Waiting needs no party of the job at all."""
    steps, now, court = resolve(job.court, now, silent)
    job = replace(job, court=court, voided=job.voided + (court.verdict == "overturned"))
    ways = [_end("wait", job, now, steps)]
    ways += _leave(job, now, steps)
    ways += _finish(job, now, steps)
    ways += _receipt(job, now, steps)
    return [way for way in ways if not way.needs & silent]


def _end(name: str, job: Job, now: int, steps: tuple[Step, ...]) -> Walk:
    """What any stranger can do once the clock allows it."""
    if not job.is_warm:
        return Walk(name, steps, job)
    act, after, at = Act.EXPIRE, Status.EXPIRED, max(job.payable_at, job.deadline + 1)
    if job.standing >= job.units:
        act, after, at = Act.SETTLE, Status.SETTLED, job.payable_at
    return Walk(name, (*steps, (max(now, at), act, Who.NOBODY)), replace(job, status=after))


def _leave(job: Job, now: int, steps: tuple[Step, ...]) -> list[Walk]:
    if Act.CANCEL not in possible(job, now):
        return []
    return [_end("leave", job.cancel(now), now, (*steps, (now, Act.CANCEL, Who.BUYER)))]


def _finish(job: Job, now: int, steps: tuple[Step, ...]) -> list[Walk]:
    if now > job.deadline or job.standing >= job.units:
        return []
    who = Who.OPERATOR | Who.PROVIDER
    if job.status is Status.OPEN:
        steps = (*steps, (now, Act.MATCH, who))
        job = replace(job, status=Status.MATCHED)
    job = job.commit(now, (0, 0, job.units - job.standing))
    return [_end("finish", job, now, (*steps, (now, Act.FINISH, who)))]


def _receipt(job: Job, now: int, steps: tuple[Step, ...]) -> list[Walk]:
    """The operator has gone: whoever pays countersigns the provider's receipt instead."""
    if Act.RECEIPT not in possible(job, now) or job.standing >= job.units:
        return []
    job_then = job.commit(now, (0, 0, job.units - job.standing))
    return [_end("receipt", job_then, now, (*steps, (now, Act.RECEIPT_ALL, Who.PROVIDER | payer_of(job))))]


# WHAT IT LEAVES WHOM


def outcome(job: Job, was_matched: bool) -> dict[str, int]:
    """Return what each party has at the end of a job that began with 1,000 tokens of escrow and full stakes."""
    court = job.court
    lost = BOND if court.verdict == "overturned" else 0
    staked = CHALLENGE_BOND if court.verdict == "upheld" else 0
    # A game is reckoned as one draw; a committee costs what its members were paid.
    cost = min(FEE * SIZE if job.is_exact else court.fees, lost - PRICE) if lost else 0
    done = [job.done[0] - job.voided, job.done[1], job.done[2]]
    bonds = [BOND - lost, BOND, BOND] if was_matched else [0, 0, 0]
    return {
        "status": job.status.value,
        "escrow": 1_000 * E - PRICE * sum(done),
        "pay0": PRICE * done[0],
        "pay1": PRICE * done[1],
        "pay2": PRICE * done[2],
        "stake0": 100 * E - lost,
        "idle0": bonds[0],
        "idle1": bonds[1],
        "idle2": bonds[2],
        "challenger_stake": 500 * E - staked - court.fees,
        "buyer_compensation": PRICE if lost else 0,
        "provider_compensation": PRICE if staked else 0,
        "challenger_compensation": cost,
        "burned": (lost - PRICE - cost if lost else 0) + (staked - PRICE if staked else 0) + court.fines,
        "verifier_fees": court.fees,
        "verifier_stakes": POOL * 30 * E - court.fines,
    }
