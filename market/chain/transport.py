"""How a JSON-RPC request reaches an EVM node, in httpx's manner: one method, `request(method, params)`.

Decides timeouts and how a failure is named: `ChainUnreachable` when there is no answer, `RpcError` when the node
answers with an error. Never retries (a reconcile loop does), never decodes a result, knows no contract.
`ScriptedTransport` answers from a table, for tests that need a node to misbehave.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Protocol, Self

import httpx

from market.protocol.errors import CommonwattError

DEFAULT_TIMEOUT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainUnreachable(CommonwattError):
    """The chain node gives no answer."""

    url: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcError(CommonwattError):
    """The chain node answered with an error."""

    code: int
    message: str
    data: Any = None


class Transport(Protocol):
    """Anything that carries one JSON-RPC request to one node and brings its result back."""

    @property
    def url(self) -> str: ...

    async def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        """Return the `result` member; raises ChainUnreachable or RpcError."""

    async def aclose(self) -> None: ...


class HttpTransport:
    """JSON-RPC over HTTP with kept-alive connections. Belongs to the event loop that first uses it."""

    def __init__(self, url: str, *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS) -> None:
        self._url = url
        self._client = httpx.AsyncClient(timeout=timeout_seconds, trust_env=False)
        self._ids = count(1)

    @property
    def url(self) -> str:
        return self._url

    async def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}
        try:
            response = await self._client.post(self._url, json=body)
            reply = response.json()
        except httpx.HTTPError as error:
            raise ChainUnreachable(url=self._url, reason=str(error) or type(error).__name__) from error
        except ValueError as error:
            raise ChainUnreachable(url=self._url, reason=f"HTTP {response.status_code} without JSON") from error
        return result_of(reply, url=self._url)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


Answer = Any | Exception | Callable[[Sequence[Any]], Any | Awaitable[Any]]


class ScriptedTransport:
    """Answers from a table of method -> answer. An exception is raised, a callable is called with the params."""

    def __init__(self, answers: dict[str, Answer], *, url: str = "scripted://") -> None:
        self._answers = answers
        self._url = url
        self.requests: list[tuple[str, list[Any]]] = []

    @property
    def url(self) -> str:
        return self._url

    async def request(self, method: str, params: Sequence[Any] = ()) -> Any:
        self.requests.append((method, list(params)))
        if method not in self._answers:
            raise RpcError(code=-32601, message=f"method {method} is not in the script")
        answer = self._answers[method]
        if isinstance(answer, Exception):
            raise answer
        if not callable(answer):
            return answer
        value = answer(params)
        return await value if isinstance(value, Awaitable) else value

    async def aclose(self) -> None:
        return None


def result_of(reply: Any, *, url: str) -> Any:
    """Return the result in a JSON-RPC reply; raises RpcError, or ChainUnreachable when it is not such a reply."""
    if not isinstance(reply, dict) or not ("result" in reply or "error" in reply):
        raise ChainUnreachable(url=url, reason="the answer is not a JSON-RPC reply")
    error = reply.get("error")
    if error is None:
        return reply["result"]
    if not isinstance(error, dict):
        raise RpcError(code=0, message=str(error))
    return_code, message = error.get("code", 0), str(error.get("message", ""))
    raise RpcError(code=int(return_code), message=message, data=error.get("data"))
