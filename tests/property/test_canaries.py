"""Planted units: as many as make looking pay, nowhere in particular, and never a mark against who is within bounds."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.domain.canaries import (
    BPS,
    Bound,
    Evidence,
    Finding,
    NothingCalibrated,
    after_answer,
    calibrate,
    canary_rate_bps,
    finding,
    is_planted,
    is_telling,
    planted_units,
    seed_commitment,
)
from market.domain.policy import Policy

seeds = st.binary(min_size=32, max_size=32)
distances = st.lists(st.integers(0, 10**9), min_size=1, max_size=40)


def answered(measured: Sequence[int], bound: Bound, evidence: Evidence | None = None) -> Evidence:
    """Return the evidence after these answers, one by one."""
    found = evidence or Evidence()
    for distance in measured:
        found = after_answer(found, distance, bound)
    return found


def test_a_bonus_of_five_and_a_slash_of_twenty_plant_one_unit_in_twenty_five() -> None:
    assert canary_rate_bps(Policy(canary_bonus_bps=50_000, canary_slash_bps=200_000)) == 400


@given(bonus=st.integers(0, 10**7), slash=st.integers(0, 10**7))
def test_at_the_rate_looking_pays_unless_nothing_could_make_it_pay(bonus: int, slash: int) -> None:
    rate = canary_rate_bps(Policy(canary_bonus_bps=bonus, canary_slash_bps=slash))
    assert rate * (bonus + slash) >= BPS * BPS or rate == BPS


@given(bonus=st.integers(0, 10**7), slash=st.integers(0, 10**7), more=st.integers(0, 10**7))
def test_more_at_stake_never_plants_more(bonus: int, slash: int, more: int) -> None:
    rate = canary_rate_bps(Policy(canary_bonus_bps=bonus, canary_slash_bps=slash))
    assert canary_rate_bps(Policy(canary_bonus_bps=bonus + more, canary_slash_bps=slash)) <= rate
    assert canary_rate_bps(Policy(canary_bonus_bps=bonus, canary_slash_bps=slash + more)) <= rate


@given(seed=seeds, unit=st.integers(0, 10**6), low=st.integers(0, BPS), high=st.integers(0, BPS))
def test_a_higher_rate_plants_all_that_a_lower_one_plants(seed: bytes, unit: int, low: int, high: int) -> None:
    low, high = sorted((low, high))
    assert is_planted(seed, unit, high) or not is_planted(seed, unit, low)


@pytest.mark.parametrize("rate", [0, 400, 2_500, BPS])
def test_the_planted_share_is_the_rate(rate: int) -> None:
    planted = planted_units(hashlib.sha256(b"one seed").digest(), 10_000, rate)
    slack = 5 * (10_000 * rate * (BPS - rate)) ** 0.5 / BPS  # five standard deviations either side
    assert abs(len(planted) - rate) <= slack


def test_over_many_seeds_no_index_is_planted_more_often_than_another() -> None:
    counts = [sum(is_planted(bytes([n >> 8, n & 255]) * 16, unit, 2_500) for n in range(2_000)) for unit in range(12)]
    assert min(counts) > 400 and max(counts) < 600  # 500 expected; five standard deviations either side


@given(seed=seeds, other=seeds)
def test_a_commitment_binds_one_seed(seed: bytes, other: bytes) -> None:
    assert (seed_commitment(seed) == seed_commitment(other)) == (seed == other)


@given(honest=distances, policy=st.builds(Policy, canary_margin_bps=st.integers(0, 100_000)), data=st.data())
def test_a_verifier_within_bounds_is_never_marked(honest: list[int], policy: Policy, data: st.DataObject) -> None:
    bound = calibrate(honest, policy)
    again = data.draw(st.lists(st.sampled_from(honest), max_size=100))
    assert finding(answered(again, bound), policy) is Finding.CLEAR


@given(bound=st.builds(Bound, distance=st.integers(0, 10**9)), beyond=st.integers(1, 10**9), honest=st.integers(0, 100))
def test_one_answer_alone_withholds_nothing(bound: Bound, beyond: int, honest: int) -> None:
    found = answered([0] * honest + [bound.distance + beyond], bound)
    assert finding(found, Policy()) is Finding.WATCHED


@given(bound=st.builds(Bound, distance=st.integers(0, 10**9)), beyond=st.integers(1, 10**9), units=st.integers(3, 50))
def test_a_copier_of_telling_claims_is_found(bound: Bound, beyond: int, units: int) -> None:
    claim = bound.distance + beyond
    assert is_telling(claim, bound)
    assert finding(answered([claim] * units, bound), Policy()) is Finding.WITHHELD


@given(bound=st.builds(Bound, distance=st.integers(0, 10**9)), measured=distances, more=st.integers(0, 10**9))
def test_a_wider_bound_never_finds_more_misses(bound: Bound, measured: list[int], more: int) -> None:
    wider = Bound(distance=bound.distance + more)
    assert answered(measured, wider).missed <= answered(measured, bound).missed


def test_rare_strays_of_a_long_career_withhold_nothing() -> None:
    assert finding(Evidence(answered=1_000, missed=10), Policy()) is Finding.WATCHED
    assert finding(Evidence(answered=100, missed=10), Policy()) is Finding.WITHHELD


def test_a_claim_within_the_bound_tells_nobody_from_anybody() -> None:
    assert not is_telling(7, Bound(distance=7))


def test_nothing_is_calibrated_from_nothing() -> None:
    with pytest.raises(NothingCalibrated):
        calibrate([], Policy())
