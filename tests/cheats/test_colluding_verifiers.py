"""A verifier in league says EQUAL to anything. It passes its audit, and cheating still does not pay."""

from dataclasses import replace

import pytest

from market.domain.policy import Policy
from market.domain.verification import AUDITABLE, BPS, Judgement, audit_rate_bps, is_late, is_sealed, pick_auditor
from market.protocol.words import UnitStatus, Verdict
from tests.cheats.gallery import GALLERY
from tests.support.arena import Arena, play
from tests.support.arena_careers import (
    FALSE,
    TRUSTED,
    Plan,
    auditors,
    expected_value,
    mean_value,
    reported,
)
from tests.support.arena_chain import ChainReferee

POLICY = Policy()
CAREERS = 4_000


def test_an_auditor_in_league_passes_a_false_trace_and_any_other_does_not() -> None:
    pool, colluding = auditors(POLICY)

    found = {auditor.worker: reported(auditor, colluding, claimed=FALSE) for auditor in pool}

    assert {who for who, said in found.items() if said is Judgement.EQUAL} == colluding
    assert len(colluding) == len(pool) // 3


@pytest.mark.parametrize("units", [4, 25])
def test_laziness_loses_money_although_a_third_of_the_auditors_is_in_league(units: int) -> None:
    value, caught = mean_value(Plan(stake=75, units=units), POLICY, CAREERS)

    assert caught > 0
    assert value < 0


@pytest.mark.parametrize("stake", [20, 75, 76, 500])
@pytest.mark.parametrize("units", [1, 2, 30])
def test_no_bond_makes_any_number_of_false_units_worth_while(stake: int, units: int) -> None:
    assert expected_value(Plan(stake=stake, units=units), POLICY) < 0


def test_a_bond_too_small_to_lose_is_audited_at_every_unit() -> None:
    assert audit_rate_bps(TRUSTED, Plan(stake=0, units=1).exposure(), POLICY) == BPS


def test_careers_come_out_as_computed() -> None:
    plan = Plan(stake=75, units=8)

    value, _ = mean_value(plan, POLICY, CAREERS)

    # Three standard errors of so many careers.
    assert value == pytest.approx(expected_value(plan, POLICY), abs=2.0)


def test_spoiling_one_unit_loses_money_too() -> None:
    gain = POLICY.sabotage_gain_bps / BPS

    assert expected_value(Plan(stake=75, units=1, gain=gain), POLICY) < 0


def test_without_its_collusion_share_the_rate_would_be_too_low() -> None:
    trusting = replace(POLICY, collusion_bps=0, audit_floor_bps=0)
    plan = Plan(stake=20, units=20, gain=1.0, collusion_bps=POLICY.collusion_bps)

    with_share = audit_rate_bps(TRUSTED, plan.exposure(), replace(POLICY, audit_floor_bps=0))

    assert audit_rate_bps(TRUSTED, plan.exposure(), trusting) < with_share


def test_a_second_draw_asks_somebody_else() -> None:
    pool, _ = auditors(POLICY)
    first = pick_auditor(b"seed", b"receipt", pool, provider="0xcheat", tried=())
    assert first is not None

    second = pick_auditor(b"seed", b"receipt", pool, provider="0xcheat", tried=(first.worker,))

    assert second is not None
    assert second.worker != first.worker


def test_anybody_convicts_on_chain_what_a_verifier_let_pass(referee: ChainReferee, arena: Arena) -> None:
    accused = GALLERY["one_element"].commit(arena, 5)
    pool, colluding = auditors(POLICY)
    friend = next(auditor for auditor in pool if auditor.worker in colluding)
    assert reported(friend, colluding, claimed=accused.claim.trace_root) is Judgement.EQUAL

    played = play(referee, accused, arena.challenger())

    assert played.verdict is Verdict.OVERTURNED
    assert referee.slashed_wei > 0


@pytest.mark.parametrize("unit", sorted(AUDITABLE))
def test_a_copier_finds_nothing_to_copy(unit: UnitStatus) -> None:
    assert is_sealed(unit, job_over=False, disclosed=False)


def test_an_audit_that_comes_when_the_answer_may_be_known_is_refused() -> None:
    assert is_late(UnitStatus.VERIFIED, stands=True, job_over=False)
    assert is_late(UnitStatus.DONE, stands=False, job_over=False)
    assert not is_late(UnitStatus.DONE, stands=True, job_over=False)
