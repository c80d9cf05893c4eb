"""What the use cases need from the chain and from one another, as narrow protocols.

Decides names only. The chain room's gateway implements `ChainReader`; an in-memory chain passes the same contract
tests. `ChainUnreachable` and the reverts stand here so that entry rooms can name them without seeing the chain room.
"""

from typing import Protocol

from market.chain.errors import ContractRevert, UnknownRevert
from market.chain.transport import ChainUnreachable, RpcError
from market.chain.values import Bond, Escrow
from market.protocol.wire import (
    CommitReply,
    CommitSubmission,
    Heartbeat,
    HeartbeatReply,
    Lease,
    ReleaseSubmission,
)

__all__ = [
    "Assignments",
    "Bond",
    "ChainReader",
    "ChainUnreachable",
    "ContractRevert",
    "Escrow",
    "RpcError",
    "UnknownRevert",
]


class ChainReader(Protocol):
    """The chain as of its latest block. Every method raises ChainUnreachable when the node gives no answer."""

    async def escrow(self, account: str) -> Escrow:
        """Return what an account has in Jobs to pay with."""

    async def bond(self, account: str) -> Bond:
        """Return an account's stake in Bonds."""

    async def idle_bond_wei(self, account: str) -> int:
        """Return stake that is locked in Bonds and answers for no job at present."""

    async def offer_floor(self, provider: str) -> int:
        """Return the lowest nonce at which the provider's offers still count."""

    async def job_hash(self, job_id: bytes) -> bytes:
        """Return what the contract stores for a job: 32 zero bytes when it was never opened."""

    async def is_contract_signature(self, signer: str, digest: bytes, signature: bytes) -> bool:
        """Return whether a contract account vouches for the signature (ERC-1271); False where there is no code."""


class Assignments(Protocol):
    """The worker's side of an assignment's life. `worker` is the address that signed the request."""

    async def lease(self, worker: str, wait_seconds: float) -> Lease | None: ...

    async def heartbeat(self, assignment_id: str, worker: str, beat: Heartbeat) -> HeartbeatReply: ...

    async def commit(self, assignment_id: str, worker: str, submission: CommitSubmission) -> CommitReply: ...

    async def release(self, assignment_id: str, worker: str, submission: ReleaseSubmission) -> None: ...
