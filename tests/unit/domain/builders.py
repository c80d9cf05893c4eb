"""Values for tests of the domain: each builder gives a valid one, and takes what the test is about."""

from typing import Any

from market.domain.matching import StandingOffer
from market.protocol.jobs import MatchEntry
from market.protocol.typed import Bid, Offer
from market.protocol.words import ExecutionClass

BUYER = "0x" + "b0" * 20
OPERATOR = "0x" + "0e" * 20
PRINT = b"\x07" * 32
NOW = 1_800_000_000


def address(number: int) -> str:
    return f"0x{number:040x}"


def a_bid(**changes: Any) -> Bid:
    fields: dict[str, Any] = {
        "buyer": BUYER,
        "operator": OPERATOR,
        "spec_hash": b"\x01" * 32,
        "units": 4,
        "max_audits": 4,
        "unit_gigaflops": 10,
        "max_unit_price_wei": 1_000,
        "bond_wei": 5_000,
        "execution_class": ExecutionClass.PINNED,
        "challenge_window_seconds": 3,
        "deadline": NOW + 600,
        "expiry": NOW + 60,
        "nonce": 1,
    }
    return Bid(**{**fields, **changes})


def an_offer(worker: int = 1, **changes: Any) -> Offer:
    fields: dict[str, Any] = {
        "provider": address(worker),
        "worker": address(worker),
        "price_wei_per_gigaflop": 50,
        "fingerprint": PRINT,
        "facts_hash": b"\x02" * 32,
        "valid_until": NOW + 3600,
        "nonce": worker,
    }
    return Offer(**{**fields, **changes})


def standing(worker: int = 1, *, offer: Offer | None = None, **changes: Any) -> StandingOffer:
    fields: dict[str, Any] = {
        "offer": offer or an_offer(worker),
        "offer_hash": worker.to_bytes(32, "big"),
        "free_bond_wei": 10_000,
        "seconds_silent": 0.0,
        "draining": False,
        "streak": 0,
    }
    return StandingOffer(**{**fields, **changes})


def an_entry(worker: int = 1, **changes: Any) -> MatchEntry:
    fields: dict[str, Any] = {
        "provider": address(worker),
        "worker": address(worker),
        "offer_hash": worker.to_bytes(32, "big"),
        "unit_price_wei": 500,
        "units": 0,
        "audits": 0,
    }
    return MatchEntry(**{**fields, **changes})
