"""What the chain says, as frozen values: blocks, events, receipts, and the structs that views return.

Decides nothing. Hashes are 32 bytes, addresses checksummed text, amounts integers in the token's smallest unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from market.protocol.words import ChallengeStatus, Level, Side, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockHeader:
    """One block's place in the chain. timestamp: unix seconds."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    base_fee_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainEvent:
    """One decoded log.

    name and contract are the Solidity words. args: parameter name in snake_case -> value, where structs are protocol
    values (Bid, MatchEntry) and enums are words. block_timestamp: unix seconds.
    """

    name: str
    contract: str
    args: Mapping[str, Any]
    block_number: int
    block_hash: bytes
    block_timestamp: int
    tx_hash: bytes
    log_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionReceipt:
    """What became of a mined transaction. logs: as the node gave them; `bindings.decode_logs` reads them."""

    tx_hash: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    gas_used: int
    logs: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Escrow:
    """What an account has in Jobs to pay with."""

    free_wei: int
    locked_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """An account's stake in Bonds. stake_wei includes the locked and the unbonding part. ready_at: unix seconds."""

    stake_wei: int
    locked_wei: int
    unbonding_wei: int
    ready_at: int

    @property
    def free_wei(self) -> int:
        """Stake that can answer for new work."""
        return self.stake_wei - self.locked_wei - self.unbonding_wei


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """Where a channel stands; all zero when it was never opened. closes_at: unix seconds, 0 while nobody is closing."""

    deposit_wei: int
    claimed_wei: int
    closes_at: int

    @property
    def rest_wei(self) -> int:
        """What vouchers can still claim, or what goes back."""
        return self.deposit_wei - self.claimed_wei

    def takes_vouchers(self, now: int) -> bool:
        """Return whether a voucher shown at chain time `now` would count: in the last second it does."""
        return self.rest_wei > 0 and (self.closes_at == 0 or now <= self.closes_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A dispute as Disputes holds it. phase_ends_at: unix seconds; it and beacon_block are 0 where a game judges."""

    job_id: bytes
    receipt_digest: bytes
    claimed_root: bytes
    fingerprint: bytes
    challenger: str
    match_index: int
    phase_ends_at: int
    provider: str
    beacon_block: int
    status: ChallengeStatus
    verdict: Verdict
    draws: int
    buyer: str
    units_at_stake: int
    bond_wei: int
    unit_price_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CourtPolicy:
    """What a dispute costs and how long it sits, as Disputes was built. committee_fee_wei: per member that reveals."""

    vote_seconds: int
    reveal_seconds: int
    committee_size: int
    max_draws: int
    challenge_bond_wei: int
    committee_fee_wei: int
    verifier_bond_wei: int
    silence_fine_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """Where a game stands, as Games holds it; all zero once it is over, but `verdict` until that is carried out.

    deadline: unix seconds of the mover's clock. lo, count, total: leaves of the level's tree under the disputed node.
    node: its root, or the claimed word. word: in the block, once picked. tail: words in the last block. step: of the
    unit, from 0. frame: hash of what descents repeat.
    """

    level: Level
    mover: Side
    deadline: int
    lo: int
    count: int
    total: int
    word: int
    verdict: Verdict
    challenger: str
    step: int
    tail: int
    node: bytes
    frame: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """An enrolled verifier. enrolled_at: block number. place: 1-based in its pool, 0 when fined out of it."""

    fingerprint: bytes
    bond_wei: int
    enrolled_at: int
    place: int
    seats: int
