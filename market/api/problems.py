"""Errors as RFC 9457 problem details: the one table from error class to HTTP status.

Decides the status, the type (`/problems/<class-name-in-kebab-case>`), the title (the docstring's first line), and that
an error's facts are members of the document. Amounts and integers that JSON readers may round travel as strings. An
error that is not in the table is a fault of ours: 500, told without internals, and logged with them.
"""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from market.domain import energy, lifecycle
from market.protocol import canonical, graph, programs, receipts, requests, specs, tensors, typed
from market.protocol.errors import CommonwattError
from market.protocol.exact import jobs, lower, terms
from market.protocol.wire import Problem
from market.services import (
    admission,
    artifacts,
    authentication,
    bids,
    deposits,
    extensions,
    idempotency,
    leasing,
    offers,
    ports,
    receiving,
    signatures,
    store,
    views,
)
from market.services import programs as job_programs

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 2
RESERVED: Final = frozenset({"type", "title", "status", "detail", "instance"})
SAFE_INTEGER: Final = 1 << 53

# Spelled out: the standard library renamed some of its phrases between versions, and a type must not change.
HTTP_TITLES: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "Malformed request",
        404: "No such route",
        405: "Method not allowed",
        413: "Body too large",
        422: "Invalid request",
        500: "Internal fault",
    }
)

STATUSES: Final[Mapping[type[CommonwattError], int]] = MappingProxyType(
    {
        # malformed
        idempotency.IdempotencyKeyMissing: 400,
        idempotency.IdempotencyKeyMalformed: 400,
        store.ArtifactTruncated: 400,
        # who are you
        typed.BadSignature: 401,
        requests.RequestNotSigned: 401,
        requests.RequestWronglySigned: 401,
        requests.RequestExpired: 401,
        authentication.RequestReplayed: 401,
        signatures.DocumentNotSigned: 401,
        signatures.WrongSigner: 401,
        # not yours
        admission.BidNotForUs: 403,
        artifacts.UploadNotAllowed: 403,
        authentication.NotYours: 403,
        leasing.NotYourAssignment: 403,
        # unknown
        leasing.AssignmentUnknown: 404,
        leasing.WorkerUnknown: 404,
        store.ArtifactUnknown: 404,
        views.JobUnknown: 404,
        views.ReceiptUnknown: 404,
        # the present state forbids it
        bids.BidReplayed: 409,
        bids.EscrowTooSmall: 409,
        bids.JobAlreadyEnded: 409,
        bids.JobNotOnChain: 409,
        deposits.DepositRefused: 409,
        extensions.ExtensionOutdated: 409,
        idempotency.IdempotencyKeyReused: 409,
        idempotency.RequestInProgress: 409,
        job_programs.ArtifactMissing: 409,
        leasing.LeaseLost: 409,
        lifecycle.ActNotAllowed: 409,
        offers.FingerprintMismatch: 409,
        offers.OfferOutdated: 409,
        offers.OfferRevoked: 409,
        offers.OfferWithoutBond: 409,
        offers.WorkerOfAnotherProvider: 409,
        receiving.LateReveal: 409,
        views.ReceiptNotCommitted: 409,
        views.ReceiptSealed: 409,
        # too late
        admission.BidExpired: 410,
        extensions.ExtensionTooLate: 410,
        offers.OfferExpired: 410,
        # too much
        admission.JobTooLarge: 413,
        artifacts.UploadQuotaExceeded: 413,
        store.ArtifactTooLarge: 413,
        # well formed, and wrong
        admission.ChallengeWindowTooLong: 422,
        admission.ChallengeWindowTooShort: 422,
        admission.DeadlineTooLate: 422,
        admission.DeadlineTooSoon: 422,
        admission.ExecutionClassMismatch: 422,
        admission.SpecHashMismatch: 422,
        admission.UnitsMismatch: 422,
        canonical.NotCanonical: 422,
        deposits.DepositTooSmall: 422,
        energy.JoulesImplausible: 422,
        extensions.ExtensionTakesBack: 422,
        graph.ProgramMalformed: 422,
        job_programs.StateNotFinite: 422,
        job_programs.WrongGigaflops: 422,
        offers.FactsHashMismatch: 422,
        programs.OperatorNotAllowed: 422,
        programs.ProgramDoesNotFitJob: 422,
        programs.ProgramTooCostly: 422,
        programs.ProgramTooLarge: 422,
        programs.ProgramTooLong: 422,
        programs.ShapesDoNotFit: 422,
        receipts.ReceiptInvalid: 422,
        receiving.ReceiptRefused: 422,
        signatures.MalformedDocument: 422,
        jobs.NoWords: 422,
        lower.CannotLower: 422,
        specs.BadSpec: 422,
        store.ArtifactHashMismatch: 422,
        tensors.TensorsMalformed: 422,
        terms.WrongCourt: 422,
        # the chain
        ports.ContractRevert: 502,
        ports.RpcError: 502,
        ports.UnknownRevert: 502,
        ports.ChainUnreachable: 503,
    }
)

log = structlog.get_logger(__name__)


def slug_of(error: type[CommonwattError]) -> str:
    return "/problems/" + re.sub(r"(?<!^)(?=[A-Z])", "-", error.__name__).lower()


def title_of(error: type[CommonwattError]) -> str:
    return (error.__doc__ or error.__name__).strip().splitlines()[0].rstrip(".")


def problems(*classes: type[CommonwattError]) -> dict[int | str, dict[str, Any]]:
    """Return an operation's `responses`: each problem it may answer with, as an example under its status."""
    found: dict[int | str, dict[str, Any]] = {}
    for each in classes:
        entry = found.setdefault(STATUSES[each], _response(HTTPStatus(STATUSES[each]).phrase))
        example = {"type": slug_of(each), "title": title_of(each), "status": STATUSES[each], "detail": title_of(each)}
        entry["content"][MEDIA_TYPE]["examples"][each.__name__] = {"summary": title_of(each), "value": example}
    return found


def install(api: FastAPI) -> None:
    """Make every failure of the API a problem document."""
    api.add_exception_handler(CommonwattError, _on_error)
    api.add_exception_handler(RequestValidationError, _on_invalid)
    api.add_exception_handler(HTTPException, _on_http)
    api.add_exception_handler(Exception, _on_fault)


def http_problem(status: int, detail: str, *, instance: str | None = None, **facts: Any) -> JSONResponse:
    """Return a problem that HTTP itself has, before any service was asked."""
    title = HTTP_TITLES.get(status, HTTPStatus(status).phrase)
    return _answer(status, type_=_slug(title), title=title, detail=detail, instance=instance, facts=facts)


def http_example(status: int) -> dict[str, Any]:
    """Return an OpenAPI example of a problem that HTTP itself has."""
    title = HTTP_TITLES[status]
    return {"summary": title, "value": {"type": _slug(title), "title": title, "status": status, "detail": title}}


def _response(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "model": Problem, "content": {MEDIA_TYPE: {"schema": schema, "examples": {}}}}


def _slug(title: str) -> str:
    return "/problems/" + title.lower().replace(" ", "-")


async def _on_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CommonwattError), "registered for CommonwattError alone"
    status = next((STATUSES[each] for each in type(error).__mro__ if each in STATUSES), None)
    if status is None:
        return await _on_fault(request, error)
    log.info("request.refused", problem=type(error).__name__, path=request.url.path)
    return _answer(
        status,
        type_=slug_of(type(error)),
        title=title_of(type(error)),
        detail=str(error),
        instance=request.url.path,
        facts=error.facts(),
    )


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError), "registered for RequestValidationError alone"
    found = [{"at": ".".join(map(str, each["loc"])), "reason": each["msg"]} for each in error.errors()]
    if any(each["type"] == "missing" and each["loc"] == ("body", "signature") for each in error.errors()):
        return await _on_error(request, signatures.DocumentNotSigned(field="signature"))
    detail = "; ".join(f"{each['at']}: {each['reason']}" for each in found)
    return http_problem(422, detail, instance=request.url.path, errors=found)


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException), "registered for HTTPException alone"
    answer = http_problem(error.status_code, str(error.detail), instance=request.url.path)
    answer.headers.update(error.headers or {})
    return answer


async def _on_fault(request: Request, error: Exception) -> JSONResponse:
    log.error("request.failed", path=request.url.path, method=request.method, exc_info=error)
    return http_problem(500, "The market failed to answer; nothing that was not said to be stored is.")


def _answer(
    status: int, *, type_: str, title: str, detail: str, instance: str | None, facts: Mapping[str, Any]
) -> JSONResponse:
    named = {f"fact_{name}" if name in RESERVED else name: value for name, value in _facts(facts.items())}
    body = {"type": type_, "title": title, "status": status, "detail": detail, "instance": instance, **named}
    headers = {503: {"Retry-After": str(RETRY_AFTER_SECONDS)}, 401: {"WWW-Authenticate": "Commonwatt"}}
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers.get(status))


def _facts(items: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(name, str(value) if name.endswith("_wei") else _plain(value)) for name, value in items]


def _plain(value: Any) -> Any:
    """Return a fact as JSON."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= SAFE_INTEGER:
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)
