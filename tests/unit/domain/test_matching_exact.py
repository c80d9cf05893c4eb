"""Exact work runs on any machine; pinned work on machines of one kind."""

import pytest

from market.domain.matching import Reason, match
from market.domain.policy import Policy
from market.protocol.words import ExecutionClass
from tests.unit.domain.builders import NOW, a_bid, an_offer, standing

POLICY = Policy()
KINDS = [standing(n, offer=an_offer(n, fingerprint=bytes([n]) * 32)) for n in (1, 2, 3)]


def test_exact_work_is_matched_to_machines_of_every_fingerprint() -> None:
    found = match(a_bid(execution_class=ExecutionClass.EXACT), KINDS, POLICY, now=NOW)
    assert {item.offer.fingerprint[0] for item in found.chosen} == {1, 2, 3}
    assert (found.rejected, found.fingerprint) == ((), None)


def test_the_same_machines_share_no_pinned_work() -> None:
    found = match(a_bid(execution_class=ExecutionClass.PINNED), KINDS, POLICY, now=NOW)
    assert (len(found.chosen), found.fingerprint) == (1, found.chosen[0].offer.fingerprint)
    assert {item.reason for item in found.rejected} == {Reason.OTHER_FINGERPRINT}


def test_exact_work_is_given_out_by_price_alone() -> None:
    prices = {1: 90, 2: 30, 3: 60}
    offers = [
        standing(n, offer=an_offer(n, fingerprint=bytes([n]) * 32, price_wei_per_gigaflop=price))
        for n, price in prices.items()
    ]
    found = match(a_bid(execution_class=ExecutionClass.EXACT), offers, POLICY, now=NOW)
    assert [item.offer.price_wei_per_gigaflop for item in found.chosen] == [30, 60, 90]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"free_bond_wei": 0}, Reason.BOND_TOO_SMALL),
        ({"draining": True}, Reason.DRAINING),
        ({"offer": an_offer(price_wei_per_gigaflop=101)}, Reason.PRICE_TOO_HIGH),
    ],
)
def test_what_else_keeps_an_offer_out_keeps_it_out_of_exact_work(changes: dict[str, object], reason: Reason) -> None:
    found = match(a_bid(execution_class=ExecutionClass.EXACT), [standing(**changes)], POLICY, now=NOW)
    assert (found.chosen, [item.reason for item in found.rejected]) == ((), [reason])
