"""The development accounts every anvil has, from the mnemonic the whole world knows. Refused off the dev chain.

Role numbers: 0 deploys and holds the token supply, 1 is the operator; the rest are free for tests.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from market.chain.deployment import DEV_CHAIN_ID
from market.protocol.errors import CommonwattError

MNEMONIC: Final = "test test test test test test test test test test test junk"
ACCOUNTS: Final = 10
DEPLOYER: Final = 0
OPERATOR: Final = 1

# Spelled out so that a wallet can be compared with them without deriving ten keys.
ADDRESSES: Final = frozenset(
    {
        "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
        "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
        "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc",
        "0x90f79bf6eb2c4f870365e785982e1f101e93b906",
        "0x15d34aaf54267db7d7c367839aaf71a00a2c6a65",
        "0x9965507d1a55bcc2695c58ba16fb37d819b0a4dc",
        "0x976ea74026e726554db657fa54763abd0c3a0aa9",
        "0x14dc79964da2c08b23698b3d3cc7ca32193d9955",
        "0x23618e81e3f5cdf7f54c3d65f7fbc0abf5b21e8f",
        "0xa0ee7a142d267c1f36714e4a8f75612f20a79720",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DevKeyRefused(CommonwattError):
    """A key that everybody knows may not be used on a real chain."""

    address: str
    chain_id: int


@cache
def dev_account(index: int) -> LocalAccount:
    """Return development account `index` (0..9)."""
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return account


def refuse_dev_key(address: str, chain_id: int) -> None:
    """Raise DevKeyRefused when a development address would act on another chain than the dev chain."""
    if chain_id != DEV_CHAIN_ID and address.lower() in ADDRESSES:
        raise DevKeyRefused(address=address, chain_id=chain_id)
