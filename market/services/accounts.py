"""What an account holds: the projection first, the chain's own word where the projection may lag behind.

Decides when the chain is asked: only before a refusal, since money may have arrived in a block that is not indexed yet.
"""

from dataclasses import dataclass

from market.db.repositories.accounts import matchable_bond_wei, unopened_jobs_of
from market.db.repositories.chain import account_of, top_block
from market.db.session import Database, ReadSession
from market.protocol.typed import Bid
from market.protocol.wire import AccountView
from market.services.clock import Clock
from market.services.ports import ChainReader
from market.services.signatures import parse_hex

UNOPENED = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowReading:
    """What an account could spend at one moment, and the job ids of the accepted bids already taken off."""

    spendable_wei: int
    counted: frozenset[str]


class AccountsService:
    """Reads what accounts hold."""

    def __init__(self, database: Database, clock: Clock, chain: ChainReader) -> None:
        self._database, self._clock, self._chain = database, clock, chain

    async def view(self, address: str) -> AccountView:
        """Return the account as last indexed; an unknown one holds nothing."""
        async with self._database.read() as session:
            row = await account_of(session, address)
            top = await top_block(session)
        return AccountView(
            address=address,
            escrow_free_wei=str(row.escrow_free_wei if row else 0),
            escrow_locked_wei=str(row.escrow_locked_wei if row else 0),
            bond_wei=str(row.bond_wei if row else 0),
            bond_locked_wei=str(row.bond_locked_wei if row else 0),
            bond_idle_wei=str(row.bond_idle_wei if row else 0),
            credit_wei=str(row.job_credit_wei + row.bond_credit_wei if row else 0),
            indexed_block=top.number if top else 0,
        )

    async def indexed_block(self) -> int | None:
        """Return the newest block whose events are projected."""
        async with self._database.read() as session:
            top = await top_block(session)
        return top.number if top else None

    async def chain_now(self) -> int:
        """Return the later of wall time and the newest indexed block's time, in unix seconds: contracts judge by the
        latter, and a chain that stands still must not keep yesterday's bids alive."""
        async with self._database.read() as session:
            return await self.chain_now_in(session)

    async def chain_now_in(self, session: ReadSession) -> int:
        top = await top_block(session)
        return max(self._clock.now_ms() // 1000, top.timestamp if top else 0)

    async def read_escrow(self, payer: str) -> EscrowReading:
        """Return what an account can still spend, by the chain: it is the truth about money, and a bid that it cannot
        be asked about is not accepted. Raises ChainUnreachable."""
        async with self._database.read() as session:
            promised = await self._promised(session, payer)
        spendable_wei = (await self._chain.escrow(payer)).free_wei - await self._still_unopened_wei(promised)
        return EscrowReading(spendable_wei=max(spendable_wei, 0), counted=frozenset(promised))

    async def spendable_in(self, session: ReadSession, payer: str, reading: EscrowReading) -> int:
        """Return the reading less the budgets of bids accepted since it was taken."""
        promised = await self._promised(session, payer)
        return reading.spendable_wei - sum(wei for job_id, wei in promised.items() if job_id not in reading.counted)

    async def free_bond_wei(self, account: str, *, enough_wei: int) -> int:
        """Return stake that can answer for a new match; asks the chain where the projection shows less than enough."""
        async with self._database.read() as session:
            row = await account_of(session, account)
        indexed_wei = matchable_bond_wei(row) if row else 0
        if indexed_wei >= enough_wei:
            return indexed_wei
        return (await self._chain.bond(account)).free_wei + await self._chain.idle_bond_wei(account)

    async def offer_floor_in(self, session: ReadSession, provider: str) -> int:
        """Return the lowest offer nonce that still counts, as last indexed."""
        row = await account_of(session, provider)
        return row.offer_floor if row else 0

    async def has_stake(self, account: str) -> bool:
        """Return whether the account has money at stake here: escrow or bond of any size."""
        async with self._database.read() as session:
            row = await account_of(session, account)
        if row is not None and row.escrow_free_wei + row.escrow_locked_wei + row.bond_wei > 0:
            return True
        escrow = await self._chain.escrow(account)
        return escrow.free_wei + escrow.locked_wei > 0 or (await self._chain.bond(account)).stake_wei > 0

    async def _promised(self, session: ReadSession, payer: str) -> dict[str, int]:
        """Return the budget of each accepted bid that may still be opened, by job id."""
        now = await self.chain_now_in(session)
        jobs = await unopened_jobs_of(session, payer)
        return {job.job_id: job.budget_wei for job in jobs if Bid.from_json(job.bid).expiry >= now}

    async def _still_unopened_wei(self, promised: dict[str, int]) -> int:
        """Return the budgets that the chain has not locked by now, though the indexer has not seen any of them."""
        hashes = [(await self._chain.job_hash(parse_hex(job_id)), wei) for job_id, wei in promised.items()]
        return sum(wei for stored, wei in hashes if stored == UNOPENED)
