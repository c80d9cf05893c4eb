"""Workers: who is present, with what record, and why no work comes."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from market.api import examples
from market.api.deps import AddressPath, Limit, Services, Signed
from market.api.problems import problems
from market.protocol.requests import RequestExpired, RequestNotSigned, RequestWronglySigned
from market.protocol.typed import BadSignature
from market.protocol.wire import Address, WorkerPresence, WorkerView
from market.services.authentication import NotYours, RequestReplayed
from market.services.leasing import WorkerUnknown

router = APIRouter(tags=["workers"])


@router.put(
    "/workers/{address}",
    summary="Announce a worker, or that it drains",
    responses=problems(RequestNotSigned, RequestWronglySigned, RequestExpired, RequestReplayed, BadSignature, NotYours),
)
async def put_worker(
    address: AddressPath,
    presence: Annotated[WorkerPresence, Body(examples=[examples.PRESENCE])],
    services: Services,
    signed: Signed,
) -> WorkerView:
    return await services.workers.announce(address, presence, signed)


@router.get("/workers", summary="Workers by address")
async def list_workers(
    services: Services,
    after: Annotated[Address | None, Query(description="The last address of the page before")] = None,
    limit: Limit = 50,
) -> list[WorkerView]:
    return await services.workers.workers(after=after or "", limit=limit)


@router.get(
    "/workers/{address}", summary="One worker, and advice when no work comes", responses=problems(WorkerUnknown)
)
async def read_worker(address: AddressPath, services: Services) -> WorkerView:
    return await services.workers.worker(address)
