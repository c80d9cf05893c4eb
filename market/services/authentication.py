"""Who is asking? Wallet-signed requests, each good once.

Decides that a request's signature holds, is fresh, and was not seen before. What the asker may do is each use case's
own business. Nonces are kept until the request could no longer pass for fresh, and forgotten by the same write.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from market.db.repositories.requests import forget_nonces, remember_nonce
from market.db.session import Database
from market.protocol.errors import CommonwattError
from market.protocol.requests import MAX_AGE_SECONDS, SignedBy, verify_request
from market.protocol.typed import SigningDomain
from market.services.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReplayed(CommonwattError):
    """The same signed request was accepted before."""

    address: str
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYours(CommonwattError):
    """The request is signed by somebody who may not do this."""

    signer: str
    owner: str


class Authentication:
    """Judges signed requests for one deployment."""

    def __init__(self, database: Database, clock: Clock, domain: SigningDomain) -> None:
        self._database, self._clock, self._domain = database, clock, domain

    async def identify(self, headers: Mapping[str, str], *, method: str, target: str, body_hash: bytes) -> SignedBy:
        """Return who signed the request, and remember it.

        headers: by lower-case name. target: path and query as sent. body_hash: 32 bytes.
        Raises RequestNotSigned, RequestWronglySigned, RequestExpired, BadSignature or RequestReplayed.
        """
        now = self._clock.now_ms() // 1000
        signed = verify_request(dict(headers), self._domain, method=method, target=target, body_hash=body_hash, now=now)
        nonce = "0x" + signed.nonce.hex()
        try:
            async with self._database.write() as session:
                await forget_nonces(session, expired_at=now)
                await remember_nonce(session, signed.address, nonce, expires_at=signed.timestamp + 2 * MAX_AGE_SECONDS)
        except IntegrityError as error:
            raise RequestReplayed(address=signed.address, nonce=nonce) from error
        return signed


def require_owner(signed: SignedBy, owner: str) -> None:
    """Raise NotYours unless the request was signed by `owner`."""
    if signed.address.lower() != owner.lower():
        raise NotYours(signer=signed.address, owner=owner)
