"""Matching: who is chosen, and that everybody else is told why and what would help."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.domain.matching import Reason, match
from market.domain.policy import Policy
from tests.unit.domain.builders import NOW, a_bid, an_offer, standing

POLICY = Policy()


def test_cheapest_offer_is_chosen_first() -> None:
    dear, cheap = standing(1, offer=an_offer(1, price_wei_per_gigaflop=90)), standing(2)
    found = match(a_bid(), [dear, cheap], POLICY, now=NOW)
    assert [item.offer.worker for item in found.chosen] == [cheap.offer.worker, dear.offer.worker]


def test_an_offer_above_the_bid_is_told_the_price_that_would_match() -> None:
    found = match(a_bid(), [standing(offer=an_offer(price_wei_per_gigaflop=101))], POLICY, now=NOW)
    assert found.rejected[0].reason is Reason.PRICE_TOO_HIGH
    assert "100 wei per gigaflop" in found.rejected[0].remedy


def test_the_remedy_for_a_high_price_does_match() -> None:
    found = match(a_bid(), [standing(offer=an_offer(price_wei_per_gigaflop=100))], POLICY, now=NOW)
    assert len(found.chosen) == 1


def test_a_provider_with_two_workers_spends_its_bond_once_per_match() -> None:
    shared = [standing(n, offer=an_offer(n, provider="0x" + "aa" * 20), free_bond_wei=7_000) for n in (1, 2)]
    found = match(a_bid(bond_wei=5_000), shared, POLICY, now=NOW)
    assert len(found.chosen) == 1
    assert (found.rejected[0].reason, found.rejected[0].remedy) == (Reason.BOND_TOO_SMALL, "add 3000 wei of bond")


def test_pinned_work_goes_to_machines_of_one_fingerprint() -> None:
    other = an_offer(3, fingerprint=b"\x08" * 32, price_wei_per_gigaflop=1)
    found = match(a_bid(), [standing(1), standing(2), standing(3, offer=other)], POLICY, now=NOW)
    assert {item.offer.fingerprint for item in found.chosen} == {b"\x07" * 32}
    assert found.rejected[0].reason is Reason.OTHER_FINGERPRINT


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seconds_silent": 61.0}, Reason.NOT_PRESENT),
        ({"draining": True}, Reason.DRAINING),
        ({"offer": an_offer(valid_until=NOW)}, Reason.OFFER_EXPIRED),
    ],
)
def test_an_offer_that_cannot_work_now_is_told_why(changes: dict[str, object], reason: Reason) -> None:
    assert match(a_bid(), [standing(**changes)], POLICY, now=NOW).rejected[0].reason is reason


def test_a_full_job_takes_the_cheapest_and_names_the_rest() -> None:
    offers = [standing(n, offer=an_offer(n, price_wei_per_gigaflop=n)) for n in range(1, 6)]
    found = match(a_bid(), offers, Policy(match_width=3), now=NOW)
    assert [item.offer.price_wei_per_gigaflop for item in found.chosen] == [1, 2, 3]
    assert {item.reason for item in found.rejected} == {Reason.JOB_IS_FULL}


def test_a_small_job_is_matched_to_a_few_and_not_to_everybody() -> None:
    offers = [standing(n) for n in range(1, 30)]
    assert len(match(a_bid(units=1), offers, Policy(spare_matches=5), now=NOW).chosen) == 6


def test_those_who_only_check_come_after_those_who_work() -> None:
    checker, worker = standing(1, checks_only=True), standing(2, offer=an_offer(2, price_wei_per_gigaflop=99))
    found = match(a_bid(), [checker, worker], POLICY, now=NOW)
    assert [item.checks_only for item in found.chosen] == [False, True]


def test_a_job_is_not_matched_where_nobody_works() -> None:
    found = match(a_bid(), [standing(1, checks_only=True)], POLICY, now=NOW)
    assert (found.chosen, found.rejected[0].reason) == ((), Reason.NOBODY_WORKS)


@given(
    prices=st.lists(st.integers(0, 200), min_size=1, max_size=12),
    bonds=st.lists(st.integers(0, 12_000), min_size=12, max_size=12),
    seed=st.integers(0, 1000),
)
def test_every_offer_is_chosen_or_told_why_whatever_the_order(prices: list[int], bonds: list[int], seed: int) -> None:
    offers = [
        standing(n, offer=an_offer(n, price_wei_per_gigaflop=price), free_bond_wei=bonds[n - 1])
        for n, price in enumerate(prices, start=1)
    ]
    shuffled = random.Random(seed).sample(offers, len(offers))
    found, again = match(a_bid(), offers, POLICY, now=NOW), match(a_bid(), shuffled, POLICY, now=NOW)
    assert len(found.chosen) + len(found.rejected) == len(offers)
    assert found.chosen == again.chosen
    assert {r.worker: r.reason for r in found.rejected} == {r.worker: r.reason for r in again.rejected}
    assert all(item.offer.price_wei_per_gigaflop * 10 <= 1_000 for item in found.chosen)
