"""A job's money and its units as state machines: no path loses a wei, none gets stuck.

The machine below plays any order of acts against the pure twins of the contract (market.protocol.jobs and
market.domain.settlement) and an account book of its own.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from market.domain.lifecycle import (
    ASSIGNMENT_TRANSITIONS,
    JOB_TRANSITIONS,
    UNIT_TRANSITIONS,
    JobAct,
    advance_job,
)
from market.domain.settlement import Voided, pay, settle, units_by_match
from market.protocol import jobs
from market.protocol.jobs import JobRecord, WorkDone
from market.protocol.typed import Extension
from market.protocol.words import AssignmentStatus, JobStatus, UnitStatus
from tests.unit.domain.builders import a_bid, address, an_entry


class JobMoney(RuleBasedStateMachine):
    """One buyer, up to four providers, any order of matches, commits, voids and an end."""

    def __init__(self) -> None:
        super().__init__()
        self.job: JobRecord = jobs.opened(a_bid(units=6, max_audits=6))
        self.voided: dict[int, Voided] = {}
        self.escrow_wei = 1_000_000 - self.job.budget_wei
        self.locked_wei = self.job.budget_wei
        self.credit_wei: dict[str, int] = {}
        self.bond_wei = dict.fromkeys((address(n) for n in range(1, 5)), 20_000)
        self.bond_locked_wei = dict.fromkeys(self.bond_wei, 0)
        self.burned_wei = 0
        self.wallets_wei = 0
        self.supply_wei = self.total_wei()

    def total_wei(self) -> int:
        return (
            self.escrow_wei
            + self.locked_wei
            + sum(self.credit_wei.values())
            + sum(self.bond_wei.values())
            + self.burned_wei
            + self.wallets_wei
        )

    @property
    def warm(self) -> bool:
        return not self.job.status.is_terminal

    @precondition(lambda self: self.warm and len(self.job.matches) < 4)
    @rule(price=st.integers(0, 1_000))
    def match(self, price: int) -> None:
        worker = len(self.job.matches) + 1
        expected = advance_job(self.job.status, JobAct.MATCH)
        self.job = jobs.matched(self.job, [an_entry(worker, unit_price_wei=price)])
        self.bond_locked_wei[address(worker)] += 5_000
        assert self.job.status is expected

    @precondition(lambda self: self.warm and self.job.matches)
    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        lost = sum(v.units for v in self.voided.values())
        units_left = self.job.units - sum(e.units for e in self.job.matches) + lost
        audits_left = self.job.max_audits - sum(e.audits for e in self.job.matches)
        index = data.draw(st.integers(0, len(self.job.matches) - 1))
        units = data.draw(st.integers(0, max(units_left, 0)))
        audits = data.draw(st.integers(0, audits_left))
        done = WorkDone(match_index=index, units=units, audits=audits)
        before = self.job.status
        self.job = jobs.committed(self.job, [done], at=1, voided_units=lost)
        complete = self.job.status is JobStatus.COMMITTED
        assert self.job.status is advance_job(before, JobAct.COMMIT_ALL if complete else JobAct.COMMIT_PART)

    @precondition(lambda self: self.warm and any(e.units for e in self.job.matches))
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        index = data.draw(st.sampled_from([i for i, e in enumerate(self.job.matches) if e.units]))
        entry, lost = self.job.matches[index], self.voided.get(index, Voided(units=0, slashed_wei=0))
        if lost.units >= entry.units - entry.paid_units:
            return
        slash_wei = self.job.bid.bond_wei - lost.slashed_wei
        self.voided[index] = Voided(units=lost.units + 1, slashed_wei=lost.slashed_wei + slash_wei)
        self.bond_wei[entry.provider] -= slash_wei
        self.bond_locked_wei[entry.provider] -= slash_wei
        victim_wei = slash_wei // 2
        self.escrow_wei += victim_wei
        self.burned_wei += slash_wei - victim_wei

    @precondition(lambda self: self.warm and self.job.matches)
    @rule(more_units=st.integers(0, 3), more_audits=st.integers(0, 3))
    def extend(self, more_units: int, more_audits: int) -> None:
        before_wei = self.job.budget_wei
        extension = Extension(
            job_id=bytes(32),
            revision=self.job.revision,
            units=self.job.units + more_units,
            max_audits=self.job.max_audits + more_audits,
            deadline=self.job.deadline + 1,
        )
        self.job = jobs.extended(self.job, extension, voided_units=sum(v.units for v in self.voided.values()))
        self.locked_wei += self.job.budget_wei - before_wei
        self.escrow_wei -= self.job.budget_wei - before_wei

    @precondition(lambda self: self.job.status is JobStatus.MATCHED)
    @rule()
    def pay_in_part(self) -> None:
        self.earn(pay(self.job, self.voided))
        self.job = jobs.paid_in_part(self.job, units_by_match(self.voided))
        assert not any(pay(self.job, self.voided))

    @precondition(lambda self: self.warm and self.job.status is not JobStatus.OPEN)
    @rule()
    def end(self) -> None:
        found = settle(self.job, self.voided)
        self.earn(found.pay_wei)
        for entry, freed_wei in zip(self.job.matches, found.freed_wei, strict=True):
            self.bond_locked_wei[entry.provider] -= freed_wei
        self.locked_wei -= found.refund_wei
        self.escrow_wei += found.refund_wei
        self.job = jobs.expired(self.job, units_by_match(self.voided))
        assert self.job.paid_wei + found.refund_wei == self.job.budget_wei

    def earn(self, pay_wei: tuple[int, ...]) -> None:
        self.locked_wei -= sum(pay_wei)
        for entry, amount_wei in zip(self.job.matches, pay_wei, strict=True):
            self.credit_wei[entry.provider] = self.credit_wei.get(entry.provider, 0) + amount_wei

    @rule()
    def claim(self) -> None:
        self.wallets_wei += sum(self.credit_wei.values())
        self.credit_wei = {}

    @invariant()
    def every_wei_is_somewhere(self) -> None:
        assert self.total_wei() == self.supply_wei

    @invariant()
    def nobody_is_below_zero(self) -> None:
        balances = [self.escrow_wei, self.locked_wei, *self.bond_wei.values(), *self.bond_locked_wei.values()]
        assert min(balances) >= 0

    @invariant()
    def a_cold_job_holds_nothing(self) -> None:
        if not self.warm:
            assert self.locked_wei == 0 and not any(self.bond_locked_wei.values())


TestJobMoney = JobMoney.TestCase
TestJobMoney.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


def test_every_warm_job_state_can_reach_a_cold_one() -> None:
    cold = {status for status in JobStatus if status.is_terminal}
    for status in set(JobStatus) - cold - {JobStatus.NONE}:
        assert reachable(JOB_TRANSITIONS, status) & cold


def test_every_unit_state_can_reach_verified() -> None:
    for status in UnitStatus:
        assert status is UnitStatus.VERIFIED or UnitStatus.VERIFIED in reachable(UNIT_TRANSITIONS, status)


def test_every_held_assignment_can_end() -> None:
    held = {AssignmentStatus.OPEN, AssignmentStatus.LEASED}
    for status in held:
        assert reachable(ASSIGNMENT_TRANSITIONS, status) - held


def test_cold_states_have_no_way_out() -> None:
    for status in JobStatus:
        if status.is_terminal:
            assert not [act for before, act in JOB_TRANSITIONS if before is status]


def reachable(table: object, start: object) -> set[object]:
    """Return every state that some sequence of acts leads to."""
    seen: set[object] = set()
    frontier = [start]
    while frontier:
        status = frontier.pop()
        for (before, _), after in table.items():  # type: ignore[attr-defined]
            if before is status and after not in seen:
                seen.add(after)
                frontier.append(after)
    return seen
