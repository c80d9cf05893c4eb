"""Sampling: certain for strangers, never so rare that cheating pays, unpredictable before the beacon, never one's own
auditor; and nothing to copy an audit from."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.domain.policy import Policy
from market.domain.verification import (
    BPS,
    Auditor,
    Exposure,
    Judgement,
    NothingDeters,
    audit_rate_bps,
    expected_audit_share_bps,
    expected_audits_up,
    is_drawn,
    is_late,
    is_sealed,
    judge,
    least_rate_bps,
    least_stake_wei,
    pick_auditor,
    seed_of,
)
from market.protocol.words import UnitStatus
from tests.unit.domain.builders import address

POLICY = Policy(audit_floor_bps=500)
RICH = Exposure(stake_wei=10**24, unit_price_wei=1, units=1)
NO_FRIENDS = Policy(audit_floor_bps=0, collusion_bps=0)

exposures = st.builds(
    Exposure, stake_wei=st.integers(0, 10**24), unit_price_wei=st.integers(0, 10**22), units=st.integers(1, 1_000)
)
policies = st.builds(
    Policy,
    audit_floor_bps=st.integers(0, BPS),
    collusion_bps=st.integers(0, BPS),
    detection_bps=st.integers(0, BPS),
    sabotage_gain_bps=st.integers(0, 100 * BPS),
)


def test_a_worker_without_a_record_is_always_audited() -> None:
    assert audit_rate_bps(0, RICH, POLICY) == BPS
    assert all(is_drawn(bytes([n] * 32), b"r" * 32, BPS) for n in range(50))


@given(st.integers(0, 10_000), exposures, policies)
def test_the_rate_never_rises_with_the_streak_and_never_falls_below_the_floor(
    streak: int, exposure: Exposure, policy: Policy
) -> None:
    rate = audit_rate_bps(streak, exposure, policy)
    floor = max(policy.audit_floor_bps, least_rate_bps(exposure, policy))
    assert floor <= audit_rate_bps(streak + 1, exposure, policy) <= rate <= BPS


@given(exposures, policies, st.integers(1, 1_000))
def test_at_the_least_rate_no_number_of_wrong_units_pays(exposure: Exposure, policy: Policy, wrong: int) -> None:
    rate = least_rate_bps(exposure, policy)
    wrong, seen = min(wrong, exposure.units), (BPS - policy.collusion_bps) * policy.detection_bps
    gain_wei = wrong * exposure.unit_price_wei
    deterred = rate * seen * (gain_wei + exposure.stake_wei) >= gain_wei * BPS**3
    assert deterred or rate == BPS


@given(exposures, policies)
def test_at_the_least_rate_spoiling_one_unit_does_not_pay(exposure: Exposure, policy: Policy) -> None:
    rate, seen = least_rate_bps(exposure, policy), (BPS - policy.collusion_bps) * policy.detection_bps
    loss_wei = exposure.unit_price_wei + exposure.stake_wei
    gain = exposure.unit_price_wei * policy.sabotage_gain_bps
    assert rate * seen * loss_wei >= gain * BPS**2 or rate == BPS


@pytest.mark.parametrize(
    ("stake", "collusion_bps", "rate"), [(10, 0, 910), (50, 0, 197), (100, 0, 100), (99, 5_000, 200)]
)
def test_the_rate_is_the_reward_over_what_is_lost_rounded_up(stake: int, collusion_bps: int, rate: int) -> None:
    exposure = Exposure(stake_wei=stake * 10**18, unit_price_wei=10**18, units=1)
    assert least_rate_bps(exposure, replace(NO_FRIENDS, collusion_bps=collusion_bps)) == rate


@given(exposures, policies, st.integers(1, 10**24))
def test_more_stake_never_raises_the_rate(exposure: Exposure, policy: Policy, more_wei: int) -> None:
    richer = replace(exposure, stake_wei=exposure.stake_wei + more_wei)
    assert least_rate_bps(richer, policy) <= least_rate_bps(exposure, policy)


def test_without_any_stake_everything_is_audited_however_long_the_streak() -> None:
    assert audit_rate_bps(10_000, Exposure(stake_wei=0, unit_price_wei=1, units=1), Policy()) == BPS


def test_a_trusted_worker_with_a_bond_of_a_hundred_units_costs_a_long_job_at_most_three_percent() -> None:
    exposure = Exposure(stake_wei=100 * 10**18, unit_price_wei=10**18, units=1)
    assert expected_audit_share_bps([200] * 1_000, exposure, Policy()) == Policy().audit_floor_bps <= 300


def test_a_job_without_units_spends_nothing_on_audits() -> None:
    assert expected_audit_share_bps([], RICH, POLICY) == 0


def test_the_share_of_drawn_receipts_is_the_rate() -> None:
    seed = b"\x05" * 32
    drawn = sum(is_drawn(seed, hashlib.sha256(bytes([n >> 8, n & 255])).digest(), 2_000) for n in range(5_000))
    assert 850 < drawn < 1_150  # 1,000 expected; five standard deviations either side


def test_another_beacon_draws_other_receipts() -> None:
    receipts = [hashlib.sha256(bytes([n])).digest() for n in range(200)]
    seeds = [seed_of(bytes([n] * 32), b"j" * 32, 1) for n in (1, 2)]
    draws = [[is_drawn(seed, receipt, 5_000) for receipt in receipts] for seed in seeds]
    assert draws[0] != draws[1]


@given(st.integers(0, 2**32), st.permutations(range(1, 8)))
def test_the_auditor_depends_on_the_seed_and_not_on_the_order_of_candidates(seed: int, order: list[int]) -> None:
    candidates = [Auditor(worker=address(n), provider=address(n)) for n in order]
    pick = pick_auditor(seed.to_bytes(32, "big"), b"r" * 32, candidates, provider=address(3), tried=[])
    same = pick_auditor(seed.to_bytes(32, "big"), b"r" * 32, sorted(candidates, key=str), provider=address(3), tried=[])
    assert pick == same
    assert pick is not None and pick.provider != address(3)


def test_nobody_audits_the_same_receipt_twice() -> None:
    candidates = [Auditor(worker=address(n), provider=address(n)) for n in (1, 2)]
    first = pick_auditor(b"s", b"r", candidates, provider=address(9), tried=[])
    assert first is not None
    second = pick_auditor(b"s", b"r", candidates, provider=address(9), tried=[first.worker.upper().replace("X", "x")])
    assert second is not None and second != first
    assert pick_auditor(b"s", b"r", candidates, provider=address(9), tried=[first.worker, second.worker]) is None


def test_one_changed_bit_is_a_difference() -> None:
    assert judge(b"\x00" * 32, b"\x00" * 32) is Judgement.EQUAL
    assert judge(b"\x00" * 32, b"\x00" * 31 + b"\x01") is Judgement.DIFFERENT


@given(
    price=st.integers(BPS, 10**22),
    units=st.integers(1, 1_000),
    rate=st.integers(1, BPS),
    collusion_bps=st.integers(0, BPS - 1),
    gain_bps=st.integers(0, 100 * BPS),
)
def test_at_the_least_stake_the_rate_is_the_one_that_was_assumed(
    price: int, units: int, rate: int, collusion_bps: int, gain_bps: int
) -> None:
    policy = Policy(collusion_bps=collusion_bps, sabotage_gain_bps=gain_bps)
    stake = least_stake_wei(rate_bps=rate, unit_price_wei=price, units=units, policy=policy)
    found = least_rate_bps(Exposure(stake_wei=stake, unit_price_wei=price, units=units), policy)
    assert found == rate if stake > 0 else found <= rate


@given(price=st.integers(1, 10**22), units=st.integers(1, 1_000), rate=st.integers(1, BPS))
def test_a_wei_less_than_the_least_stake_asks_for_more_audits(price: int, units: int, rate: int) -> None:
    stake = least_stake_wei(rate_bps=rate, unit_price_wei=price, units=units, policy=Policy())
    less = Exposure(stake_wei=stake - 1, unit_price_wei=price, units=units)
    assert stake == 0 or least_rate_bps(less, Policy()) > rate or rate == BPS


@pytest.mark.parametrize(
    ("rate", "policy"), [(0, Policy()), (100, Policy(collusion_bps=BPS)), (100, Policy(detection_bps=0))]
)
def test_no_stake_deters_where_no_audit_tells(rate: int, policy: Policy) -> None:
    with pytest.raises(NothingDeters):
        least_stake_wei(rate_bps=rate, unit_price_wei=1, units=1, policy=policy)


def test_a_buyer_budgets_whole_audits() -> None:
    assert expected_audits_up([0, 0, 3], RICH, POLICY) == 3


@pytest.mark.parametrize("status", [s for s in UnitStatus if s is not UnitStatus.VERIFIED])
def test_a_unit_is_sealed_until_it_is_verified(status: UnitStatus) -> None:
    assert is_sealed(status, job_over=False, disclosed=False)
    assert not is_sealed(UnitStatus.VERIFIED, job_over=False, disclosed=False)


@pytest.mark.parametrize(("job_over", "disclosed"), [(True, False), (False, True)])
def test_what_is_over_or_disclosed_on_chain_is_sealed_no_more(job_over: bool, disclosed: bool) -> None:
    assert not is_sealed(UnitStatus.COMMITTED, job_over=job_over, disclosed=disclosed)


@pytest.mark.parametrize("status", list(UnitStatus))
def test_whatever_is_revealed_by_its_unit_is_too_late_to_audit(status: UnitStatus) -> None:
    revealed = not is_sealed(status, job_over=False, disclosed=False)
    assert is_late(status, stands=True, job_over=False) or not revealed


def test_an_audit_is_in_time_only_for_a_standing_receipt_of_a_running_job() -> None:
    assert not is_late(UnitStatus.COMMITTED, stands=True, job_over=False)
    assert is_late(UnitStatus.COMMITTED, stands=False, job_over=False)
    assert is_late(UnitStatus.COMMITTED, stands=True, job_over=True)
    assert is_late(UnitStatus.DISPUTED, stands=True, job_over=False)
