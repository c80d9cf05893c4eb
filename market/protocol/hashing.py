"""Names for bytes: every artifact is called by the SHA-256 of its content.

Decides the spelling of a content address (`ArtifactId`: 64 lower-case hex digits). Does no I/O beyond hashing chunks
handed to it.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import NewType

ArtifactId = NewType("ArtifactId", str)

_ARTIFACT_ID = re.compile(r"[0-9a-f]{64}")


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def artifact_id(data: bytes) -> ArtifactId:
    """Return the content address of bytes held in memory."""
    return ArtifactId(hashlib.sha256(data).hexdigest())


def artifact_id_of_chunks(chunks: Iterable[bytes]) -> ArtifactId:
    """Return the content address of a stream."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return ArtifactId(digest.hexdigest())


def parse_artifact_id(text: str) -> ArtifactId:
    """Return the text as a content address; raises ValueError when it is not 64 lower-case hex digits."""
    if not _ARTIFACT_ID.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is not a SHA-256 in 64 lower-case hex digits")
    return ArtifactId(text)
