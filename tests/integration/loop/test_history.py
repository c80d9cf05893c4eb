"""What a provider reads out of the chain's logs is the record that the contract goes by, after every act there is."""

import secrets

import pytest

from market.chain import orders
from market.chain.deployment import Deployment
from market.chain.devkeys import OPERATOR, dev_account
from market.chain.gateway import ChainGateway
from market.chain.transport import HttpTransport
from market.protocol.typed import Extension
from market.protocol.words import JobStatus
from tests.integration.chain_fixtures import newcomers, pass_time
from tests.integration.chain_story import Story, enrolled, funded_story, judged
from worker.agent.history import NoSuchJob, record_of

WINDOW_SECONDS = 60


@pytest.fixture
async def story(quiet_rpc: HttpTransport, quiet_deployment: Deployment) -> Story:
    """A matched job of two units."""
    operator = ChainGateway(quiet_rpc, quiet_deployment, dev_account(OPERATOR))
    made = await funded_story(newcomers(quiet_rpc, quiet_deployment), operator, window_seconds=WINDOW_SECONDS)
    await made.open_and_match()
    return made


async def told(story: Story) -> JobStatus:
    """Return the job's status by its logs; `record_of` believes nothing that the contract does not store."""
    return (await record_of(story.buyer, story.job_id)).status


async def test_a_job_that_runs_is_extended_paid_in_part_cancelled_and_expires(story: Story) -> None:
    statuses = [await told(story)]
    await story.commit(story.receipt(0))
    statuses.append(await told(story))
    await extend(story)
    statuses.append(await told(story))
    await pass_time(story.buyer.transport, WINDOW_SECONDS + 1)
    await orders.settle_part(story.operator, await record_of(story.buyer, story.job_id))
    statuses.append(await told(story))
    await orders.cancel(story.buyer, await record_of(story.buyer, story.job_id))
    statuses.append(await told(story))
    await pass_time(story.buyer.transport, 2 * WINDOW_SECONDS)
    await orders.expire(story.buyer, await record_of(story.buyer, story.job_id))
    statuses.append(await told(story))

    assert statuses == [JobStatus.MATCHED] * 5 + [JobStatus.EXPIRED]
    assert await story.buyer.job_credit_wei(story.providers[0].address) > 0


async def test_a_unit_that_was_voided_and_done_again_counts_once(
    story: Story, quiet_rpc: HttpTransport, quiet_deployment: Deployment
) -> None:
    newcomer = newcomers(quiet_rpc, quiet_deployment)
    verifiers = [await enrolled(newcomer) for _ in range(3)]
    challenger = await newcomer()
    await challenger.deposit_bond(await challenger.challenge_lock_wei())
    false = story.receipt(0)
    await story.commit(false, story.receipt(1))
    await judged(story, false, challenger, verifiers, found=secrets.token_bytes(32))
    voided = await told(story)
    await story.commit(story.receipt(0), voided_units=1)
    again = await told(story)
    await pass_time(quiet_rpc, WINDOW_SECONDS + 1)
    await orders.settle(story.buyer, await record_of(story.buyer, story.job_id))

    assert (voided, again, await told(story)) == (JobStatus.COMMITTED, JobStatus.COMMITTED, JobStatus.SETTLED)


async def test_a_job_that_the_chain_has_never_seen_is_named(story: Story) -> None:
    with pytest.raises(NoSuchJob):
        await record_of(story.buyer, bytes(32))


async def extend(story: Story) -> None:
    record = await record_of(story.buyer, story.job_id)
    extension = Extension(
        job_id=story.job_id, revision=0, units=3, max_audits=record.max_audits, deadline=record.deadline + 60
    )
    await story.buyer.deposit_escrow(story.bid.max_unit_price_wei)
    await orders.extend(story.operator, record, extension, story.sign(extension, story.buyer))
