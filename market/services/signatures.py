"""Did this account sign this document? Key pairs by recovery, contract wallets by asking them (ERC-1271).

Decides nothing about the document itself. The chain is asked only when recovery does not give the named account.
"""

from dataclasses import dataclass

from market.protocol.errors import CommonwattError
from market.protocol.typed import BadSignature, SigningDomain, TypedDocument, digest, recover_signer
from market.services.ports import ChainReader


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongSigner(CommonwattError):
    """The document is signed by another account than the one it names."""

    expected: str
    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentNotSigned(CommonwattError):
    """The document carries no signature."""

    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedDocument(CommonwattError):
    """The document is not one that could be signed."""

    document: str
    reason: str


def parse_hex(text: str) -> bytes:
    """Return the bytes of 0x hex."""
    return bytes.fromhex(text.removeprefix("0x"))


class Signatures:
    """Judges signatures for one deployment."""

    def __init__(self, chain: ChainReader, domain: SigningDomain) -> None:
        self._chain, self._domain = chain, domain

    def digest(self, document: TypedDocument) -> bytes:
        return digest(document, self._domain)

    async def require(self, document: TypedDocument, signature: bytes, *, signer: str) -> None:
        """Raise BadSignature or WrongSigner unless `signer` signed; ChainUnreachable when only the chain could tell."""
        try:
            actual = recover_signer(document, self._domain, signature)
        except BadSignature:
            if await self._vouched_for(document, signature, signer):
                return
            raise
        if actual.lower() == signer.lower() or await self._vouched_for(document, signature, signer):
            return
        raise WrongSigner(expected=signer, actual=actual)

    async def _vouched_for(self, document: TypedDocument, signature: bytes, signer: str) -> bool:
        return await self._chain.is_contract_signature(signer, self.digest(document), signature)
