"""Prepaid channels as payers and payees use them: verbs for a wallet, a channel's standing, what became of a batch.

Decides how acts on Channels are encoded and its events read. Every verb is sent by the gateway that it is given, which
need not belong to the payer: what a payer must say is in an authorization or a signature. Whether a voucher is worth
working for, the payee decides elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from market.chain.authorizations import Authorization, sign_authorization
from market.chain.bindings import decode_logs, event_topic
from market.chain.gateway import PERMIT_SECONDS, ChainGateway, Sent
from market.chain.reads import ChainReader
from market.chain.values import ChannelState
from market.protocol.vouchers import Channel, SignedVoucher
from market.protocol.words import VoucherSkip


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What became of a batch. amounts_wei: channel id -> what its vouchers added; skipped: channel id -> the reason."""

    amounts_wei: Mapping[bytes, int]
    skipped: Mapping[bytes, VoucherSkip]

    @property
    def earned_wei(self) -> int:
        return sum(self.amounts_wei.values())


async def state_of(reader: ChainReader, channel_id: bytes) -> ChannelState:
    """Raises ContractRevert, RpcError or ChainUnreachable, as every read here does."""
    state: ChannelState = await reader.view("Channels", "channelOf", channel_id)
    return state


async def credit_wei(reader: ChainReader, account: str) -> int:
    """Return what `withdraw` would pay."""
    return int(await reader.view("Channels", "creditOf", account))


async def worth_wei(reader: ChainReader, payee: str, vouchers: Sequence[SignedVoucher]) -> int:
    """Return what a batch would earn if it were claimed now; nothing is sent."""
    return int(await reader.view("Channels", "claim", payee, vouchers))


async def channels_of(reader: ChainReader, account: str, *, since_block: int) -> list[Channel]:
    """Return the channels that were opened from a block on by an account or for it, oldest first."""
    query = {
        "address": reader.deployment.channels,
        "topics": ["0x" + event_topic("Channels", "ChannelOpened").hex()],
        "fromBlock": hex(since_block),
        "toBlock": "latest",
    }
    logs = await reader.transport.request("eth_getLogs", [query])
    ordered = sorted(logs, key=lambda log: (int(log["blockNumber"], 16), int(log["logIndex"], 16)))
    found = [_channel(event.args) for event in decode_logs(reader.deployment, ordered, block_timestamp=0)]
    return [channel for channel in found if account.lower() in {channel.payer.lower(), channel.payee.lower()}]


def claimed_in(sent: Sent) -> Claimed:
    """Return what became of the vouchers that a transaction showed."""
    amounts: dict[bytes, int] = {}
    skipped: dict[bytes, VoucherSkip] = {}
    for event in sent.events:
        if event.name == "VoucherClaimed":
            channel_id = event.args["channel_id"]
            amounts[channel_id] = amounts.get(channel_id, 0) + event.args["amount_wei"]
        elif event.name == "VoucherSkipped":
            skipped[event.args["channel_id"]] = event.args["reason"]
    return Claimed(amounts_wei=amounts, skipped=skipped)


async def open_channel(gateway: ChainGateway, channel: Channel, amount_wei: int) -> Sent:
    """Open this wallet's own channel, by permit: one transaction."""
    permit = await gateway.permit(gateway.deployment.channels, amount_wei)
    word = permit.amount_wei, permit.deadline, permit.v, permit.r, permit.s
    return await gateway.send("Channels", "openWithPermit", channel, *word, b"")


async def authorize_opening(gateway: ChainGateway, channel: Channel, amount_wei: int) -> Authorization:
    """Sign, without sending anything, what lets anybody open this channel and no other, good for an hour."""
    return await _authorize(gateway, amount_wei, channel.id)


async def relay_opening(gateway: ChainGateway, channel: Channel, authorization: Authorization) -> Sent:
    """Open the payer's channel; this wallet pays the gas."""
    return await gateway.send("Channels", "openWithAuthorization", channel, authorization)


async def authorize_top_up(gateway: ChainGateway, channel: Channel, amount_wei: int, *, salt: bytes) -> Authorization:
    """Sign, without sending anything, what lets anybody add this wallet's tokens. salt: not used before."""
    return await _authorize(gateway, amount_wei, channel.top_up_nonce(salt))


async def relay_top_up(gateway: ChainGateway, channel: Channel, authorization: Authorization, *, salt: bytes) -> Sent:
    """Add the owner's tokens to the channel; this wallet pays the gas."""
    return await gateway.send("Channels", "topUpWithAuthorization", channel, authorization.owner, salt, authorization)


async def claim(gateway: ChainGateway, payee: str, vouchers: Sequence[SignedVoucher]) -> Sent:
    """Credit a payee what vouchers of its channels are worth; `claimed_in` reads the outcome. Signers are keys."""
    return await gateway.send("Channels", "claim", payee, vouchers)


async def claim_one(gateway: ChainGateway, signed: SignedVoucher) -> Sent:
    """Credit the payee what one voucher is worth; its signer may be a contract wallet."""
    return await gateway.send("Channels", "claimOne", signed.channel, signed.cumulative_wei, signed.signature)


async def close(gateway: ChainGateway, channel: Channel, signature: bytes = b"") -> Sent:
    """Begin to close, as the payer or with the payer's signature on `Closing`."""
    return await gateway.send("Channels", "close", channel, signature)


async def refund(gateway: ChainGateway, channel: Channel) -> Sent:
    """Credit the payer the rest: as the payee at once, as anybody after closes_at."""
    return await gateway.send("Channels", "refund", channel)


async def withdraw(gateway: ChainGateway, account: str | None = None) -> Sent:
    """Pay an account (by default this wallet's) all its credit."""
    return await gateway.send("Channels", "withdraw", account or gateway.address)


async def _authorize(gateway: ChainGateway, amount_wei: int, nonce: bytes) -> Authorization:
    valid_before = (await gateway.latest_block()).timestamp + PERMIT_SECONDS
    return sign_authorization(
        gateway.account,
        gateway.deployment,
        receiver=gateway.deployment.channels,
        amount_wei=amount_wei,
        nonce=nonce,
        valid_before=valid_before,
    )


def _channel(args: Mapping[str, Any]) -> Channel:
    return Channel(
        payer=args["payer"],
        payee=args["payee"],
        signer=args["signer"],
        salt=int.from_bytes(args["salt"], "big"),
    )
