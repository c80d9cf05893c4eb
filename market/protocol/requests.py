"""Wallet-signed HTTP requests: which headers say who is asking, and what exactly they signed.

Decides the header names and the digest. A request is good for `MAX_AGE_SECONDS` either side of its timestamp and its
nonce is good once; the server remembers nonces, this module does not. The signature covers method, path with query,
and the SHA-256 of the body (for an artifact upload that is the artifact's own name).
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from eth_account.signers.local import LocalAccount

from market.protocol.errors import CommonwattError
from market.protocol.typed import Request, SigningDomain, recover_signer, sign

MAX_AGE_SECONDS: Final = 60
ADDRESS: Final = "commonwatt-address"
TIMESTAMP: Final = "commonwatt-timestamp"
NONCE: Final = "commonwatt-nonce"
SIGNATURE: Final = "commonwatt-signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestNotSigned(CommonwattError):
    """The request carries no wallet signature."""

    header: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestWronglySigned(CommonwattError):
    """The request's signature is not by the address that it names."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestExpired(CommonwattError):
    """The request was signed too long ago, or for a time too far ahead."""

    timestamp: int
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBy:
    """Who signed a request, and the nonce that must not be seen again before `timestamp + 2 * MAX_AGE_SECONDS`."""

    address: str
    nonce: bytes
    timestamp: int


def sign_request(
    account: LocalAccount, domain: SigningDomain, *, method: str, target: str, body_hash: bytes, now: int
) -> dict[str, str]:
    """Return the headers that sign one request. target: path and query, as sent."""
    nonce = secrets.token_bytes(32)
    request = Request(method=method.upper(), path=target, body_hash=body_hash, timestamp=now, nonce=nonce)
    return {
        ADDRESS: account.address,
        TIMESTAMP: str(now),
        NONCE: "0x" + nonce.hex(),
        SIGNATURE: "0x" + sign(request, domain, account).hex(),
    }


def verify_request(
    headers: dict[str, str], domain: SigningDomain, *, method: str, target: str, body_hash: bytes, now: int
) -> SignedBy:
    """Return who signed; raises RequestNotSigned, RequestWronglySigned, RequestExpired or BadSignature."""
    for name in (ADDRESS, TIMESTAMP, NONCE, SIGNATURE):
        if not headers.get(name):
            raise RequestNotSigned(header=name)
    try:
        timestamp, nonce = int(headers[TIMESTAMP]), bytes.fromhex(headers[NONCE].removeprefix("0x"))
        signature = bytes.fromhex(headers[SIGNATURE].removeprefix("0x"))
    except ValueError as error:
        raise RequestWronglySigned(reason=f"malformed header: {error}") from error
    if len(nonce) != 32 or timestamp < 0:
        raise RequestWronglySigned(reason="the nonce is not 32 bytes, or the timestamp is negative")
    if abs(now - timestamp) > MAX_AGE_SECONDS:
        raise RequestExpired(timestamp=timestamp, now=now)
    request = Request(method=method.upper(), path=target, body_hash=body_hash, timestamp=timestamp, nonce=nonce)
    signer = recover_signer(request, domain, signature)
    if signer.lower() != headers[ADDRESS].lower():
        raise RequestWronglySigned(reason=f"signed by {signer}, not by {headers[ADDRESS]}")
    return SignedBy(address=signer, nonce=nonce, timestamp=timestamp)


def body_hash_of(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
