"""Escrow for a wallet that has tokens and no gas: it signs, and the market sends.

Decides that the wallet's own node says when the money is there. What is signed is an ERC-3009 authorization: good for
the Jobs contract alone, for one amount, once, and for an hour.
"""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Final

from market.chain.authorizations import Authorization, sign_authorization
from market.chain.gateway import ChainGateway
from market.client.http import MarketClient
from market.protocol.errors import CommonwattError
from market.protocol.wire import DepositAuthorization, DepositSubmission

AUTHORIZATION_SECONDS: Final = 3600
LOOK_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositNotSeen(CommonwattError):
    """The market took a deposit to relay, and the wallet's node has not seen it. It can still come."""

    wallet: str
    amount_wei: int
    seconds: float


async def deposit(market: MarketClient, wallet: ChainGateway, amount_wei: int) -> None:
    """Have the market put tokens of the wallet into the wallet's escrow; returns when they are there.

    Raises MarketProblem, MarketUnreachable or DepositNotSeen.
    """
    signed = await authorize(wallet, amount_wei)
    authorization = DepositAuthorization(
        valid_before=str(signed.valid_before),
        nonce="0x" + signed.nonce.hex(),
        signature="0x" + signed.signature.hex(),
    )
    submission = DepositSubmission(owner=signed.owner, amount_wei=str(amount_wei), authorization=authorization)
    await market.signing_as(wallet.account).deposit(submission, idempotency_key=f"deposit-{signed.nonce.hex()}")
    await _until_used(wallet, signed)


async def authorize(wallet: ChainGateway, amount_wei: int) -> Authorization:
    """Sign, without sending anything, a deposit into the wallet's own escrow."""
    now = (await wallet.latest_block()).timestamp
    return sign_authorization(
        wallet.account,
        wallet.deployment,
        receiver=wallet.deployment.jobs,
        amount_wei=amount_wei,
        nonce=secrets.token_bytes(32),
        valid_before=now + AUTHORIZATION_SECONDS,
    )


async def _until_used(wallet: ChainGateway, signed: Authorization) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await _is_used(wallet, signed):  # noqa: ASYNC110 - the chain is polled
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError as error:
        raise DepositNotSeen(wallet=signed.owner, amount_wei=signed.amount_wei, seconds=PATIENCE_SECONDS) from error


async def _is_used(wallet: ChainGateway, signed: Authorization) -> bool:
    return bool(await wallet.view("PayoutToken", "authorizationState", signed.owner, signed.nonce))
