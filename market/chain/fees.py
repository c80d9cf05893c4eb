"""What a transaction offers for its gas. Pure arithmetic in wei; knows neither node nor nonce.

A fee cap of twice the base fee plus the tip survives about six full blocks in a row, each 12.5 % dearer than the last.
"""

from dataclasses import dataclass
from typing import Final

BUMP_NUMERATOR: Final = 9
BUMP_DENOMINATOR: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """The two EIP-1559 bids per unit of gas."""

    max_fee_wei: int
    max_priority_fee_wei: int


def suggest(*, base_fee_wei: int, priority_fee_wei: int) -> Fees:
    """Return the fees for a first broadcast."""
    return Fees(max_fee_wei=2 * base_fee_wei + priority_fee_wei, max_priority_fee_wei=priority_fee_wei)


def bump(fees: Fees, *, current: Fees | None = None) -> Fees:
    """Return fees for a replacement of the same nonce: both up by at least 12.5 %, and never below today's market.

    Nodes refuse a replacement that raises either field by less than 10 %.
    """
    floor = current or Fees(max_fee_wei=0, max_priority_fee_wei=0)
    tip = max(_raised(fees.max_priority_fee_wei), floor.max_priority_fee_wei)
    return Fees(max_fee_wei=max(_raised(fees.max_fee_wei), floor.max_fee_wei, tip), max_priority_fee_wei=tip)


def _raised(value_wei: int) -> int:
    return max(value_wei + 1, -(-value_wei * BUMP_NUMERATOR // BUMP_DENOMINATOR))
