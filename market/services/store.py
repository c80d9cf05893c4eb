"""Where artifacts' bytes lie: a content-addressed folder behind a port that an object store can also implement.

Decides that bytes appear under their hash whole and verified, or not at all: they are written aside, hashed as they
arrive, flushed to disk, and renamed into place. Knows no table and no uploader.
"""

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from market.protocol.errors import CommonwattError
from market.protocol.hashing import ArtifactId

READ_BYTES: Final = 1 << 20
ABANDONED_SECONDS: Final = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactHashMismatch(CommonwattError):
    """The bytes are not those that the artifact is named for."""

    expected: str
    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactTruncated(CommonwattError):
    """The upload ended before all announced bytes had arrived."""

    expected_bytes: int
    received_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactTooLarge(CommonwattError):
    """The artifact is larger than this market stores."""

    limit_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactUnknown(CommonwattError):
    """No artifact of that name is stored here."""

    artifact: str


class ArtifactWriter(Protocol):
    """One upload under way."""

    async def append(self, chunk: bytes) -> None:
        """Take the next bytes; raises ArtifactTooLarge."""

    async def commit(self) -> int:
        """Put the artifact into place and return its size in bytes.

        Raises ArtifactTruncated or ArtifactHashMismatch.
        """


class ArtifactStore(Protocol):
    """Bytes by their SHA-256."""

    def begin(
        self, artifact: ArtifactId, *, limit_bytes: int, expected_bytes: int | None = None
    ) -> AbstractAsyncContextManager[ArtifactWriter]:
        """Open an upload. Leaving the block without a commit leaves nothing behind."""

    async def size(self, artifact: ArtifactId) -> int | None:
        """Return the size in bytes, or None when the artifact is not stored."""

    def stream(self, artifact: ArtifactId) -> AsyncIterator[bytes]:
        """Yield the bytes in chunks; raises ArtifactUnknown."""

    async def read(self, artifact: ArtifactId, *, limit_bytes: int, offset: int = 0) -> bytes:
        """Return at most `limit_bytes` bytes from `offset` on; raises ArtifactUnknown."""


class LocalStore:
    """A folder: `ab/abcdef...` for what is stored, `incoming/` for what is on its way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        _forget_abandoned(self._incoming)

    @asynccontextmanager
    async def begin(
        self, artifact: ArtifactId, *, limit_bytes: int, expected_bytes: int | None = None
    ) -> AsyncIterator[ArtifactWriter]:
        if expected_bytes is not None and expected_bytes > limit_bytes:
            raise ArtifactTooLarge(limit_bytes=limit_bytes)
        aside = self._incoming / f"{artifact}.{secrets.token_hex(8)}"
        file = await asyncio.to_thread(aside.open, "xb")
        try:
            yield _LocalWriter(
                artifact=artifact,
                file=file,
                aside=aside,
                place=self._place(artifact),
                limit_bytes=limit_bytes,
                expected_bytes=expected_bytes,
            )
        finally:
            file.close()
            aside.unlink(missing_ok=True)

    async def size(self, artifact: ArtifactId) -> int | None:
        return await asyncio.to_thread(_size, self._place(artifact))

    async def stream(self, artifact: ArtifactId) -> AsyncIterator[bytes]:
        file = await asyncio.to_thread(_open, self._place(artifact), artifact)
        try:
            while chunk := await asyncio.to_thread(file.read, READ_BYTES):
                yield chunk
        finally:
            file.close()

    async def read(self, artifact: ArtifactId, *, limit_bytes: int, offset: int = 0) -> bytes:
        return await asyncio.to_thread(_read, self._place(artifact), artifact, offset, limit_bytes)

    def _place(self, artifact: ArtifactId) -> Path:
        return self._folder / artifact[:2] / artifact


class _LocalWriter:
    """Hashes and writes off the event loop, so that an upload never holds up a lease."""

    def __init__(
        self,
        *,
        artifact: ArtifactId,
        file: BinaryIO,
        aside: Path,
        place: Path,
        limit_bytes: int,
        expected_bytes: int | None,
    ) -> None:
        self._artifact, self._file, self._aside, self._place = artifact, file, aside, place
        self._limit_bytes, self._expected_bytes = limit_bytes, expected_bytes
        self._digest = hashlib.sha256()
        self._received_bytes = 0

    async def append(self, chunk: bytes) -> None:
        self._received_bytes += len(chunk)
        if self._received_bytes > self._limit_bytes:
            raise ArtifactTooLarge(limit_bytes=self._limit_bytes)
        await asyncio.to_thread(self._write, chunk)

    async def commit(self) -> int:
        if self._expected_bytes is not None and self._received_bytes != self._expected_bytes:
            raise ArtifactTruncated(expected_bytes=self._expected_bytes, received_bytes=self._received_bytes)
        actual = self._digest.hexdigest()
        if actual != self._artifact:
            raise ArtifactHashMismatch(expected=self._artifact, actual=actual)
        await asyncio.to_thread(self._put_into_place)
        return self._received_bytes

    def _write(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._file.write(chunk)

    def _put_into_place(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._place.parent.mkdir(exist_ok=True)
        self._aside.replace(self._place)
        for folder in (self._place.parent, self._place.parent.parent):
            _sync_folder(folder)


def _forget_abandoned(incoming: Path) -> None:
    """Remove what a killed process left half written; no upload lasts a day."""
    for path in incoming.iterdir():
        if path.stat().st_mtime < time.time() - ABANDONED_SECONDS:
            path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _size(place: Path) -> int | None:
    try:
        return place.stat().st_size
    except FileNotFoundError:
        return None


def _open(place: Path, artifact: ArtifactId) -> BinaryIO:
    try:
        return place.open("rb")
    except FileNotFoundError as error:
        raise ArtifactUnknown(artifact=artifact) from error


def _read(place: Path, artifact: ArtifactId, offset: int, limit_bytes: int) -> bytes:
    with _open(place, artifact) as file:
        file.seek(offset)
        return file.read(limit_bytes)
