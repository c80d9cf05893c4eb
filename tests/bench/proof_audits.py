"""How much of a job's compute goes into checking it, and what cheating is worth under that.

Assumed: the default policy, trusted workers, a bond of 75 unit prices for every unit that a worker has unverified.
"""

import hashlib
from typing import Any, Final

from market.domain.policy import Policy
from market.domain.verification import BPS, Exposure, audit_rate_bps, expected_audit_share_bps, is_drawn
from tests.support.arena_careers import PRICE_WEI, TRUSTED, Plan, expected_value, mean_value

BOND_PRICES: Final = 75
RECEIPTS: Final = 10_000
CAREER: Final = 1_000
CAREERS: Final = 10_000


def measure() -> dict[str, Any]:
    policy = Policy()
    stake = Exposure(stake_wei=BOND_PRICES * PRICE_WEI, unit_price_wei=PRICE_WEI, units=1)
    trusted = expected_audit_share_bps([TRUSTED] * RECEIPTS, stake, policy)
    newcomer = expected_audit_share_bps(range(CAREER), stake, policy)
    one, many = Plan(stake=BOND_PRICES, units=1), Plan(stake=BOND_PRICES, units=25)
    lazy, caught = mean_value(one, policy, CAREERS)
    greedy, caught_many = mean_value(many, policy, CAREERS)
    return {
        "audit_share": trusted / BPS,
        "audit_share_drawn": drawn(stake, policy),
        "audit_share_newcomer_1000_units": newcomer / BPS,
        "audit_bond_unit_prices": BOND_PRICES,
        "colluding_share": policy.collusion_bps / BPS,
        "cheating_value": {
            "one_unit": round(expected_value(one, policy), 4),
            "25_units": round(expected_value(many, policy), 4),
        },
        "cheating_value_simulated": {"one_unit": round(lazy, 3), "25_units": round(greedy, 3)},
        "cheating_caught_simulated": {"one_unit": round(caught, 4), "25_units": round(caught_many, 4)},
        "careers_simulated": CAREERS,
    }


def drawn(stake: Exposure, policy: Policy) -> float:
    """Return which share of RECEIPTS receipts of trusted workers is really drawn."""
    rate, beacon = audit_rate_bps(TRUSTED, stake, policy), hashlib.sha256(b"beacon").digest()
    receipts = (hashlib.sha256(b"%d" % at).digest() for at in range(RECEIPTS))
    return sum(is_drawn(beacon, receipt, rate) for receipt in receipts) / RECEIPTS
