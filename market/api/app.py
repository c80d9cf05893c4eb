"""The REST API as one ASGI application.

Decides what is served under which prefix and that every failure is a problem document. Builds no service: it is given
the container, and what to run beside the requests for as long as the process lives.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI

from market.api import document, problems
from market.api.bodies import BodyLimit
from market.api.routes import (
    accounts,
    artifacts,
    assignments,
    bids,
    chain,
    deposits,
    health,
    jobs,
    offers,
    receipts,
    workers,
)
from market.services.container import Container

ROUTERS: Final = (chain, accounts, artifacts, deposits, bids, jobs, receipts, offers, workers, assignments)
DESCRIPTION: Final = """
A market where strangers' computers train PyTorch models and are paid for work that anyone can check.

Whatever moves money is signed: bids, sponsorships, extensions, offers, receipts and cancellations as EIP-712 documents
in the body, other writing requests by a wallet signature in four headers. Amounts are decimal strings in the token's
smallest unit. Every failure is `application/problem+json` (RFC 9457) whose members are the facts needed to do better.
"""

Background = Callable[[Container], AbstractAsyncContextManager[object]]


def create_api(container: Container, background: Background = nullcontext) -> FastAPI:
    """Return the application. background: entered with the container when serving starts, left when it ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with background(container):
            yield
        await container.close()

    api = FastAPI(
        title="Commonwatt",
        version=version("commonwatt"),
        description=DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    api.state.container = container
    problems.install(api)
    document.install(api)
    for room in ROUTERS:
        api.include_router(room.router, prefix="/v1")
    api.include_router(health.router)
    api.add_middleware(BodyLimit, limit_bytes=container.max_body_bytes)
    return api
