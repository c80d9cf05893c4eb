"""How large a request may be: JSON bodies are read whole before any route sees them, within one limit.

Decides nothing about artifacts: their route streams, and its service counts.
"""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from market.api.problems import http_problem

STREAMED: Final = "/v1/artifacts/"


class BodyLimit:
    """ASGI middleware that refuses a body as soon as it is known to be too large."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int) -> None:
        self._app, self._limit_bytes = app, limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(STREAMED):
            await self._app(scope, receive, send)
            return
        body = await _read(receive, self._limit_bytes)
        if body is None:
            detail = f"The body is larger than {self._limit_bytes} bytes."
            refusal = http_problem(413, detail, instance=scope["path"], limit_bytes=self._limit_bytes)
            await refusal(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


async def _read(receive: Receive, limit_bytes: int) -> bytes | None:
    """Return the whole body, or None when it passes the limit or its sender left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > limit_bytes:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hand the body over once; after it, whatever the connection says."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
