"""Which nonce a sender uses next. A node's own count lags under concurrency, so one owner counts too.

`next_nonce` is the pure rule, for an outbox whose rows are the memory. `NonceKeeper` is the same rule with a lock, for
a wallet whose only sender is this process. Neither broadcasts.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


def next_nonce(*, mined_count: int, highest_used: int | None) -> int:
    """Return the nonce to use: above everything the chain has and everything handed out.

    mined_count: the sender's transaction count by the node. highest_used: highest nonce handed out, if any.
    """
    return mined_count if highest_used is None else max(mined_count, highest_used + 1)


class NonceKeeper:
    """Hands out one sender's nonces in order, and remembers those under way.

    While something is under way the node's count may lag, so the higher of the two counts. With nothing under way the
    node is right: after a reorganisation or a reset, what was sent may be gone and its nonces are free again.
    """

    def __init__(self, read_count: Callable[[], Awaitable[int]]) -> None:
        """read_count: the sender's transaction count by the node, its mempool included."""
        self._read_count = read_count
        self._lock = asyncio.Lock()
        self._under_way: set[int] = set()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[int]:
        """Hold the sender while one transaction is signed and broadcast.

        Leaving normally puts the nonce under way until `release`; leaving by an error hands it out again.
        """
        async with self._lock:
            highest = max(self._under_way, default=None)
            nonce = next_nonce(mined_count=await self._read_count(), highest_used=highest)
            yield nonce
            self._under_way.add(nonce)

    def release(self, nonce: int) -> None:
        """Say that a nonce is no longer under way: its transaction is mined, refused or given up."""
        self._under_way.discard(nonce)
