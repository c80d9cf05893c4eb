"""One spending POST, one effect: the first answer is given again to every repetition of it.

Decides that an account's key names one request for good. The answer is stored in the transaction that holds the effect,
so either both stand or neither. A refused request moved nothing and is judged anew when it is repeated. Two requests
under one key at one moment: the second is told so, and the claim lapses when its holder died.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.exc import IntegrityError

from market.db.models import IdempotencyKey
from market.db.repositories.requests import forget_idempotency_keys, idempotency_key_of
from market.db.session import Database, WriteSession
from market.protocol.errors import CommonwattError
from market.services.clock import Clock

KEEP_SECONDS: Final = 30 * 24 * 3600
CLAIM_SECONDS: Final = 60
MAX_KEY_CHARACTERS: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKeyMissing(CommonwattError):
    """A request that spends needs an Idempotency-Key header."""

    header: str = "Idempotency-Key"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKeyMalformed(CommonwattError):
    """The Idempotency-Key is not 1 to 255 printable ASCII characters."""

    characters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKeyReused(CommonwattError):
    """The Idempotency-Key was used for another request."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInProgress(CommonwattError):
    """A request with this Idempotency-Key is being worked on right now."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One request's hold on its key. `answer` is the stored answer of an earlier, equal request, if there was one."""

    row_id: int
    claimed_at: int
    answer: dict[str, Any] | None

    async def complete(self, session: WriteSession, status: int, answer: dict[str, Any]) -> None:
        """Store the answer in the transaction that holds the effect."""
        row = await session.get_one(IdempotencyKey, self.row_id)
        row.status, row.body = status, answer


class Idempotency:
    """Keeper of the keys."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    @asynccontextmanager
    async def claim(self, account: str, key: str, request: bytes) -> AsyncIterator[Claim]:
        """Hold the account's key for this request; an error gives it back, so that the request may be repeated.

        Raises IdempotencyKeyMalformed, IdempotencyKeyReused or RequestInProgress.
        """
        if not (0 < len(key) <= MAX_KEY_CHARACTERS and key.isascii() and key.isprintable()):
            raise IdempotencyKeyMalformed(characters=len(key))
        claim = await self._take(account, key, hashlib.sha256(request).hexdigest())
        held = claim.answer is None
        try:
            yield claim
            held = False
        finally:
            if held:
                await self._give_back(claim)

    async def _take(self, account: str, key: str, request_hash: str) -> Claim:
        now = self._clock.now_ms() // 1000
        try:
            async with self._database.write() as session:
                await forget_idempotency_keys(session, created_before=now - KEEP_SECONDS)
                row = await idempotency_key_of(session, account, key)
                if row is None:
                    row = IdempotencyKey(account=account, key=key, request_hash=request_hash, created_at=now)
                    session.add(row)
                    await session.flush()
                    return Claim(row_id=row.id, claimed_at=now, answer=None)
                if row.request_hash != request_hash:
                    raise IdempotencyKeyReused(key=key)
                if row.body is None and row.created_at > now - CLAIM_SECONDS:
                    raise RequestInProgress(key=key)
                if row.body is None:
                    row.created_at = now
                return Claim(row_id=row.id, claimed_at=row.created_at, answer=row.body)
        except IntegrityError as error:
            raise RequestInProgress(key=key) from error

    async def _give_back(self, claim: Claim) -> None:
        async with self._database.write() as session:
            row = await session.get(IdempotencyKey, claim.row_id)
            if row is not None and row.body is None and row.created_at == claim.claimed_at:
                await session.delete(row)
