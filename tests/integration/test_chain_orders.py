"""What a job can do beside being matched, committed and settled, against a real node: the record is kept all along."""

import asyncio
import secrets

import pytest

from market.chain import orders
from market.chain.authorizations import sign_authorization
from market.chain.errors import ContractRevert
from market.chain.gateway import ChainGateway, Sent
from market.chain.parameters import TOKEN_WEI
from market.chain.reverts import ContractError
from market.protocol import jobs as records
from market.protocol.jobs import decode_work
from market.protocol.typed import Acceptance, Cancel, Extension, Sponsorship, digest
from market.protocol.words import JobStatus
from tests.integration.chain_fixtures import Newcomer
from tests.integration.chain_story import BOND_WEI, UNIT_PRICE_WEI, Signed, Story, funded_story


def extension(story: Story, **changes: int) -> Extension:
    """Return a change of the story's job as it stands."""
    record = story.record
    totals = {"units": record.units, "max_audits": record.max_audits, "deadline": record.deadline}
    return Extension(job_id=story.job_id, revision=record.revision, **{**totals, **changes})


async def settle_receipt(story: Story, accused: Signed, *, units: int, by: ChainGateway) -> Sent:
    """Have a receipt counted that the operator has countersigned and not committed."""
    domain = story.operator.deployment.domain
    acceptance = Acceptance(receipt_digest=digest(accused.receipt, domain), units=units, audits=0)
    sent = await orders.settle_receipt(
        by,
        story.record,
        accused.receipt,
        accused.signature,
        acceptance=acceptance,
        countersignature=story.sign(acceptance, story.operator),
    )
    event = sent.event("ReceiptsCommitted")
    assert event is not None
    work = decode_work(event.args["work"])
    story.record = records.committed(story.record, work, at=event.block_timestamp, voided_units=0)
    return sent


async def test_a_sponsor_pays_for_a_job_and_gets_back_what_it_did_not_cost(
    newcomer: Newcomer, operator: ChainGateway
) -> None:
    story, sponsor = await funded_story(newcomer, operator, units=1), await newcomer()
    await sponsor.deposit_escrow(story.bid.budget_wei)
    story.sponsor = sponsor
    await story.open_and_match()
    locked = await operator.escrow(sponsor.address)

    await story.commit(story.receipt(0))
    await asyncio.sleep(2.1)
    await story.settle()

    assert (locked.free_wei, locked.locked_wei) == (0, story.bid.budget_wei)
    assert (await operator.escrow(sponsor.address)).free_wei == story.bid.budget_wei - UNIT_PRICE_WEI
    assert (await operator.escrow(story.buyer.address)).free_wei == story.bid.budget_wei
    assert await operator.job_hash(story.job_id) == story.record.hash()


async def test_nobody_is_made_to_pay_by_a_bid_that_names_them(newcomer: Newcomer, operator: ChainGateway) -> None:
    story, rich = await funded_story(newcomer, operator, units=1), await newcomer()
    await rich.deposit_escrow(story.bid.budget_wei)
    story.sponsor = rich
    forged = story.sign(Sponsorship(job_id=story.job_id), story.buyer)

    with pytest.raises(ContractRevert) as refused:
        await orders.open_job(operator, story.bid, story.sign(story.bid, story.buyer), sponsorship=forged)

    assert refused.value.contract_error == ContractError.JOBS_BAD_SIGNATURE
    assert refused.value.arguments["signer"] == rich.address


async def test_a_running_job_is_paid_in_part_and_what_is_paid_is_closed(
    newcomer: Newcomer, operator: ChainGateway
) -> None:
    story = await funded_story(newcomer, operator, units=3)
    await story.open_and_match()
    await story.commit(story.receipt(0), story.receipt(1))
    await asyncio.sleep(2.1)

    sent = await orders.settle_part(operator, story.record)

    story.record = records.paid_in_part(story.record)
    paid = sent.event("JobPaid")
    assert paid is not None
    assert (paid.args["closed_units"], paid.args["earned_wei"]) == (2, (2 * UNIT_PRICE_WEI,))
    assert await operator.job_hash(story.job_id) == story.record.hash()
    assert await operator.job_credit_wei(story.providers[0].address) == 2 * UNIT_PRICE_WEI
    await story.commit(story.receipt(2))
    await asyncio.sleep(2.1)
    settled = (await story.settle()).event("JobSettled")
    assert settled is not None
    assert settled.args["earned_wei"] == (UNIT_PRICE_WEI,)
    assert await operator.job_hash(story.job_id) == story.record.hash()


async def test_an_extension_gives_a_complete_job_more_units_and_locks_what_they_can_cost(
    newcomer: Newcomer, operator: ChainGateway
) -> None:
    story = await funded_story(newcomer, operator, units=1)
    await story.open_and_match()
    await story.commit(story.receipt(0))
    more = extension(story, units=2, deadline=story.record.deadline + 60)
    await story.buyer.deposit_escrow(story.bid.max_unit_price_wei)

    await orders.extend(operator, story.record, more, story.sign(more, story.buyer))

    story.record = records.extended(story.record, more, voided_units=0)
    assert (story.record.status, story.record.revision) == (JobStatus.MATCHED, 1)
    assert await operator.job_hash(story.job_id) == story.record.hash()
    assert (await operator.escrow(story.buyer.address)).locked_wei == story.record.budget_wei
    with pytest.raises(ContractRevert) as again:
        await orders.extend(operator, story.record, more, story.sign(more, story.buyer))
    assert again.value.contract_error == ContractError.JOBS_WRONG_REVISION


async def test_a_cancelled_job_is_never_extended(newcomer: Newcomer, operator: ChainGateway) -> None:
    story = await funded_story(newcomer, operator, units=1)
    await story.open_and_match()
    wish = story.sign(Cancel(job_id=story.job_id), story.buyer)

    cancelled = (await orders.cancel(operator, story.record, wish)).event("JobCancelled")

    assert cancelled is not None
    story.record = records.cancelled(story.record, deadline=cancelled.args["deadline"])
    assert await operator.job_hash(story.job_id) == story.record.hash()
    more = extension(story, deadline=story.bid.deadline + 60)
    with pytest.raises(ContractRevert) as refused:
        await orders.extend(operator, story.record, more, story.sign(more, story.buyer))
    assert refused.value.contract_error == ContractError.JOBS_WRONG_REVISION


async def test_a_provider_whom_the_operator_leaves_out_is_paid_by_its_countersigned_receipt(
    newcomer: Newcomer, operator: ChainGateway
) -> None:
    story = await funded_story(newcomer, operator, units=2)
    await story.open_and_match()
    second = story.receipt(1)

    await settle_receipt(story, second, units=2, by=story.providers[0])
    await asyncio.sleep(2.1)
    await orders.settle(story.providers[0], story.record)

    assert await operator.job_hash(story.job_id) == records.settled(story.record).hash()
    assert await operator.job_credit_wei(story.providers[0].address) == 2 * UNIT_PRICE_WEI


async def test_a_countersigned_receipt_counts_once(newcomer: Newcomer, operator: ChainGateway) -> None:
    story = await funded_story(newcomer, operator, units=2)
    await story.open_and_match()
    first = story.receipt(0)
    await settle_receipt(story, first, units=1, by=story.providers[0])

    with pytest.raises(ContractRevert) as refused:
        await settle_receipt(story, first, units=1, by=story.providers[0])

    assert refused.value.contract_error == ContractError.JOBS_NOTHING_NEW


async def test_a_bond_stays_idle_for_the_next_job_and_is_released_when_asked_for(
    newcomer: Newcomer, operator: ChainGateway
) -> None:
    story = await funded_story(newcomer, operator, units=1)
    await story.open_and_match()
    await story.commit(story.receipt(0))
    await asyncio.sleep(2.1)
    await story.settle()
    provider = story.providers[0]
    idle_wei, locked_wei = (
        await provider.idle_bond_wei(provider.address),
        (await provider.bond(provider.address)).locked_wei,
    )

    await provider.release_bond()

    assert (idle_wei, locked_wei) == (BOND_WEI, BOND_WEI)
    assert await provider.idle_bond_wei(provider.address) == 0
    assert (await provider.bond(provider.address)).free_wei == BOND_WEI


async def test_a_buyer_without_gas_funds_escrow_through_a_relayed_authorization(
    newcomer: Newcomer, operator: ChainGateway
) -> None:
    buyer = await newcomer(gas_wei=0)
    now = (await buyer.latest_block()).timestamp
    authorization = sign_authorization(
        buyer.account,
        buyer.deployment,
        receiver=buyer.deployment.jobs,
        amount_wei=5 * TOKEN_WEI,
        nonce=secrets.token_bytes(32),
        valid_before=now + 600,
    )

    await orders.relay_authorization(operator, authorization)

    assert (await buyer.escrow(buyer.address)).free_wei == 5 * TOKEN_WEI
