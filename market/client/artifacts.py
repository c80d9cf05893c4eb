"""Artifacts up and down as streams: what arrives is hashed on the way and appears under its name only when it is right.

Decides chunking, the size limit and the atomic rename. Never keeps a whole artifact in memory.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from market.client.channel import Body, Channel
from market.client.problems import MarketProblem
from market.protocol.errors import CommonwattError
from market.protocol.hashing import ArtifactId, artifact_id, artifact_id_of_chunks
from market.protocol.typed import SigningDomain

CHUNK_BYTES: Final = 1 << 20
DEFAULT_LIMIT_BYTES: Final = 4 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadMismatch(CommonwattError):
    """The downloaded bytes are not the artifact that was asked for."""

    artifact: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadTooLarge(CommonwattError):
    """The artifact has more bytes than the limit."""

    artifact: str
    limit_bytes: int


async def upload(channel: Channel, domain: SigningDomain, path: Path) -> ArtifactId:
    """Upload a file under its content address, unless the market has it; returns the address."""
    name, length = await asyncio.to_thread(_name_and_length, path)
    await _upload(channel, domain, name, lambda: _chunks_of(path), length)
    return name


async def upload_bytes(channel: Channel, domain: SigningDomain, data: bytes) -> ArtifactId:
    """Upload bytes held in memory, unless the market has them; returns their content address."""
    name = artifact_id(data)
    await _upload(channel, domain, name, lambda: _pieces_of(data), len(data))
    return name


async def exists(channel: Channel, artifact: ArtifactId) -> bool:
    try:
        await channel.call("HEAD", _route(artifact))
    except MarketProblem as problem:
        if problem.status == httpx.codes.NOT_FOUND:
            return False
        raise
    return True


async def download(
    channel: Channel, artifact: ArtifactId, target: Path, *, limit_bytes: int = DEFAULT_LIMIT_BYTES
) -> Path:
    """Download to `target`, its folder made, whole or not at all; raises DownloadMismatch, DownloadTooLarge."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with partial.open("xb") as sink:
            await _receive(channel, artifact, sink.write, limit_bytes)
            sink.flush()
            await asyncio.to_thread(os.fsync, sink.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


async def download_bytes(channel: Channel, artifact: ArtifactId, *, limit_bytes: int) -> bytes:
    """Download a small artifact into memory; raises DownloadMismatch, DownloadTooLarge."""
    held = bytearray()
    await _receive(channel, artifact, held.extend, limit_bytes)
    return bytes(held)


async def _receive(channel: Channel, artifact: ArtifactId, write: Callable[[bytes], object], limit_bytes: int) -> None:
    digest, size = hashlib.sha256(), 0
    async with channel.stream(_route(artifact)) as response:
        async for chunk in response.aiter_bytes(CHUNK_BYTES):
            size += len(chunk)
            if size > limit_bytes:
                raise DownloadTooLarge(artifact=artifact, limit_bytes=limit_bytes)
            digest.update(chunk)
            write(chunk)
    if digest.hexdigest() != artifact:
        raise DownloadMismatch(artifact=artifact, found=digest.hexdigest())


async def _upload(channel: Channel, domain: SigningDomain, name: ArtifactId, content: Body, length: int) -> None:
    if not await exists(channel, name):
        body_hash = bytes.fromhex(name)
        await channel.upload(_route(name), content, length=length, body_hash=body_hash, domain=domain)


def _route(artifact: ArtifactId) -> str:
    return f"/v1/artifacts/{artifact}"


def _name_and_length(path: Path) -> tuple[ArtifactId, int]:
    with path.open("rb") as source:
        name = artifact_id_of_chunks(iter(lambda: source.read(CHUNK_BYTES), b""))
        return name, source.tell()


async def _pieces_of(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]


async def _chunks_of(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as source:
        while chunk := await asyncio.to_thread(source.read, CHUNK_BYTES):
            yield chunk
