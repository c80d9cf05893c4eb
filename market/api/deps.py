"""What routes ask for: the services, who signed, and the key that makes a repetition harmless.

Decides how a request is read for authentication, never what the asker may do.
"""

import asyncio
from collections.abc import Awaitable
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Path, Query, Request, Security
from fastapi.security import APIKeyHeader

from market.protocol.hashing import ArtifactId
from market.protocol.requests import ADDRESS, NONCE, SIGNATURE, TIMESTAMP, SignedBy, body_hash_of
from market.protocol.wire import Hex32
from market.services.container import Container
from market.services.idempotency import IdempotencyKeyMissing

T = TypeVar("T")

WALLET = APIKeyHeader(
    name=SIGNATURE,
    scheme_name="wallet",
    auto_error=False,
    description=(
        f"EIP-712 signature of Request(method, path with query, SHA-256 of the body, timestamp, nonce) by the address "
        f"in `{ADDRESS}`, with `{TIMESTAMP}` (unix seconds) and `{NONCE}` (32 bytes, good once)."
    ),
)


def container_of(request: Request) -> Container:
    container: Container = request.app.state.container
    return container


Services = Annotated[Container, Depends(container_of)]


async def signed_request(request: Request, services: Services, _: Annotated[str | None, Security(WALLET)]) -> SignedBy:
    """Return who signed this request over its body."""
    return await _identify(request, services, body_hash_of(await request.body()))


async def signed_upload(
    request: Request,
    services: Services,
    artifact: "ArtifactPath",
    _: Annotated[str | None, Security(WALLET)],
) -> SignedBy:
    """Return who signed this upload: the body's hash is the artifact's name, so nothing is read before it is known."""
    return await _identify(request, services, bytes.fromhex(artifact))


def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Any text of at most 255 characters, new for each thing wanted. Required.",
            examples=["6f1c0f5e-7c53-4d3a-9f6e-0a3f0c9a1b2d"],
        ),
    ] = None,
) -> str:
    """Return the key; raises IdempotencyKeyMissing."""
    if key is None:
        raise IdempotencyKeyMissing
    return key


async def unless_stopping(services: Container, work: Awaitable[T]) -> T | None:
    """Return what the work gives, or None as soon as the process has been asked to end; the work is cancelled then."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(services.stopping.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        stopping.cancel()
        working.cancel()


async def _identify(request: Request, services: Container, body_hash: bytes) -> SignedBy:
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope.get("raw_path", request.scope["path"].encode()).decode("latin-1").partition("?")[0]
    return await services.authentication.identify(
        request.headers,
        method=request.method,
        target=f"{path}?{query}" if query else path,
        body_hash=body_hash,
    )


Signed = Annotated[SignedBy, Depends(signed_request, scope="function")]
SignedUpload = Annotated[SignedBy, Depends(signed_upload, scope="function")]
IdempotencyKey = Annotated[str, Depends(idempotency_key, scope="function")]

AddressPath = Annotated[
    str, Path(pattern=r"^0x[0-9a-fA-F]{40}$", examples=["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"])
]
ArtifactPath = Annotated[ArtifactId, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bytes, 64 hex digits")]
JobPath = Annotated[Hex32, Path(description="The bid's EIP-712 digest")]
DigestPath = Annotated[Hex32, Path(description="The receipt's EIP-712 digest")]
AssignmentPath = Annotated[str, Path(pattern=r"^[0-9a-zA-Z_-]{1,64}$")]
Limit = Annotated[int, Query(ge=1, le=200, description="Most items in one page")]
