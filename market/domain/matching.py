"""Which offers serve this bid, in what order, and why not the others?

A pure function of the book. Every offer that is not chosen gets a machine-readable reason and the cheapest change that
would match, because "no work and no reason" is what providers of other markets complain about most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from market.domain.policy import Policy
from market.domain.pricing import highest_price_per_gigaflop_wei_down, unit_price_wei
from market.protocol.typed import Bid, Offer
from market.protocol.words import ExecutionClass


class Reason(StrEnum):
    """Why an offer was not chosen."""

    PRICE_TOO_HIGH = "PRICE_TOO_HIGH"
    BOND_TOO_SMALL = "BOND_TOO_SMALL"
    OTHER_FINGERPRINT = "OTHER_FINGERPRINT"
    OFFER_EXPIRED = "OFFER_EXPIRED"
    NOT_PRESENT = "NOT_PRESENT"
    DRAINING = "DRAINING"
    JOB_IS_FULL = "JOB_IS_FULL"
    NOBODY_WORKS = "NOBODY_WORKS"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingOffer:
    """An offer with what is known of its worker and its provider's money. checks_only: takes audits alone.

    free_bond_wei: stake that can answer for a new match: what is free in Bonds, and what earlier jobs have left idle.
    """

    offer: Offer
    offer_hash: bytes
    free_bond_wei: int
    seconds_silent: float
    draining: bool
    streak: int
    checks_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """An offer that was not chosen: why, and the cheapest change that would match."""

    worker: str
    reason: Reason
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """chosen: cheapest first. fingerprint: the machine fingerprint that all chosen ones share; None for exact work,
    which gives the same bits on all machines, and when nobody fits."""

    chosen: tuple[StandingOffer, ...]
    rejected: tuple[Rejected, ...]
    fingerprint: bytes | None


def match(bid: Bid, offers: Sequence[StandingOffer], policy: Policy, *, now: int) -> Matching:
    """Match one bid against the book.

    Pinned work needs bitwise equality, so all chosen machines share one fingerprint: the one that gathers the most
    offers, then the cheapest. Exact work runs on any. Among them: those who work before those who only check, cheapest
    first, then longest streak, then worker address, so that the answer depends on the book and not on its order. A
    provider's free bond is spent offer by offer. now: unix seconds.
    """
    fits, rejected = _sieve(bid, offers, policy, now)
    fingerprint = None if bid.execution_class is ExecutionClass.EXACT else _fingerprint_of_most(bid, fits)
    chosen: list[StandingOffer] = []
    width = min(policy.match_width, bid.units + policy.spare_matches)
    bond_left_wei: dict[str, int] = {}
    for item in sorted(fits, key=lambda item: _rank(bid, item)):
        provider = item.offer.provider.lower()
        left_wei = bond_left_wei.setdefault(provider, item.free_bond_wei)
        refusal = _refusal(bid, item, fingerprint, left_wei, full=len(chosen) >= width)
        if refusal is None:
            bond_left_wei[provider] = left_wei - bid.bond_wei
            chosen.append(item)
        else:
            rejected.append(refusal)
    if all(item.checks_only for item in chosen):
        rejected += [
            _reject(item, Reason.NOBODY_WORKS, "take work as well, or wait for somebody who does") for item in chosen
        ]
        chosen = []
    return Matching(chosen=tuple(chosen), rejected=tuple(rejected), fingerprint=fingerprint)


def _sieve(
    bid: Bid, offers: Sequence[StandingOffer], policy: Policy, now: int
) -> tuple[list[StandingOffer], list[Rejected]]:
    """Part the offers that could serve this bid from those that cannot, whatever the others do."""
    fits: list[StandingOffer] = []
    rejected: list[Rejected] = []
    highest_wei = highest_price_per_gigaflop_wei_down(bid)
    for item in offers:
        offer = item.offer
        if item.seconds_silent > policy.live_seconds:
            rejected.append(_reject(item, Reason.NOT_PRESENT, "start the worker; it has not been heard of lately"))
        elif item.draining:
            rejected.append(_reject(item, Reason.DRAINING, "let the worker run without draining"))
        elif offer.valid_until <= now:
            rejected.append(_reject(item, Reason.OFFER_EXPIRED, "post a fresh offer"))
        elif unit_price_wei(offer, bid) > bid.max_unit_price_wei:
            rejected.append(_reject(item, Reason.PRICE_TOO_HIGH, f"lower the price to {highest_wei} wei per gigaflop"))
        else:
            fits.append(item)
    return fits, rejected


def _refusal(
    bid: Bid, item: StandingOffer, fingerprint: bytes | None, bond_left_wei: int, *, full: bool
) -> Rejected | None:
    if fingerprint is not None and item.offer.fingerprint != fingerprint:
        return _reject(item, Reason.OTHER_FINGERPRINT, "the job runs on machines of another fingerprint")
    if bond_left_wei < bid.bond_wei:
        return _reject(item, Reason.BOND_TOO_SMALL, f"add {bid.bond_wei - bond_left_wei} wei of bond")
    if full:
        return _reject(item, Reason.JOB_IS_FULL, "wait for the next job, or lower the price")
    return None


def _fingerprint_of_most(bid: Bid, fits: Sequence[StandingOffer]) -> bytes | None:
    groups: dict[bytes, list[int]] = {}
    for item in fits:
        if item.free_bond_wei >= bid.bond_wei:
            groups.setdefault(item.offer.fingerprint, []).append(item.offer.price_wei_per_gigaflop)
    if not groups:
        return None
    return min(groups, key=lambda print_: (-len(groups[print_]), min(groups[print_]), print_))


def _rank(bid: Bid, item: StandingOffer) -> tuple[bool, int, int, str]:
    return (item.checks_only, unit_price_wei(item.offer, bid), -item.streak, item.offer.worker.lower())


def _reject(item: StandingOffer, reason: Reason, remedy: str) -> Rejected:
    return Rejected(worker=item.offer.worker, reason=reason, remedy=remedy)
