"""Settlement: what each match is owed, to the last unit, whatever was voided."""

from dataclasses import replace

from market.domain.settlement import Voided, pay, settle
from market.protocol import jobs
from tests.unit.domain.builders import a_bid, an_entry


def test_a_voided_unit_is_not_paid_and_its_bond_is_not_freed() -> None:
    job = replace(jobs.opened(a_bid()), matches=(an_entry(units=3, audits=1),))
    found = settle(job, {0: Voided(units=1, slashed_wei=5_000)})
    assert (found.pay_wei, found.freed_wei) == ((1_500,), (0,))
    assert found.paid_wei + found.refund_wei == job.budget_wei


def test_what_was_paid_in_part_is_paid_once() -> None:
    job = replace(jobs.opened(a_bid()), matches=(an_entry(units=2, audits=1),))
    first_wei = pay(job, {})
    later = replace(jobs.paid_in_part(job), matches=(an_entry(units=3, audits=1, paid_units=2, paid_audits=1),))
    found = settle(later, {})
    assert (first_wei, found.pay_wei, found.before_wei) == ((1_500,), (500,), 1_500)
    assert found.before_wei + found.paid_wei + found.refund_wei == job.budget_wei


def test_a_job_without_bonds_frees_none() -> None:
    job = replace(jobs.opened(a_bid(bond_wei=0)), matches=(an_entry(units=1),))
    assert settle(job, {}).freed_wei == (0,)
