"""Audits in any order: nobody honest is ever found different, and nothing can be copied before it is committed.

The machine plays draws, lost auditors, silent challengers, strangers' challenges and hand-ins in any order over the
pure decisions of market.domain. Honest executions of a unit agree bit for bit, which is what the class promises.
"""

import hashlib
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from market.domain.lifecycle import UnitAct, advance_unit
from market.domain.policy import Policy
from market.domain.verification import (
    Auditor,
    Exposure,
    Judgement,
    audit_rate_bps,
    is_drawn,
    is_late,
    is_sealed,
    judge,
    pick_auditor,
    seed_of,
)
from market.protocol.state import trace_root
from market.protocol.words import UnitStatus
from tests.unit.domain.builders import address

UNITS, WORKERS = 4, 5
POLICY = Policy()


def trace(unit: int, salt: bytes = b"") -> bytes:
    return trace_root([hashlib.sha256(bytes([unit, segment]) + salt).digest() for segment in range(3)])


@dataclass(kw_only=True)
class Played:
    """One unit as the machine plays it. held: the auditor that has it now. tried: all that ever had it."""

    status: UnitStatus = UnitStatus.READY
    worker: int = 0
    claim: bytes = b""
    held: str | None = None
    tried: list[str] = field(default_factory=list)
    drawn: bool = False
    committed_audits: int = 0
    disclosed: bool = False


class Audits(RuleBasedStateMachine):
    """Worker 1 may cheat at work; whoever audits is honest. Every worker is a provider of its own."""

    @initialize(streaks=st.lists(st.integers(0, 300), min_size=WORKERS, max_size=WORKERS), price=st.integers(0, 10))
    def begin(self, streaks: list[int], price: int) -> None:
        self.units = [Played() for _ in range(UNITS)]
        self.streaks = streaks
        self.exposure = Exposure(stake_wei=20, unit_price_wei=price, units=1)
        self.found_honest_different = False
        self.shown_before_commitment = False

    def pick(self, data: st.DataObject, *statuses: UnitStatus) -> int | None:
        found = [index for index, unit in enumerate(self.units) if unit.status in statuses]
        return data.draw(st.sampled_from(found)) if found else None

    @rule(data=st.data(), worker=st.integers(0, WORKERS - 1), cheats=st.booleans())
    def work(self, data: st.DataObject, worker: int, cheats: bool) -> None:
        index = self.pick(data, UnitStatus.READY)
        if index is None:
            return
        status = advance_unit(advance_unit(UnitStatus.READY, UnitAct.LEASE), UnitAct.FINISH)
        salt = b"skipped" if cheats and worker == 1 else b""
        status = advance_unit(status, UnitAct.COMMIT)
        self.units[index] = Played(status=status, worker=worker, claim=trace(index, salt))

    @rule(data=st.data(), beacon=st.binary(min_size=32, max_size=32))
    def draw(self, data: st.DataObject, beacon: bytes) -> None:
        index = self.pick(data, UnitStatus.COMMITTED)
        if index is None or self.units[index].drawn:
            return
        unit = self.units[index]
        rate = audit_rate_bps(self.streaks[unit.worker], self.exposure, POLICY)
        if is_drawn(seed_of(beacon, b"j" * 32, 1), unit.claim, rate):
            unit.drawn = True
            self.assign(unit, beacon)
        else:
            unit.status = advance_unit(unit.status, UnitAct.VERIFY)

    def assign(self, unit: Played, beacon: bytes) -> None:
        candidates = [Auditor(worker=address(n), provider=address(n)) for n in range(WORKERS)]
        picked = pick_auditor(beacon, unit.claim, candidates, provider=address(unit.worker), tried=unit.tried)
        unit.held = picked.worker if picked else None
        unit.tried += [picked.worker] if picked else []

    @rule(data=st.data(), beacon=st.binary(min_size=32, max_size=32))
    def lose_the_auditor(self, data: st.DataObject, beacon: bytes) -> None:
        index = self.pick(data, UnitStatus.COMMITTED)
        if index is not None and self.units[index].drawn:
            self.assign(self.units[index], beacon)

    @rule(data=st.data())
    def hand_in(self, data: st.DataObject) -> None:
        index = self.pick(data, *UnitStatus)
        if index is None or self.units[index].held is None:
            return
        unit = self.units[index]
        if is_late(unit.status, stands=True, job_over=False):
            unit.held = None
            return
        revealed = not is_sealed(unit.status, job_over=False, disclosed=False)
        self.shown_before_commitment |= revealed and not unit.disclosed
        unit.held, unit.committed_audits = None, unit.committed_audits + 1
        honest = unit.claim == trace(index)
        if judge(unit.claim, trace(index)) is Judgement.EQUAL:
            unit.status = advance_unit(unit.status, UnitAct.VERIFY)
        else:
            self.found_honest_different |= honest
            unit.status = advance_unit(unit.status, UnitAct.DISPUTE)

    @rule(data=st.data())
    def challenge_as_a_stranger(self, data: st.DataObject) -> None:
        index = self.pick(data, UnitStatus.COMMITTED)
        if index is not None:
            self.units[index].status = advance_unit(UnitStatus.COMMITTED, UnitAct.DISPUTE)
            self.units[index].disclosed = True

    @rule(data=st.data(), conclusive=st.booleans())
    def decide(self, data: st.DataObject, conclusive: bool) -> None:
        index = self.pick(data, UnitStatus.DISPUTED)
        if index is None:
            return
        unit = self.units[index]
        same = judge(unit.claim, trace(index)) is Judgement.EQUAL
        self.found_honest_different |= unit.claim == trace(index) and not same
        act = UnitAct.UPHOLD if same else UnitAct.OVERTURN
        unit.status = advance_unit(unit.status, act if conclusive else UnitAct.AUDIT_AGAIN)

    @precondition(lambda self: hasattr(self, "units"))
    @invariant()
    def nobody_honest_was_found_different(self) -> None:
        assert not self.found_honest_different

    @precondition(lambda self: hasattr(self, "units"))
    @invariant()
    def nothing_was_shown_before_the_auditor_committed(self) -> None:
        assert not self.shown_before_commitment

    @precondition(lambda self: hasattr(self, "units"))
    @invariant()
    def nobody_audits_its_own_work_or_twice(self) -> None:
        for unit in self.units:
            assert address(unit.worker) not in unit.tried
            assert len(set(unit.tried)) == len(unit.tried)

    @precondition(lambda self: hasattr(self, "units"))
    @invariant()
    def no_drawn_wrong_unit_is_verified(self) -> None:
        for index, unit in enumerate(self.units):
            wrong = unit.claim not in {b"", trace(index)}
            assert not (wrong and unit.drawn and unit.status is UnitStatus.VERIFIED)


TestAudits = Audits.TestCase
TestAudits.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
