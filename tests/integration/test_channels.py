"""Prepaid channels against a real node: opened without gas, paid by a session key, closed with nothing lost."""

import secrets
from dataclasses import replace

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from market.chain import channels
from market.chain.deployment import Deployment
from market.chain.errors import ContractRevert
from market.chain.gateway import ChainGateway
from market.chain.parameters import DEVNET, TOKEN_WEI
from market.chain.transport import HttpTransport
from market.chain.values import ChannelState
from market.protocol.typed import digest, recover_signer, sign
from market.protocol.vouchers import NO_SIGNER, Channel, Closing, SignedVoucher, Voucher, sign_voucher
from market.protocol.words import VoucherSkip
from tests.integration.chain_fixtures import Newcomer, newcomers, pass_time

DEPOSIT_WEI = 10 * TOKEN_WEI


async def opened(payer: ChainGateway, payee: str, signer: str, relay: ChainGateway, *, salt: int = 1) -> Channel:
    """A channel that its payer opened without gas."""
    channel = Channel(payer=payer.address, payee=payee, signer=signer, salt=salt)
    authorization = await channels.authorize_opening(payer, channel, DEPOSIT_WEI)
    await channels.relay_opening(relay, channel, authorization)
    return channel


def promised(channel: Channel, amount_wei: int, key: LocalAccount, deployment: Deployment) -> SignedVoucher:
    return sign_voucher(channel, amount_wei, domain=deployment.channels_domain, account=key)


async def test_a_payer_without_gas_opens_pays_closes_and_gets_the_rest_back(
    quiet_rpc: HttpTransport, quiet_deployment: Deployment
) -> None:
    newcomer = newcomers(quiet_rpc, quiet_deployment)
    payer, payee, relay, session = await newcomer(gas_wei=0), await newcomer(), await newcomer(), Account.create()
    before = {wallet.address: await wallet.token_balance_wei(wallet.address) for wallet in (payer, payee)}
    channel = await opened(payer, payee.address, session.address, relay)
    await channels.claim(payee, payee.address, [promised(channel, 3 * TOKEN_WEI, session, quiet_deployment)])

    closing = sign(Closing(channel_id=channel.id), quiet_deployment.channels_domain, payer.account)
    await channels.close(relay, channel, closing)
    last = promised(channel, 4 * TOKEN_WEI, session, quiet_deployment)
    with pytest.raises(ContractRevert) as early:
        await channels.refund(relay, channel)
    await channels.claim(relay, payee.address, [last])
    await pass_time(quiet_rpc, DEVNET.close_seconds + 1)
    await channels.refund(relay, channel)
    await channels.withdraw(relay, payer.address)
    await channels.withdraw(payee)

    assert early.value.arguments["channel_id"] == channel.id
    assert await payer.token_balance_wei(payer.address) == before[payer.address] - 4 * TOKEN_WEI
    assert await payee.token_balance_wei(payee.address) == before[payee.address] + 4 * TOKEN_WEI
    assert await payer.token_balance_wei(quiet_deployment.channels) == 0
    assert await payer.gas_balance_wei(payer.address) == 0


async def test_one_batch_claims_over_several_channels_and_names_what_it_skipped(
    newcomer: Newcomer, deployment: Deployment
) -> None:
    payee, relay, session = await newcomer(), await newcomer(), Account.create()
    payers = [await newcomer(gas_wei=0) for _ in range(3)]
    good = [await opened(payer, payee.address, session.address, relay) for payer in payers]
    vouchers = [promised(channel, (n + 1) * TOKEN_WEI, session, deployment) for n, channel in enumerate(good)]
    forged = promised(replace(good[0], salt=9), TOKEN_WEI, session, deployment)
    stolen = replace(vouchers[2], cumulative_wei=9 * TOKEN_WEI)
    batch = [forged, *vouchers, stolen]

    worth = await channels.worth_wei(relay, payee.address, batch)
    outcome = channels.claimed_in(await channels.claim(relay, payee.address, batch))

    assert outcome.amounts_wei == {channel.id: (n + 1) * TOKEN_WEI for n, channel in enumerate(good)}
    assert outcome.skipped == {forged.channel.id: VoucherSkip.NOTHING_DUE, good[2].id: VoucherSkip.NOT_SIGNED}
    assert worth == outcome.earned_wei == await channels.credit_wei(relay, payee.address)
    assert await relay.token_balance_wei(deployment.channels) == 3 * DEPOSIT_WEI


async def test_tokens_held_are_deposits_not_claimed_and_credits(newcomer: Newcomer, deployment: Deployment) -> None:
    payer, payee, session = await newcomer(), await newcomer(), Account.create()
    channel = Channel(payer=payer.address, payee=payee.address, signer=session.address, salt=1)
    await channels.open_channel(payer, channel, DEPOSIT_WEI)
    await channels.claim(payee, payee.address, [promised(channel, 7 * TOKEN_WEI, session, deployment)])
    held_before = await payee.token_balance_wei(deployment.channels)

    await channels.withdraw(payee)

    state = await channels.state_of(payee, channel.id)
    assert state == ChannelState(deposit_wei=DEPOSIT_WEI, claimed_wei=7 * TOKEN_WEI, closes_at=0)
    assert held_before == DEPOSIT_WEI
    assert await payee.token_balance_wei(deployment.channels) == state.rest_wei == 3 * TOKEN_WEI


async def test_a_top_up_by_authorization_needs_no_gas_of_whoever_pays(
    newcomer: Newcomer, deployment: Deployment
) -> None:
    payer, sponsor, relay = await newcomer(gas_wei=0), await newcomer(gas_wei=0), await newcomer()
    channel = await opened(payer, relay.address, NO_SIGNER, relay)
    salt = secrets.token_bytes(32)

    authorization = await channels.authorize_top_up(sponsor, channel, TOKEN_WEI, salt=salt)
    await channels.relay_top_up(relay, channel, authorization, salt=salt)

    assert (await channels.state_of(relay, channel.id)).deposit_wei == DEPOSIT_WEI + TOKEN_WEI
    assert await relay.gas_balance_wei(sponsor.address) == 0


async def test_an_authorization_opens_only_the_channel_that_it_names(newcomer: Newcomer) -> None:
    payer, thief = await newcomer(gas_wei=0), await newcomer()
    meant = Channel(payer=payer.address, payee=Account.create().address, signer=NO_SIGNER, salt=1)
    authorization = await channels.authorize_opening(payer, meant, DEPOSIT_WEI)

    with pytest.raises(ContractRevert):
        await channels.relay_opening(thief, replace(meant, payee=thief.address), authorization)

    assert await channels.state_of(thief, meant.id) == ChannelState(deposit_wei=0, claimed_wei=0, closes_at=0)


async def test_a_payee_that_gives_the_rest_back_ends_the_channel_at_once(
    newcomer: Newcomer, deployment: Deployment
) -> None:
    payer, payee, relay = await newcomer(gas_wei=0), await newcomer(), await newcomer()
    channel = await opened(payer, payee.address, NO_SIGNER, relay)

    await channels.refund(payee, channel)

    now = (await payee.latest_block()).timestamp
    assert await channels.credit_wei(payee, payer.address) == DEPOSIT_WEI
    assert not (await channels.state_of(payee, channel.id)).takes_vouchers(now)
    late = promised(channel, TOKEN_WEI, payer.account, deployment)
    assert await channels.worth_wei(payee, payee.address, [late]) == 0


async def test_a_payee_that_lost_its_notes_finds_its_channels_again_and_checks_vouchers_by_itself(
    newcomer: Newcomer, deployment: Deployment
) -> None:
    payer, payee, relay, session = await newcomer(gas_wei=0), await newcomer(), await newcomer(), Account.create()
    first = await opened(payer, payee.address, session.address, relay)
    second = await opened(payer, payee.address, NO_SIGNER, relay, salt=2)
    await opened(payer, relay.address, NO_SIGNER, relay)
    shown = promised(first, TOKEN_WEI, session, deployment)

    found = await channels.channels_of(payee, payee.address, since_block=deployment.deployed_block)

    assert found == [first, second]
    assert [channel.voucher_signer for channel in found] == [session.address, payer.address]
    assert recover_signer(shown.voucher, deployment.channels_domain, shown.signature) == first.voucher_signer


async def test_the_contract_hashes_what_python_signs(newcomer: Newcomer, deployment: Deployment) -> None:
    wallet = await newcomer()
    channel = Channel(payer=wallet.address, payee=deployment.operator, signer=NO_SIGNER, salt=2**256 - 1)
    voucher = Voucher(channel_id=channel.id, cumulative_wei=2**128 - 1)

    assert await wallet.view("Channels", "idOf", channel) == channel.id
    assert await wallet.view("Channels", "voucherDigest", channel.id, voucher.cumulative_wei) == digest(
        voucher, deployment.channels_domain
    )
