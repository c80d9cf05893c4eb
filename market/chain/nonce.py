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
    """Hands out one sender's nonces in order. A nonce whose use fails before broadcast is handed out again."""

    def __init__(self, read_count: Callable[[], Awaitable[int]]) -> None:
        self._read_count = read_count
        self._lock = asyncio.Lock()
        self._highest: int | None = None

    @asynccontextmanager
    async def take(self) -> AsyncIterator[int]:
        """Hold the sender while one transaction is signed and broadcast; leaving normally marks the nonce used."""
        async with self._lock:
            nonce = next_nonce(mined_count=await self._read_count(), highest_used=self._highest)
            yield nonce
            self._highest = nonce

    def forget(self) -> None:
        """Trust the chain's count alone again: after a reorganisation or a reset, what was sent may be gone."""
        self._highest = None
