"""ERC-2612 permits of the payout token: the owner's signature that lets a contract pull an amount. Pure.

The owner pays no gas for it; whoever relays the permit does.
"""

from dataclasses import dataclass

from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from market.chain.deployment import Deployment

EIP712_NAME = "Commonwatt Payout"
EIP712_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A signed permit. deadline: unix seconds."""

    owner: str
    spender: str
    amount_wei: int
    deadline: int
    v: int
    r: bytes
    s: bytes


def sign_permit(
    account: LocalAccount, deployment: Deployment, *, spender: str, amount_wei: int, nonce: int, deadline: int
) -> Permit:
    """Return the owner's permit. nonce: the token's `nonces(owner)`."""
    domain = {
        "name": EIP712_NAME,
        "version": EIP712_VERSION,
        "chainId": deployment.chain_id,
        "verifyingContract": deployment.token,
    }
    members = ("owner", "address"), ("spender", "address"), ("value", "uint256"), ("nonce", "uint256")
    types = {"Permit": [{"name": name, "type": kind} for name, kind in (*members, ("deadline", "uint256"))]}
    message = {
        "owner": account.address,
        "spender": spender,
        "value": amount_wei,
        "nonce": nonce,
        "deadline": deadline,
    }
    signed = account.sign_message(encode_typed_data(domain, types, message))
    return Permit(
        owner=account.address,
        spender=spender,
        amount_wei=amount_wei,
        deadline=deadline,
        v=signed.v,
        r=signed.r.to_bytes(32, "big"),
        s=signed.s.to_bytes(32, "big"),
    )
