"""Artifacts: bytes in and out as streams, named by their SHA-256."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from market.api.deps import ArtifactPath, Services, SignedUpload
from market.api.problems import problems
from market.protocol.hashing import ArtifactId
from market.protocol.requests import RequestExpired, RequestNotSigned, RequestWronglySigned
from market.protocol.typed import BadSignature
from market.services.artifacts import UploadNotAllowed, UploadQuotaExceeded
from market.services.authentication import RequestReplayed
from market.services.ports import ChainUnreachable
from market.services.store import ArtifactHashMismatch, ArtifactTooLarge, ArtifactTruncated, ArtifactUnknown

router = APIRouter(tags=["artifacts"])

BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}


@router.put(
    "/artifacts/{artifact}",
    summary="Store bytes under their SHA-256",
    status_code=201,
    response_class=Response,
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": BYTES}}},
    responses={
        201: {"description": "Stored"},
        204: {"description": "Stored before"},
        **problems(
            RequestNotSigned, RequestWronglySigned, RequestExpired, RequestReplayed, BadSignature, UploadNotAllowed,
            UploadQuotaExceeded, ArtifactTooLarge, ArtifactTruncated, ArtifactHashMismatch, ChainUnreachable,
        ),
    },
)  # fmt: skip
async def put_artifact(
    artifact: ArtifactPath,
    request: Request,
    services: Services,
    signed: SignedUpload,
    content_length: Annotated[int | None, Header(ge=0)] = None,
) -> Response:
    stored = await services.artifacts.put(
        artifact, request.stream(), uploader=signed.address, announced_bytes=content_length
    )
    return Response(status_code=201 if stored.is_new else 204, headers={"Location": f"/v1/artifacts/{artifact}"})


@router.head(
    "/artifacts/{artifact}",
    summary="Whether an artifact is stored here, and how large it is",
    response_class=Response,
    responses=problems(ArtifactUnknown),
)
async def head_artifact(artifact: ArtifactPath, services: Services) -> Response:
    size_bytes = await services.artifacts.size(artifact)
    if size_bytes is None:
        raise ArtifactUnknown(artifact=artifact)
    return Response(headers=_headers(artifact, size_bytes), media_type="application/octet-stream")


@router.get(
    "/artifacts/{artifact}",
    summary="An artifact's bytes, whole",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The bytes", "content": {"application/octet-stream": BYTES}},
        **problems(ArtifactUnknown),
    },
)
async def get_artifact(artifact: ArtifactPath, services: Services) -> StreamingResponse:
    size_bytes, chunks = await services.artifacts.open(artifact)
    return StreamingResponse(chunks, headers=_headers(artifact, size_bytes), media_type="application/octet-stream")


def _headers(artifact: ArtifactId, size_bytes: int) -> dict[str, str]:
    """A name that is a hash never means other bytes, and strangers' bytes are never to be rendered."""
    return {
        "Content-Length": str(size_bytes),
        "ETag": f'"{artifact}"',
        "Cache-Control": "public, max-age=31536000, immutable",
        "Accept-Ranges": "none",
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
    }
