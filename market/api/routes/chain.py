"""Which chain and which contracts this market works with."""

from fastapi import APIRouter

from market.api.deps import Services
from market.protocol.wire import ChainInfo

router = APIRouter(tags=["chain"])


@router.get("/chain", summary="The chain and the contracts that this market works with")
async def read_chain(services: Services) -> ChainInfo:
    return services.chain_info
