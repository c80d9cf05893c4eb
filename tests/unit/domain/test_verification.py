"""Sampling: certain for strangers, never below the floor, unpredictable before the beacon, never one's own auditor."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from market.domain.policy import Policy
from market.domain.verification import (
    BPS,
    Auditor,
    Judgement,
    audit_rate_bps,
    expected_audits_up,
    is_drawn,
    judge,
    least_stake_wei,
    pick_auditor,
    seed_of,
)
from tests.unit.domain.builders import address

POLICY = Policy(audit_floor_bps=500)


def test_a_worker_without_a_record_is_always_audited() -> None:
    assert audit_rate_bps(0, POLICY) == BPS
    assert all(is_drawn(bytes([n] * 32), b"r" * 32, BPS) for n in range(50))


@given(st.integers(0, 10_000))
def test_the_rate_never_rises_with_the_streak_and_never_falls_below_the_floor(streak: int) -> None:
    rate = audit_rate_bps(streak, POLICY)
    assert POLICY.audit_floor_bps <= audit_rate_bps(streak + 1, POLICY) <= rate <= BPS


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
    reward=st.integers(1, 10**24),
    cost=st.integers(0, 10**24),
    audits=st.integers(1, 10),
    segments=st.integers(10, 1_000),
    collusion=st.integers(0, 5_000),
)
def test_the_least_stake_makes_cheating_a_losing_bet(
    reward: int, cost: int, audits: int, segments: int, collusion: int
) -> None:
    stake = least_stake_wei(reward_wei=reward, cost_wei=cost, audits=audits, segments=segments, collusion_bps=collusion)
    assert (reward + stake) * (BPS - collusion) >= cost * BPS
    assert (reward + stake) * audits * (BPS - collusion) >= reward * segments * BPS


def test_a_buyer_budgets_whole_audits() -> None:
    assert expected_audits_up([0, 0, 3], POLICY) == 3
