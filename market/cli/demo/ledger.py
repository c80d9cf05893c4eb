"""Counts every token of the demo's chain, before and after.

Decides what "conserved" means here: all holders together hold the whole supply, and each contract holds exactly what it
owes its accounts. Stake is stake, whether it is free, locked for a job, or left idle by one that is over. Amounts in
wei of the payout token. Reads the chain alone, never the market.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from market.chain.gateway import ChainGateway
from market.protocol.jobs import BURNED


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """All that one account has: in its wallet, in escrow, at stake, and to claim."""

    wallet_wei: int
    escrow_wei: int
    bond_wei: int
    credit_wei: int

    @property
    def total_wei(self) -> int:
        return self.wallet_wei + self.escrow_wei + self.bond_wei + self.credit_wei


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Everybody's holding by name, what is burned, and whether the contracts hold exactly what they owe."""

    holdings: Mapping[str, Holding]
    burned_wei: int
    supply_wei: int
    contracts_exact: bool

    @property
    def held_wei(self) -> int:
        """Everything that everybody has, and what is burned."""
        return sum(holding.total_wei for holding in self.holdings.values()) + self.burned_wei

    @property
    def conserved(self) -> bool:
        return self.contracts_exact and self.held_wei == self.supply_wei


async def count(gateway: ChainGateway, people: Mapping[str, str]) -> Ledger:
    """Count the holdings of everybody named (name -> address); the names must cover all holders of the token."""
    holdings = {name: await _holding(gateway, address) for name, address in people.items()}
    deployment = gateway.deployment
    jobs_wei = await gateway.token_balance_wei(deployment.jobs)
    bonds_wei = await gateway.token_balance_wei(deployment.bonds)
    owed_by_jobs_wei = sum(
        [h.escrow_wei for h in holdings.values()] + [await gateway.job_credit_wei(a) for a in people.values()]
    )
    credits_wei = [await gateway.bond_credit_wei(a) for a in (*people.values(), BURNED)]
    owed_by_bonds_wei = sum([h.bond_wei for h in holdings.values()] + credits_wei)
    return Ledger(
        holdings=MappingProxyType(holdings),
        burned_wei=await gateway.token_balance_wei(BURNED) + await gateway.bond_credit_wei(BURNED),
        supply_wei=await gateway.token_supply_wei(),
        contracts_exact=(jobs_wei, bonds_wei) == (owed_by_jobs_wei, owed_by_bonds_wei),
    )


async def _holding(gateway: ChainGateway, address: str) -> Holding:
    escrow = await gateway.escrow(address)
    return Holding(
        wallet_wei=await gateway.token_balance_wei(address),
        escrow_wei=escrow.free_wei + escrow.locked_wei,
        bond_wei=(await gateway.bond(address)).stake_wei,
        credit_wei=await gateway.job_credit_wei(address) + await gateway.bond_credit_wei(address),
    )
