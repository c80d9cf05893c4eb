"""The numbers the contracts are built with: immutable once deployed, so they are values here and never settings.

`DEVNET` keeps a laptop demo under two minutes; `PRODUCTION` gives people on other continents time to look. In both,
unbonding outlasts every draw and every move of the longest challenge, which `Disputes` checks when it is built.
Amounts in wei of the payout token (18 decimals), durations in seconds.
"""

from dataclasses import dataclass
from typing import Final

TOKEN_WEI: Final = 10**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Constructor arguments of the six contracts, addresses aside."""

    supply_wei: int
    unbond_seconds: int
    min_window_seconds: int
    cancel_grace_seconds: int
    vote_seconds: int
    reveal_seconds: int
    committee_size: int
    challenge_bond_wei: int
    committee_fee_wei: int
    verifier_bond_wei: int
    silence_fine_wei: int
    max_draws: int
    move_seconds: int
    close_seconds: int


DEVNET: Final = Parameters(
    supply_wei=1_000_000_000 * TOKEN_WEI,
    unbond_seconds=3_600,
    min_window_seconds=1,
    cancel_grace_seconds=5,
    vote_seconds=20,
    reveal_seconds=20,
    committee_size=3,
    challenge_bond_wei=10 * TOKEN_WEI,
    committee_fee_wei=1 * TOKEN_WEI,
    verifier_bond_wei=20 * TOKEN_WEI,
    silence_fine_wei=5 * TOKEN_WEI,
    max_draws=3,
    move_seconds=30,
    close_seconds=20,
)

PRODUCTION: Final = Parameters(
    supply_wei=1_000_000_000 * TOKEN_WEI,
    unbond_seconds=14 * 86_400,
    min_window_seconds=3_600,
    cancel_grace_seconds=3_600,
    vote_seconds=12 * 3_600,
    reveal_seconds=6 * 3_600,
    committee_size=3,
    challenge_bond_wei=1_000 * TOKEN_WEI,
    committee_fee_wei=50 * TOKEN_WEI,
    verifier_bond_wei=2_000 * TOKEN_WEI,
    silence_fine_wei=500 * TOKEN_WEI,
    max_draws=3,
    move_seconds=3_600,
    close_seconds=86_400,
)
