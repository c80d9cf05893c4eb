"""Is this process fit to serve?

Answers from the database alone, so that a silent chain does not take the market down.
"""

from fastapi import APIRouter
from pydantic import BaseModel

from market.api.deps import Services

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """indexed_block: the newest block whose events are projected; null before the first."""

    status: str
    indexed_block: int | None


@router.get("/healthz", summary="Whether this process can serve")
async def read_health(services: Services) -> Health:
    return Health(status="ok", indexed_block=await services.accounts.indexed_block())
