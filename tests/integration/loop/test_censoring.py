"""An operator that goes silent costs nobody: what it has countersigned is paid without it, from the chain alone."""

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from eth_account import Account

from market.chain import orders
from market.chain.anvil import Anvil, free_port
from market.chain.deployment import Deployment
from market.chain.devkeys import OPERATOR, dev_account
from market.chain.gateway import ChainGateway
from market.chain.transport import HttpTransport
from market.protocol.jobs import JobRecord
from market.protocol.typed import Acceptance, digest, sign
from market.protocol.words import JobStatus
from tests.integration.chain_fixtures import newcomers, pass_time
from tests.integration.chain_story import BOND_WEI, UNIT_PRICE_WEI, Signed, Story, funded_story
from tests.integration.loop.market import TERMS, TestMarket, small_job
from worker.agent.acceptances import AcceptanceJournal, Accepted, NotAccepted
from worker.agent.bonds import release
from worker.agent.history import record_of
from worker.agent.home import Profile, WorkerHome
from worker.agent.joining import ensure_enrolled, leave
from worker.agent.settling import Settler
from worker.main import worker

WINDOW_SECONDS = 30
PASSWORD, VARIABLE = "a password for tests", "COMMONWATT_WORKER_PASSWORD"


@dataclass(frozen=True, kw_only=True)
class Censored:
    """A matched job of two units on a quiet chain, whose operator countersigns and never commits."""

    story: Story
    journal: AcceptanceJournal

    @property
    def provider(self) -> ChainGateway:
        return self.story.providers[0]

    @property
    def settler(self) -> Settler:
        return Settler(self.journal, self.provider, patience_seconds=0)

    def countersigned(self, done: Signed, *, units: int, by: ChainGateway | None = None) -> Accepted:
        domain, signer = self.story.operator.deployment.domain, by or self.story.operator
        acceptance = Acceptance(receipt_digest=digest(done.receipt, domain), units=units, audits=0)
        return Accepted(
            receipt=done.receipt,
            signature=done.signature,
            acceptance=acceptance,
            countersignature=sign(acceptance, domain, signer.account),
        )

    async def record(self) -> JobRecord:
        return await record_of(self.provider, self.story.job_id)

    async def let_pass(self, seconds: int) -> None:
        await pass_time(self.provider.transport, seconds)


@pytest.fixture
async def censored(quiet_rpc: HttpTransport, quiet_deployment: Deployment, tmp_path: Path) -> Censored:
    operator = ChainGateway(quiet_rpc, quiet_deployment, dev_account(OPERATOR))
    story = await funded_story(newcomers(quiet_rpc, quiet_deployment), operator, window_seconds=WINDOW_SECONDS)
    await story.open_and_match()
    return Censored(story=story, journal=AcceptanceJournal(tmp_path / "acceptances"))


async def test_a_provider_is_paid_although_the_operator_censors(censored: Censored) -> None:
    provider, story = censored.provider, censored.story
    before_wei = await provider.token_balance_wei(provider.address)
    censored.settler.remember(censored.countersigned(story.receipt(0), units=1))

    await censored.let_pass(3600 + 1)
    settled = await censored.settler.look()
    await censored.let_pass(WINDOW_SECONDS + 1)
    ended = await censored.settler.look()
    await provider.claim_jobs()

    assert [[done.act for done in acts] for acts in (settled, ended)] == [["settleReceipt"], ["expire"]]
    assert (await censored.record()).status is JobStatus.EXPIRED
    assert await provider.token_balance_wei(provider.address) == before_wei + UNIT_PRICE_WEI
    assert (await story.buyer.escrow(story.buyer.address)).free_wei == story.bid.budget_wei - UNIT_PRICE_WEI


async def test_what_a_market_has_answered_is_paid_when_the_market_is_gone(
    quiet_anvil: Anvil, quiet_rpc: HttpTransport, quiet_deployment: Deployment, tmp_path: Path
) -> None:
    newcomer = newcomers(quiet_rpc, quiet_deployment)
    terms = replace(TERMS, challenge_window_seconds=600)
    market = TestMarket(
        folder=tmp_path, rpc_url=quiet_anvil.url, transport=quiet_rpc, deployment=quiet_deployment, newcomer=newcomer
    )
    async with market.running() as container:
        (ada,) = await market.puppets(container, "ada")  # nobody audits it, so nothing is ever committed
        # A window long enough that a slow machine cannot miss it: the clock of the chain goes on by itself.
        _, view = await market.buy(container, small_job((1,)), terms)
        lease = await ada.client.lease(wait_seconds=15)
        assert lease is not None
        submission = await ada.submission(lease)
        reply = await ada.client.commit(lease.assignment_id, submission)

    settler = Settler(AcceptanceJournal(tmp_path / "acceptances"), ada.gateway, patience_seconds=0)
    settler.take(submission, reply)
    acts = []
    for seconds in (terms.deadline_seconds + 1, terms.challenge_window_seconds + 1):
        await pass_time(quiet_rpc, seconds)
        acts += await settler.look()

    assert [(done.act, "0x" + done.job_id.hex()) for done in acts] == [
        ("settleReceipt", view.job_id),
        ("settle", view.job_id),
    ]
    assert await ada.gateway.job_credit_wei(ada.address) == int(lease.price_wei)


async def test_a_job_that_was_done_whole_is_settled_without_its_operator(censored: Censored) -> None:
    for unit in range(2):
        censored.settler.remember(censored.countersigned(censored.story.receipt(unit), units=unit + 1))

    await censored.let_pass(3600 + 1)
    acts = await censored.settler.look()
    await censored.let_pass(WINDOW_SECONDS + 1)
    acts += await censored.settler.look()

    assert [done.act for done in acts] == ["settleReceipt", "settle"]
    assert await censored.provider.job_credit_wei(censored.provider.address) == 2 * UNIT_PRICE_WEI


async def test_nothing_is_sent_while_the_operator_can_still_commit(censored: Censored) -> None:
    censored.settler.remember(censored.countersigned(censored.story.receipt(0), units=1))

    await censored.let_pass(3600 - 60)

    assert await censored.settler.look() == []
    assert (await censored.record()).epoch == 0


async def test_what_the_operator_has_committed_is_not_settled_again(censored: Censored) -> None:
    done = censored.story.receipt(0)
    censored.settler.remember(censored.countersigned(done, units=1))
    await censored.story.commit(done)

    await censored.let_pass(3600 + 1)

    assert await censored.settler.look() == []


async def test_the_bond_of_a_job_that_everybody_has_left_comes_back(censored: Censored) -> None:
    provider = censored.provider
    censored.settler.follow(censored.story.job_id)

    await censored.let_pass(3600 + WINDOW_SECONDS + 2)
    acts = await censored.settler.look()
    await release(provider)

    assert [done.act for done in acts] == ["expire"]
    assert (await provider.bond(provider.address)).locked_wei == 0


async def test_a_job_that_has_ended_is_forgotten(censored: Censored) -> None:
    censored.settler.remember(censored.countersigned(censored.story.receipt(0), units=1))
    await censored.let_pass(3600 + WINDOW_SECONDS + 2)
    await orders.expire(censored.story.buyer, await censored.record())

    await censored.settler.look()

    assert censored.journal.jobs() == []


async def test_the_bond_of_an_ended_job_is_released_and_leaves_with_its_provider(censored: Censored) -> None:
    await censored.let_pass(3600 + WINDOW_SECONDS + 2)
    await orders.expire(censored.story.buyer, await censored.record())
    idle_wei = await censored.provider.idle_bond_wei(censored.provider.address)

    left = await leave(censored.provider)

    assert idle_wei == BOND_WEI
    assert (left.released_wei, left.unbonding_wei, left.locked_wei) == (BOND_WEI, BOND_WEI, 0)


async def test_stake_that_lies_idle_is_released_for_the_verifiers_bond(censored: Censored) -> None:
    provider = censored.provider
    await censored.let_pass(3600 + WINDOW_SECONDS + 2)
    await orders.expire(censored.story.buyer, await censored.record())

    await ensure_enrolled(provider, b"\x01" * 32)

    assert await provider.is_enrolled(provider.address)
    assert await provider.idle_bond_wei(provider.address) == 0


async def test_a_worker_settles_and_leaves_by_command_while_its_market_is_gone(
    censored: Censored, tmp_path: Path
) -> None:
    home = home_of(censored, tmp_path / "home")
    kept = replace(censored, journal=AcceptanceJournal(home.acceptances))
    kept.settler.remember(kept.countersigned(kept.story.receipt(0), units=1))

    await kept.let_pass(3600 + 1)
    said = [await command(home, "settle")]
    await kept.let_pass(WINDOW_SECONDS + 1)
    said += [await command(home, "settle"), await command(home, "leave")]

    assert [text.split()[0] for text in said] == ["settleReceipt", "expire", "released"]
    assert (await kept.provider.bond(kept.provider.address)).unbonding_wei == BOND_WEI
    assert await kept.provider.job_credit_wei(kept.provider.address) == UNIT_PRICE_WEI


def home_of(censored: Censored, path: Path) -> WorkerHome:
    """Return the home of a worker that joined a market which is not there any more."""
    home, provider = WorkerHome(path=path), censored.provider
    transport = provider.transport
    assert isinstance(transport, HttpTransport)
    Profile(
        market_url=f"http://127.0.0.1:{free_port()}", rpc_url=None, node_url=transport.url,
        deployment=provider.deployment.to_json(), provider=provider.address, price_wei_per_gigaflop=1,
        fingerprint="0x" + "f1" * 32, facts={}, verifier=False, offer_valid_until=0,
    ).save(home.profile)  # fmt: skip
    home.keystore.write_text(json.dumps(Account.encrypt(provider.account.key, PASSWORD, iterations=2)))
    return home


async def command(home: WorkerHome, verb: str) -> str:
    options = ["--home", str(home.path)]
    done = await asyncio.to_thread(CliRunner().invoke, worker, [verb, *options], env={VARIABLE: PASSWORD})
    assert done.exit_code == 0, done.output
    return done.stdout


async def test_an_acceptance_that_the_operator_has_not_signed_is_not_kept(censored: Censored) -> None:
    forged = censored.countersigned(censored.story.receipt(0), units=1, by=censored.provider)

    with pytest.raises(NotAccepted):
        censored.settler.remember(forged)

    assert censored.journal.jobs() == []


async def test_an_acceptance_of_another_receipt_is_not_kept(censored: Censored) -> None:
    accepted = censored.countersigned(censored.story.receipt(0), units=1)

    with pytest.raises(NotAccepted):
        censored.settler.remember(replace(accepted, receipt=censored.story.receipt(1).receipt))


async def test_the_record_of_a_job_is_told_by_its_logs_alone(censored: Censored) -> None:
    story = censored.story
    await story.commit(story.receipt(0))

    told = await censored.record()

    assert told.hash() == story.record.hash()
    assert [(entry.units, entry.audits) for entry in told.matches] == [(1, 0)]
