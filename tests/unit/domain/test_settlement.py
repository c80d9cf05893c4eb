"""Settlement: what each match is owed, to the last unit, whatever was voided."""

from dataclasses import replace

from market.domain.settlement import Voided, settle
from market.protocol import jobs
from tests.unit.domain.builders import a_bid, an_entry


def test_a_voided_unit_is_not_paid_and_its_bond_is_not_unlocked() -> None:
    job = replace(jobs.opened(a_bid()), matches=(an_entry(units=3, audits=1),))
    found = settle(job, {0: Voided(units=1, slashed_wei=5_000)})
    assert (found.pay_wei, found.unlocked_wei) == ((1_500,), (0,))
    assert found.paid_wei + found.refund_wei == job.bid.budget_wei


def test_more_voids_than_units_never_eat_into_the_pay_for_audits() -> None:
    job = replace(jobs.opened(a_bid()), matches=(an_entry(units=1, audits=2),))
    assert settle(job, {0: Voided(units=3, slashed_wei=0)}).pay_wei == (1_000,)
