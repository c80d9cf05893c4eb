"""Receipts that stand on their own: how a bundle is built, and what can be checked of it without asking anybody.

Decides the leaf under the on-chain root (receipt digest, then signature) and every offline check. What only the chain
knows (was this root committed, was this offer matched, does a contract wallet vouch) is for `market.chain.proofs`.
A bundle file is exactly the canonical JSON of its document, so one changed byte anywhere is a failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from eth_utils.address import is_checksum_address
from pydantic import ValidationError

from market.protocol import canonical, merkle
from market.protocol.canonical import NotCanonical
from market.protocol.errors import CommonwattError
from market.protocol.typed import BadSignature, Offer, Receipt, SigningDomain, TypedDocument, digest, recover_signer
from market.protocol.wire import ReceiptBundle
from market.protocol.words import EnergySource, ReceiptKind

BUNDLE_VERSION: Final = 1
MAX_BUNDLE_BYTES: Final = 1 << 20
SIGNATURE_BYTES: Final = 65
ZERO_HASH: Final = bytes(32)

_Document = TypeVar("_Document", bound=TypedDocument)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptInvalid(CommonwattError):
    """The receipt bundle does not hold.

    check: which check failed, one word each. reason: what was found.
    """

    check: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedBundle:
    """A bundle whose offline checks hold, with its documents parsed.

    wallet_signed: names of documents that no key pair signed, which a contract wallet may vouch for (ERC-1271); the
    chain must be asked before they are believed.
    """

    bundle: ReceiptBundle
    domain: SigningDomain
    receipt: Receipt
    receipt_digest: bytes
    offer: Offer
    offer_hash: bytes
    wallet_signed: tuple[str, ...]


def receipt_leaf(receipt_digest: bytes, signature: bytes) -> bytes:
    """Return the data of a receipt's leaf: 32 bytes of EIP-712 digest, then the 65-byte signature."""
    return receipt_digest + signature


def build_bundle(
    *,
    domain: SigningDomain,
    receipt: Receipt,
    signature: bytes,
    offer: Offer,
    offer_signature: bytes,
    epoch: int,
    leaves: Sequence[bytes],
    commit_transaction: bytes,
) -> ReceiptBundle:
    """Return the bundle of one receipt among the leaves of one commit; raises ValueError when it is not among them.

    epoch: the number that the ReceiptsCommitted event carries. leaves: leaf data in the order of the commit.
    """
    index = list(leaves).index(receipt_leaf(digest(receipt, domain), signature))
    return ReceiptBundle(
        version=BUNDLE_VERSION,
        chain_id=domain.chain_id,
        jobs=domain.jobs,
        receipt=receipt.to_json(),
        signature="0x" + signature.hex(),
        offer=offer.to_json(),
        offer_signature="0x" + offer_signature.hex(),
        epoch=epoch,
        receipts_root="0x" + merkle.root(leaves).hex(),
        leaf_index=index,
        leaf_count=len(leaves),
        proof=["0x" + sibling.hex() for sibling in merkle.proof(leaves, index)],
        commit_transaction="0x" + commit_transaction.hex(),
    )


def encode_bundle(bundle: ReceiptBundle) -> bytes:
    """Return the bytes of a bundle file."""
    return canonical.encode(bundle.model_dump(mode="json"))


def verify_bundle(data: bytes) -> CheckedBundle:
    """Check all that a bundle file can prove by itself; raises ReceiptInvalid naming the check and the reason."""
    bundle = _parse(data)
    domain = SigningDomain(chain_id=bundle.chain_id, jobs=bundle.jobs)
    receipt, offer = _document(Receipt, bundle.receipt, "receipt"), _document(Offer, bundle.offer, "offer")
    _check_spelling(bundle, receipt, offer)
    _check_sense(receipt, offer)
    signature, receipt_digest = bytes.fromhex(bundle.signature[2:]), digest(receipt, domain)
    _check_inclusion(bundle, receipt_leaf(receipt_digest, signature))
    _require(
        _signed_by(receipt, domain, signature, receipt.worker),
        "receipt-signature",
        f"it is not by the worker {receipt.worker}",
    )
    offer_signature = bytes.fromhex(bundle.offer_signature[2:])
    by_provider = _signed_by(offer, domain, offer_signature, offer.provider)
    return CheckedBundle(
        bundle=bundle,
        domain=domain,
        receipt=receipt,
        receipt_digest=receipt_digest,
        offer=offer,
        offer_hash=digest(offer, domain),
        wallet_signed=() if by_provider else ("offer",),
    )


def _parse(data: bytes) -> ReceiptBundle:
    try:
        document = canonical.decode(data, max_bytes=MAX_BUNDLE_BYTES)
        bundle = ReceiptBundle.model_validate(document, strict=True)
    except NotCanonical as error:
        raise ReceiptInvalid(check="form", reason=str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ReceiptInvalid(check="form", reason=f"{place}: {first['msg']}") from error
    _require(bundle.version == BUNDLE_VERSION, "version", f"{bundle.version} is not {BUNDLE_VERSION}")
    return bundle


def _document(kind: type[_Document], document: dict[str, Any], name: str) -> _Document:
    try:
        return kind.from_json(document)
    except ValueError as error:
        raise ReceiptInvalid(check="form", reason=f"{name}: {error}") from error


def _check_spelling(bundle: ReceiptBundle, receipt: Receipt, offer: Offer) -> None:
    """Each value has one spelling: checksummed addresses, plain decimal numbers, lower-case hex."""
    _require(is_checksum_address(bundle.jobs), "form", "jobs is not a checksummed address")
    _require(receipt.to_json() == bundle.receipt, "form", "the receipt is not spelled as it was signed")
    _require(offer.to_json() == bundle.offer, "form", "the offer is not spelled as it was signed")


def _check_sense(receipt: Receipt, offer: Offer) -> None:
    _require(receipt.kind is not ReceiptKind.NONE, "kind", "the receipt is for nothing")
    _require(receipt.energy_source is not EnergySource.NONE, "energy", "the joules have no source")
    _require(receipt.started_at <= receipt.finished_at, "time", "it finished before it started")
    _require(offer.worker == receipt.worker, "worker", f"the offer is for {offer.worker}, not {receipt.worker}")
    _require(offer.provider == receipt.provider, "provider", f"the offer is by {offer.provider}")
    _require(offer.fingerprint == receipt.fingerprint, "fingerprint", "the offer is for another kind of machine")
    _require(
        (receipt.artifact == ZERO_HASH) == (receipt.kind is ReceiptKind.AUDIT),
        "artifact",
        "work has an output and an audit has none",
    )
    gigaflop_wei = offer.price_wei_per_gigaflop
    whole = receipt.price_wei == 0 if gigaflop_wei == 0 else receipt.price_wei % gigaflop_wei == 0
    _require(whole, "price", f"{receipt.price_wei} wei is no multiple of the offer's {gigaflop_wei} wei per gigaflop")


def _check_inclusion(bundle: ReceiptBundle, leaf: bytes) -> None:
    included = merkle.verify(
        leaf,
        bundle.leaf_index,
        bundle.leaf_count,
        [bytes.fromhex(sibling[2:]) for sibling in bundle.proof],
        bytes.fromhex(bundle.receipts_root[2:]),
    )
    _require(included, "inclusion", "the proof does not lead from this receipt to the root")


def _signed_by(document: TypedDocument, domain: SigningDomain, signature: bytes, signer: str) -> bool:
    try:
        return recover_signer(document, domain, signature) == signer
    except BadSignature:
        return False  # not a key pair's signature; whoever calls decides what that means for this document


def _require(condition: bool, check: str, reason: str) -> None:
    if not condition:
        raise ReceiptInvalid(check=check, reason=reason)
