"""One HTTP exchange with a market: signed when an account is given, repeated only when a repeat cannot act twice.

Decides headers, retries and how failures are named; knows no route. A repeat is signed anew (the nonce in a signature
is good once), and only GET, HEAD, PUT and requests with an Idempotency-Key are repeated.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from typing import Final, Self

import httpx
from eth_account.signers.local import LocalAccount

from market.client.problems import MarketBusy, MarketUnreachable, problem_of
from market.protocol.errors import CommonwattError
from market.protocol.requests import body_hash_of, sign_request
from market.protocol.typed import SigningDomain

DEFAULT_TIMEOUT_SECONDS: Final = 30.0
ATTEMPTS: Final = 4
FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 5.0

Body = Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAccount(CommonwattError):
    """The request must be signed and this client has no account."""

    method: str
    path: str


class Channel:
    """An HTTP connection pool to one market. Belongs to the event loop that first uses it."""

    def __init__(
        self,
        base_url: str,
        account: LocalAccount | None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.account = account
        self._attempts = attempts
        self._http = httpx.AsyncClient(
            base_url=self.base_url, transport=transport, timeout=timeout_seconds, trust_env=False
        )

    def signing_as(self, account: LocalAccount) -> Self:
        """Return the same connections, whose requests another account signs; whoever opened them closes them."""
        other = copy(self)
        other.account = account
        return other

    async def aclose(self) -> None:
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        domain: SigningDomain | None = None,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> httpx.Response:
        """Return a successful response with its body read.

        domain: sign the request for this domain. Raises MarketProblem (or a subclass), MarketUnreachable, NoAccount.
        """

        headers = {"content-type": "application/json"} if body is not None else {}
        if idempotency_key is not None:
            headers["idempotency-key"] = idempotency_key
        timeout = httpx.USE_CLIENT_DEFAULT if timeout_seconds is None else timeout_seconds

        def build() -> httpx.Request:
            request = self._http.build_request(
                method, path, params=params, content=body, headers=headers, timeout=timeout
            )
            if domain is not None:
                self._sign(request, domain, body_hash_of(body or b""))
            return request

        repeatable = method in {"GET", "HEAD", "PUT"} or idempotency_key is not None
        return await self._repeat(build, repeatable)

    async def upload(
        self, path: str, content: Body, *, length: int, body_hash: bytes, domain: SigningDomain
    ) -> httpx.Response:
        """PUT a stream of known length and hash; `content` is called anew for each attempt. Raises as `call` does."""

        def build() -> httpx.Request:
            request = self._http.build_request("PUT", path, content=content(), headers={"content-length": str(length)})
            self._sign(request, domain, body_hash)
            return request

        return await self._repeat(build, repeatable=True)

    @asynccontextmanager
    async def stream(
        self, path: str, *, headers: Mapping[str, str] | None = None, quiet_seconds: float = DEFAULT_TIMEOUT_SECONDS
    ) -> AsyncIterator[httpx.Response]:
        """Open a GET whose body the caller reads; raises as `call` does. quiet_seconds: longest silence allowed."""
        timeout = httpx.Timeout(DEFAULT_TIMEOUT_SECONDS, read=quiet_seconds)
        try:
            async with self._http.stream("GET", path, headers=dict(headers or {}), timeout=timeout) as response:
                if response.is_error:
                    await response.aread()
                    raise problem_of(response)
                yield response
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _sign(self, request: httpx.Request, domain: SigningDomain, body_hash: bytes) -> None:
        if self.account is None:
            raise NoAccount(method=request.method, path=request.url.path)
        target = request.url.raw_path.decode()
        signed = sign_request(
            self.account, domain, method=request.method, target=target, body_hash=body_hash, now=int(time.time())
        )
        request.headers.update(signed)

    async def _repeat(self, build: Callable[[], httpx.Request], repeatable: bool) -> httpx.Response:
        for attempt in range(1, self._attempts):
            if not repeatable:
                break
            try:
                return await self._once(build())
            except MarketUnreachable:
                await asyncio.sleep(_pause(attempt))
            except MarketBusy as busy:
                await asyncio.sleep(min(max(busy.retry_after_seconds, _pause(attempt)), LONGEST_PAUSE_SECONDS))
        return await self._once(build())

    async def _once(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await self._http.send(request)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if response.is_error:
            raise problem_of(response)
        return response

    def _unreachable(self, error: httpx.TransportError) -> MarketUnreachable:
        return MarketUnreachable(url=self.base_url, reason=str(error) or type(error).__name__)


def _pause(attempt: int) -> float:
    return min(FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
