"""Artifacts on this machine: content-addressed files, fetched once, the least recently used dropped first.

Decides what is kept. A file appears under its name only when it is whole and right (the client hashes what it
downloads); what a run made itself is hashed here. Two fetches of one artifact at a time are one.
"""

import asyncio
import hashlib
import os
import shutil
from pathlib import Path
from typing import Protocol

from market.protocol.hashing import ArtifactId


class Download(Protocol):
    async def __call__(self, artifact: ArtifactId, target: Path, *, limit_bytes: int | None = None) -> Path: ...


class ArtifactCache:
    """A folder of artifacts, at most about `limit_bytes` large."""

    def __init__(self, folder: Path, download: Download, *, limit_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._download = download
        self._limit_bytes = limit_bytes
        self._fetching: dict[ArtifactId, asyncio.Lock] = {}

    async def get(self, artifact: ArtifactId) -> Path:
        """Return the artifact's file, downloading it when it is not here; raises what the client raises."""
        path = self._folder / artifact
        async with self._fetching.setdefault(artifact, asyncio.Lock()):
            if path.exists():
                os.utime(path)
            else:
                self._make_room()
                await self._download(artifact, path, limit_bytes=self._limit_bytes)
                path.chmod(0o444)
        return path

    def place(self, source: Path, target: Path) -> None:
        """Give a run its own name for a cached file: a hard link, or a copy where the file system has none."""
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)

    def keep(self, source: Path) -> Path:
        """Move a file that was made here into the cache and return where it is."""
        with source.open("rb") as opened:
            name = hashlib.file_digest(opened, "sha256").hexdigest()
        path = self._folder / name
        source.chmod(0o444)
        shutil.move(source, path)
        self._make_room()
        return path

    def _make_room(self) -> None:
        by_age = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0
        for path in by_age:
            total += path.stat().st_size
            if total > self._limit_bytes:
                path.unlink()
