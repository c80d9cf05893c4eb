"""The contracts as verbs, against a real node."""

import asyncio
import secrets

import pytest
from eth_account import Account

from market.chain.deployment import Deployment
from market.chain.devkeys import DevKeyRefused, dev_account
from market.chain.errors import ContractRevert
from market.chain.gateway import ChainGateway, NoWallet
from market.chain.parameters import DEVNET, TOKEN_WEI
from market.chain.reads import ContractMissing, WrongChain
from market.chain.reorg import ChainReplaced
from market.chain.reverts import ContractError
from market.chain.transport import ChainUnreachable, HttpTransport
from market.protocol import merkle
from market.protocol.words import ChallengeStatus, JobStatus, ReceiptKind, Verdict
from tests.integration.chain_fixtures import Newcomer, newcomers, pass_time
from tests.integration.chain_story import BOND_WEI, FINGERPRINT, UNIT_PRICE_WEI, enrolled, funded_story, judged


async def test_the_record_kept_from_events_hashes_to_what_the_contract_stores_at_every_step(
    newcomer: Newcomer, operator: ChainGateway
) -> None:
    story = await funded_story(newcomer, operator, units=2, providers=2)
    seen = []

    for act in (
        story.open_and_match,
        lambda: story.commit(story.receipt(0), story.receipt(0, 1, kind=ReceiptKind.AUDIT)),
        lambda: story.commit(story.receipt(1, 1)),
    ):
        await act()
        seen.append(await operator.job_hash(story.job_id) == story.record.hash())
    await asyncio.sleep(2.1)  # the challenge window is one second of chain time, which ticks in whole seconds
    await story.settle()

    assert [*seen, await operator.job_hash(story.job_id) == story.record.hash()] == [True, True, True, True]


async def test_an_unknown_job_hashes_to_zero(operator: ChainGateway) -> None:
    assert await operator.job_hash(secrets.token_bytes(32)) == bytes(32)


async def test_a_settled_provider_claims_exactly_its_units_and_the_buyer_gets_the_rest_back(
    newcomer: Newcomer, operator: ChainGateway
) -> None:
    story = await funded_story(newcomer, operator, units=2)
    await story.open_and_match()
    await story.commit(story.receipt(0), story.receipt(1))
    await asyncio.sleep(2.1)
    await story.settle()
    provider = story.providers[0]
    before = await provider.token_balance_wei(provider.address)

    await provider.claim_jobs()

    assert await provider.token_balance_wei(provider.address) - before == 2 * UNIT_PRICE_WEI
    assert (await operator.escrow(story.buyer.address)).free_wei == story.bid.budget_wei - 2 * UNIT_PRICE_WEI
    assert story.record.status is JobStatus.SETTLED


async def test_a_bond_is_deposited_by_permit_in_one_transaction(newcomer: Newcomer) -> None:
    provider = await newcomer()

    sent = await provider.deposit_bond(3 * TOKEN_WEI)

    bond = await provider.bond(provider.address)
    assert (bond.stake_wei, bond.free_wei, bond.locked_wei) == (3 * TOKEN_WEI, 3 * TOKEN_WEI, 0)
    assert sent.event("BondDeposited") is not None
    assert sent.gas_used > 21_000


async def test_a_bond_leaves_only_after_unbonding(quiet_rpc: HttpTransport, quiet_deployment: Deployment) -> None:
    provider = await newcomers(quiet_rpc, quiet_deployment)()
    await provider.deposit_bond(3 * TOKEN_WEI)
    await provider.begin_unbond(TOKEN_WEI)
    with pytest.raises(ContractRevert) as early:
        await provider.withdraw_bond()

    await pass_time(quiet_rpc, DEVNET.unbond_seconds + 1)
    await provider.withdraw_bond()

    assert early.value.contract_error == ContractError.BONDS_STILL_UNBONDING
    assert early.value.arguments["account"] == provider.address
    assert (await provider.bond(provider.address)).stake_wei == 2 * TOKEN_WEI


async def test_a_buyer_without_gas_funds_escrow_through_a_relayed_permit(
    newcomer: Newcomer, operator: ChainGateway
) -> None:
    buyer = await newcomer(gas_wei=0)

    await operator.relay_escrow(await buyer.permit(buyer.deployment.jobs, 5 * TOKEN_WEI))

    assert (await buyer.escrow(buyer.address)).free_wei == 5 * TOKEN_WEI
    assert await buyer.gas_balance_wei(buyer.address) == 0


async def test_escrow_is_withdrawn_and_an_overdraw_names_what_is_free(newcomer: Newcomer) -> None:
    buyer = await newcomer()
    await buyer.deposit_escrow(5 * TOKEN_WEI)
    await buyer.withdraw_escrow(2 * TOKEN_WEI)

    with pytest.raises(ContractRevert) as refused:
        await buyer.withdraw_escrow(4 * TOKEN_WEI)

    assert refused.value.contract_error == ContractError.JOBS_OVERDRAW
    assert refused.value.facts()["free_wei"] == 3 * TOKEN_WEI


async def test_revoked_offers_raise_the_floor(newcomer: Newcomer) -> None:
    provider = await newcomer()

    await provider.revoke_offers(7)

    assert await provider.offer_floor(provider.address) == 7


async def test_a_refused_act_spends_no_nonce_and_the_next_one_goes_through(newcomer: Newcomer) -> None:
    wallet, other = await newcomer(), Account.create().address
    with pytest.raises(ContractRevert):
        await wallet.transfer(other, 10**30)

    sent = await wallet.transfer(other, 1)

    count = int(await wallet.transport.request("eth_getTransactionCount", [wallet.address, "latest"]), 16)
    assert (count, await wallet.token_balance_wei(other)) == (1, 1)
    assert sent.event("Transfer") is not None


async def test_forty_sends_at_once_from_one_wallet_all_arrive(newcomer: Newcomer) -> None:
    wallet, other = await newcomer(), Account.create().address

    sent = await asyncio.gather(*(wallet.transfer(other, 1) for _ in range(40)))

    assert len({act.tx_hash for act in sent}) == 40
    assert await wallet.token_balance_wei(other) == 40


async def test_a_gateway_without_a_wallet_reads_but_refuses_to_send(rpc: HttpTransport, deployment: Deployment) -> None:
    reader = ChainGateway(rpc, deployment)

    with pytest.raises(NoWallet):
        await reader.transfer(deployment.operator, 1)

    assert await reader.token_supply_wei() == DEVNET.supply_wei


async def test_a_development_key_is_refused_off_the_dev_chain(rpc: HttpTransport, deployment: Deployment) -> None:
    elsewhere = Deployment.from_json(deployment.to_json() | {"chain_id": 1})

    with pytest.raises(DevKeyRefused):
        ChainGateway(rpc, elsewhere, dev_account(4))


async def test_the_deployment_is_checked_against_the_node(rpc: HttpTransport, deployment: Deployment) -> None:
    nowhere = Account.create().address

    for change, failure in (
        ({"chain_id": 1}, WrongChain),
        ({"genesis_hash": "0x" + "ab" * 32}, ChainReplaced),
        ({"jobs": nowhere}, ContractMissing),
    ):
        with pytest.raises(failure):
            await ChainGateway(rpc, Deployment.from_json(deployment.to_json() | change)).check_chain()

    await ChainGateway(rpc, deployment).check_chain()


async def test_a_node_that_is_not_there_is_chain_unreachable(deployment: Deployment) -> None:
    async with HttpTransport("http://127.0.0.1:9") as nowhere:
        with pytest.raises(ChainUnreachable) as failure:
            await ChainGateway(nowhere, deployment).escrow(deployment.operator)

    assert failure.value.url == "http://127.0.0.1:9"


async def test_a_bare_address_signs_nothing_by_erc_1271(operator: ChainGateway) -> None:
    assert await operator.is_contract_signature(operator.address, bytes(32), bytes(65)) is False
    assert await operator.is_contract_signature(operator.deployment.jobs, bytes(32), bytes(65)) is False


async def test_a_false_receipt_is_challenged_judged_and_its_unit_voided(
    newcomer: Newcomer, operator: ChainGateway
) -> None:
    story = await funded_story(newcomer, operator, units=1, window_seconds=60)
    verifiers = [await enrolled(newcomer) for _ in range(3)]
    challenger = await newcomer()
    await challenger.deposit_bond(await challenger.challenge_lock_wei())
    await story.open_and_match()
    false = story.receipt(0)
    await story.commit(false)

    challenge_id = await judged(story, false, challenger, verifiers, found=secrets.token_bytes(32))

    found = await operator.challenge_of(challenge_id)
    assert (found.status, found.verdict) == (ChallengeStatus.RESOLVED, Verdict.OVERTURNED)
    assert await operator.voided(story.job_id, 0) == (1, BOND_WEI)
    assert (await operator.bond(story.providers[0].address)).stake_wei == 0
    assert await operator.bond_credit_wei(story.buyer.address) == UNIT_PRICE_WEI
    assert await operator.open_challenges(story.job_id) == 0


async def test_an_honest_receipt_is_upheld_and_the_challenger_pays(newcomer: Newcomer, operator: ChainGateway) -> None:
    story = await funded_story(newcomer, operator, units=1, window_seconds=60)
    verifiers = [await enrolled(newcomer) for _ in range(3)]
    challenger = await newcomer()
    lock_wei = await challenger.challenge_lock_wei()
    await challenger.deposit_bond(lock_wei)
    await story.open_and_match()
    honest = story.receipt(0)
    await story.commit(honest)

    challenge_id = await judged(story, honest, challenger, verifiers, found=honest.receipt.trace_root)

    assert (await operator.challenge_of(challenge_id)).verdict is Verdict.UPHELD
    lost_wei = DEVNET.challenge_bond_wei + 3 * DEVNET.committee_fee_wei
    assert (await operator.bond(challenger.address)).stake_wei == lock_wei - lost_wei
    sent = await verifiers[0].claim_bonds()
    claimed = sent.event("BondCreditClaimed")
    assert claimed is not None
    assert claimed.args["amount_wei"] == DEVNET.committee_fee_wei


async def test_the_court_is_the_one_that_was_deployed_and_knows_its_verifiers(
    newcomer: Newcomer, operator: ChainGateway
) -> None:
    verifier = await enrolled(newcomer)

    policy = await operator.court_policy()

    assert (policy.vote_seconds, policy.committee_size) == (DEVNET.vote_seconds, DEVNET.committee_size)
    assert await operator.verifiers(FINGERPRINT) == (verifier.address,)
    assert (await operator.verifier(verifier.address)).bond_wei == policy.verifier_bond_wei
    assert await operator.is_enrolled(verifier.address)
    await verifier.retire()
    assert not await operator.is_enrolled(verifier.address)


async def test_the_root_on_chain_is_the_merkle_root_over_digests_and_signatures(
    newcomer: Newcomer, operator: ChainGateway
) -> None:
    story = await funded_story(newcomer, operator)
    await story.open_and_match()
    signed = story.receipt(0), story.receipt(1)

    sent = await story.commit(*signed)

    event = sent.event("ReceiptsCommitted")
    assert event is not None
    assert event.args["receipts_root"] == merkle.root(story.leaves(*signed))
