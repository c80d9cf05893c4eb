"""ERC-3009 authorizations of the payout token: the owner's signature that lets one contract take an amount, once. Pure.

The owner pays no gas for it; whoever relays the authorization does. The nonce is any 32 bytes that the owner has not
used, and the contract that receives may say which: Channels wants the channel's id, so that nobody can relay the
authorization into another channel.
"""

from dataclasses import dataclass
from typing import Final

from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from market.chain.deployment import Deployment
from market.chain.permits import EIP712_NAME, EIP712_VERSION

_MEMBERS: Final = (
    ("from", "address"),
    ("to", "address"),
    ("value", "uint256"),
    ("validAfter", "uint256"),
    ("validBefore", "uint256"),
    ("nonce", "bytes32"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """A signed authorization. valid_before: unix seconds, exclusive; it is valid from the beginning of time."""

    owner: str
    receiver: str
    amount_wei: int
    valid_before: int
    nonce: bytes
    signature: bytes

    def to_tuple(self) -> tuple[int, int, int, bytes]:
        """Return IChannels.Authorization: owner, receiver and nonce follow from the act that takes it."""
        return self.amount_wei, 0, self.valid_before, self.signature


def sign_authorization(
    account: LocalAccount, deployment: Deployment, *, receiver: str, amount_wei: int, nonce: bytes, valid_before: int
) -> Authorization:
    """Return the owner's authorization, which only `receiver` can use."""
    domain = {
        "name": EIP712_NAME,
        "version": EIP712_VERSION,
        "chainId": deployment.chain_id,
        "verifyingContract": deployment.token,
    }
    types = {"ReceiveWithAuthorization": [{"name": name, "type": kind} for name, kind in _MEMBERS]}
    message = {
        "from": account.address,
        "to": receiver,
        "value": amount_wei,
        "validAfter": 0,
        "validBefore": valid_before,
        "nonce": nonce,
    }
    signed = account.sign_message(encode_typed_data(domain, types, message))
    return Authorization(
        owner=account.address,
        receiver=receiver,
        amount_wei=amount_wei,
        valid_before=valid_before,
        nonce=nonce,
        signature=bytes(signed.signature),
    )
