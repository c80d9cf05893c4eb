"""Serves the API over HTTP until the process is asked to end.

Decides how an ending goes: the first SIGTERM or SIGINT stops listening, ends streams and long polls, lets requests
under way finish within the time given, and then lets the lifespan stop the background work. A kill -9 at any moment is
just as correct: every promise is a row.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

from market.services.container import Container

LOOK_SECONDS: Final = 0.1


class _Server(uvicorn.Server):
    """Tells the container as soon as a signal says that the end has come. A second SIGINT does not wait for anybody.

    uvicorn would raise the signal again after an orderly end, and the process would seem to have been killed.
    """

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping.set()
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def follow(self) -> None:
        """End when the container stops for another reason than a signal."""
        while not self.should_exit:
            self.should_exit = self._stopping.is_set()
            await asyncio.sleep(LOOK_SECONDS)


async def serve(
    api: FastAPI,
    container: Container,
    *,
    host: str,
    port: int,
    shutdown_seconds: int,
    on_listening: Callable[[str], None] = lambda _: None,
) -> None:
    """Listen and serve; returns after an orderly end. on_listening: told the base URL once requests are answered."""
    config = uvicorn.Config(
        api,
        timeout_graceful_shutdown=shutdown_seconds,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
    )
    server = _Server(config, container.stopping)
    with contextlib.closing(_listen(host, port)) as listener:
        bound_port = listener.getsockname()[1]
        telling = asyncio.create_task(_tell(server, lambda: on_listening(f"http://{_name(host)}:{bound_port}")))
        following = asyncio.create_task(server.follow())
        try:
            await server.serve(sockets=[listener])
        finally:
            telling.cancel()
            following.cancel()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


async def _tell(server: uvicorn.Server, tell: Callable[[], None]) -> None:
    while not server.started:  # noqa: ASYNC110 - uvicorn sets a flag and offers no event
        await asyncio.sleep(0.01)
    tell()


def _name(host: str) -> str:
    return f"[{host}]" if ":" in host else host
