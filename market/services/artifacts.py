"""Artifacts in and out: who may store bytes here, how many, and under which name they are found again.

Decides admission and quota; that bytes are what their name says is the store's promise. Reading is free: whoever knows
a SHA-256 may have the bytes. The store is written first and the row second, so that a row never names bytes that are
not there.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from market.db.repositories.people import add_artifact, artifact_of, bytes_stored_by, newest_offer_of
from market.db.session import Database
from market.protocol.errors import CommonwattError
from market.protocol.hashing import ArtifactId
from market.services.accounts import AccountsService
from market.services.clock import Clock
from market.services.store import ArtifactStore, ArtifactUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadNotAllowed(CommonwattError):
    """Only accounts with escrow or a bond, and workers that such an account vouches for, may upload."""

    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadQuotaExceeded(CommonwattError):
    """The account has stored as many bytes as one account may."""

    stored_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactLimits:
    """max_artifact_bytes: one artifact. max_account_bytes: everything one account has stored."""

    max_artifact_bytes: int = 1 << 30
    max_account_bytes: int = 64 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of an upload. is_new: False when the bytes were here before."""

    size_bytes: int
    is_new: bool


class ArtifactsService:
    """Stores and serves bytes by their SHA-256."""

    def __init__(
        self, database: Database, clock: Clock, store: ArtifactStore, accounts: AccountsService, limits: ArtifactLimits
    ) -> None:
        self._database, self._clock, self._store = database, clock, store
        self._accounts, self._limits = accounts, limits

    async def put(
        self, artifact: ArtifactId, chunks: AsyncIterator[bytes], *, uploader: str, announced_bytes: int | None
    ) -> Stored:
        """Store a stream under its hash. Bytes that are here already are not read again.

        Raises UploadNotAllowed, UploadQuotaExceeded, ArtifactTooLarge, ArtifactTruncated, ArtifactHashMismatch, and
        leaves nothing behind then.
        """
        before = await self.size(artifact)
        if before is not None:
            return Stored(size_bytes=before, is_new=False)
        limit_bytes = await self._allowance(uploader)
        async with self._store.begin(artifact, limit_bytes=limit_bytes, expected_bytes=announced_bytes) as writer:
            async for chunk in chunks:
                await writer.append(chunk)
            size_bytes = await writer.commit()
        async with self._database.write() as session:
            now = self._clock.now_ms() // 1000
            await add_artifact(session, artifact, size_bytes=size_bytes, uploader=uploader, now=now)
        return Stored(size_bytes=size_bytes, is_new=True)

    async def size(self, artifact: ArtifactId) -> int | None:
        """Return an artifact's size in bytes; None when it is not stored here."""
        async with self._database.read() as session:
            row = await artifact_of(session, artifact)
        return row.size_bytes if row else None

    async def open(self, artifact: ArtifactId) -> tuple[int, AsyncIterator[bytes]]:
        """Return an artifact's size in bytes and its stream; raises ArtifactUnknown."""
        size_bytes = await self._store.size(artifact)
        if size_bytes is None:
            raise ArtifactUnknown(artifact=artifact)
        return size_bytes, self._store.stream(artifact)

    async def _allowance(self, uploader: str) -> int:
        """Return how many bytes this account may upload now."""
        async with self._database.read() as session:
            known = await newest_offer_of(session, uploader) is not None
            stored_bytes = await bytes_stored_by(session, uploader)
        if not known and not await self._accounts.has_stake(uploader):
            raise UploadNotAllowed(account=uploader)
        left_bytes = self._limits.max_account_bytes - stored_bytes
        if left_bytes <= 0:
            raise UploadQuotaExceeded(stored_bytes=stored_bytes, limit_bytes=self._limits.max_account_bytes)
        return min(self._limits.max_artifact_bytes, left_bytes)
