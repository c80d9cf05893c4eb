"""What the chain holds for an account, as the market last read it."""

from fastapi import APIRouter

from market.api.deps import AddressPath, Services
from market.protocol.wire import AccountView

router = APIRouter(tags=["accounts"])


@router.get("/accounts/{address}", summary="Escrow, bond and credit of an account, as last indexed")
async def read_account(address: AddressPath, services: Services) -> AccountView:
    return await services.accounts.view(address)
