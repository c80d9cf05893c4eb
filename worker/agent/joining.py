"""Becoming a provider: bond, announce, enroll, offer. And ceasing to be one.

Decides the order, so that every step can be repeated: what is there already is left as it is. Never touches torch: the
measured facts of the machine are arguments.
"""

import hashlib
import time
from dataclasses import dataclass
from typing import Any, Final

from eth_account.signers.local import LocalAccount

from market.chain.gateway import ChainGateway
from market.client.http import MarketClient
from market.protocol import canonical
from market.protocol.errors import CommonwattError
from market.protocol.typed import Offer, SigningDomain, sign
from market.protocol.wire import OfferSubmission, WorkerPresence
from worker.agent.bonds import free_up, release

OFFER_SECONDS: Final = 7 * 24 * 3600
REFRESH_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEnoughTokens(CommonwattError):
    """The account holds fewer tokens than the bond needs."""

    account: str
    needed_wei: int
    held_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a provider asks and says. facts: the machine, as market.protocol.wire.HardwareFacts writes it."""

    price_wei_per_gigaflop: int
    fingerprint: bytes
    facts: dict[str, Any]
    verifier: bool
    checks_only: bool = False


async def ensure_bond(chain: ChainGateway, bond_wei: int) -> int:
    """Raise this account's stake to `bond_wei`; return what was added. Raises NotEnoughTokens."""
    account = chain.address
    missing_wei = bond_wei - (await chain.bond(account)).stake_wei
    if missing_wei <= 0:
        return 0
    held_wei = await chain.token_balance_wei(account)
    if held_wei < missing_wei:
        raise NotEnoughTokens(account=account, needed_wei=missing_wei, held_wei=held_wei)
    await chain.deposit_bond(missing_wei)
    return missing_wei


async def ensure_enrolled(chain: ChainGateway, fingerprint: bytes) -> bool:
    """Join the verifiers, if need be with stake that lies idle; return whether anything had to be done."""
    if await chain.is_enrolled(chain.address):
        return False
    await free_up(chain, (await chain.court_policy()).verifier_bond_wei)
    await chain.enroll(fingerprint)
    return True


async def announce(market: MarketClient, account: LocalAccount, terms: Terms, *, draining: bool) -> str:
    """Tell the market about this worker; return its advice on why no work might come."""
    presence = WorkerPresence(
        provider=account.address,
        fingerprint="0x" + terms.fingerprint.hex(),
        draining=draining,
        verifier=terms.verifier,
        checks_only=terms.checks_only,
    )
    return (await market.put_worker(presence)).advice


async def post_offer(market: MarketClient, account: LocalAccount, domain: SigningDomain, terms: Terms) -> Offer:
    """Sign and post a fresh offer that stands for a week."""
    now_ms = time.time_ns() // 1_000_000
    offer = Offer(
        provider=account.address,
        worker=account.address,
        price_wei_per_gigaflop=terms.price_wei_per_gigaflop,
        fingerprint=terms.fingerprint,
        facts_hash=hashlib.sha256(canonical.encode(terms.facts)).digest(),
        valid_until=now_ms // 1000 + OFFER_SECONDS,
        nonce=now_ms,
    )
    signature = "0x" + sign(offer, domain, account).hex()
    await market.submit_offer(OfferSubmission(offer=offer.to_json(), signature=signature, facts=terms.facts))
    return offer


def is_stale(*, valid_until: int, offered: str, fingerprint: bytes, now: int) -> bool:
    """Return whether a standing offer must be replaced: about to lapse, or about another machine."""
    return valid_until - now < REFRESH_SECONDS or offered != "0x" + fingerprint.hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What leaving did. ready_at: unix seconds from which the unbonding stake can be withdrawn; 0 when none is."""

    retired: bool
    released_wei: int
    unbonding_wei: int
    withdrawn_wei: int
    locked_wei: int
    ready_at: int


async def leave(chain: ChainGateway) -> Left:
    """Revoke all offers, retire as a verifier, release what is idle, start unbonding what is free, withdraw what is
    ready.

    May be called again, later, to take out what was locked or unbonding before. Raises ContractRevert when the account
    sits on a committee.
    """
    account, now_ms = chain.address, time.time_ns() // 1_000_000
    if await chain.offer_floor(account) <= now_ms:
        await chain.revoke_offers(now_ms + 1)
    retired = await chain.is_enrolled(account)
    if retired:
        await chain.retire()
    released_wei = await release(chain)
    before = await chain.bond(account)
    chain_now = (await chain.latest_block()).timestamp
    withdrawn_wei = before.unbonding_wei if 0 < before.ready_at <= chain_now else 0
    if withdrawn_wei:
        await chain.withdraw_bond()
    if before.free_wei > 0:
        await chain.begin_unbond(before.free_wei)
    after = await chain.bond(account)
    return Left(
        retired=retired,
        released_wei=released_wei,
        unbonding_wei=after.unbonding_wei,
        withdrawn_wei=withdrawn_wei,
        locked_wei=after.locked_wei,
        ready_at=after.ready_at,
    )
