"""A chain in memory: the second implementation of what services ask of a chain.

Holds what it was told to hold and can fall silent. It passes the same contract tests as the reader over a real node
(test_chain_ports.py), so a service that works with it works with both.
"""

from dataclasses import dataclass, field

from market.services.ports import Bond, ChainUnreachable, Escrow

UNREACHABLE = ChainUnreachable(url="memory://", reason="told to be silent")


@dataclass(slots=True)
class MemoryChain:
    """Accounts by lower-case address. `vouched`: (contract wallet, digest, signature) that ERC-1271 would accept."""

    escrows: dict[str, int] = field(default_factory=dict)
    bonds: dict[str, int] = field(default_factory=dict)
    idle: dict[str, int] = field(default_factory=dict)
    floors: dict[str, int] = field(default_factory=dict)
    job_hashes: dict[bytes, bytes] = field(default_factory=dict)
    vouched: set[tuple[str, bytes, bytes]] = field(default_factory=set)
    silent: bool = False
    questions: int = 0

    async def escrow(self, account: str) -> Escrow:
        self._asked()
        return Escrow(free_wei=self.escrows.get(account.lower(), 0), locked_wei=0)

    async def bond(self, account: str) -> Bond:
        self._asked()
        return Bond(stake_wei=self.bonds.get(account.lower(), 0), locked_wei=0, unbonding_wei=0, ready_at=0)

    async def idle_bond_wei(self, account: str) -> int:
        self._asked()
        return self.idle.get(account.lower(), 0)

    async def offer_floor(self, provider: str) -> int:
        self._asked()
        return self.floors.get(provider.lower(), 0)

    async def job_hash(self, job_id: bytes) -> bytes:
        self._asked()
        return self.job_hashes.get(job_id, bytes(32))

    async def is_contract_signature(self, signer: str, digest: bytes, signature: bytes) -> bool:
        self._asked()
        return (signer.lower(), digest, signature) in self.vouched

    def _asked(self) -> None:
        self.questions += 1
        if self.silent:
            raise UNREACHABLE
