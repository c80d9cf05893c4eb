"""What does this run cost, and what is the most it can cost?

Integers in the token's smallest unit; rounding against the mover is in each name.
"""

from market.protocol.typed import Bid, Offer


def unit_price_wei(offer: Offer, bid: Bid) -> int:
    """Return what one unit (or one audit of it) costs under this offer: exact, since both factors are integers."""
    return offer.price_wei_per_gigaflop * bid.unit_gigaflops


def highest_price_per_gigaflop_wei_down(bid: Bid) -> int:
    """Return the highest standing price that this bid can still pay, rounded down (against the provider)."""
    return bid.max_unit_price_wei // bid.unit_gigaflops
