"""The signed documents (EIP-712) as frozen values, field for field those of `contracts/src/types/Documents.sol`.

Decides what is signed and how a signature is recovered. Never talks to a chain: a contract wallet's signature
(ERC-1271) can only be judged by the contract, so `recover_signer` answers for key pairs alone. Amounts are integers
in the token's smallest unit. The domain is always "Commonwatt" "1" at the Jobs contract, so no document can be
replayed elsewhere.
"""

import sys
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from market.protocol.errors import CommonwattError
from market.protocol.words import ChainWord, EnergySource, ExecutionClass, ReceiptKind

# eth-account brings py_ecc, which raises the recursion limit of the whole process to 100,000. Under that limit a deeply
# nested JSON body kills the process, where it should raise RecursionError.
sys.setrecursionlimit(1000)

ZERO_ADDRESS = "0x" + "00" * 20
SECP256K1_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSignature(CommonwattError):
    """The signature is not a canonical 65-byte secp256k1 signature."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningDomain:
    """Where a signature counts: one chain, one Jobs contract."""

    chain_id: int
    jobs: str

    def to_message(self) -> dict[str, Any]:
        return {
            "name": "Commonwatt",
            "version": "1",
            "chainId": self.chain_id,
            "verifyingContract": to_checksum_address(self.jobs),
        }


class TypedDocument:
    """A frozen dataclass that is an EIP-712 struct: `_types` maps each field to its Solidity type, in order."""

    __slots__ = ()
    _name: ClassVar[str]
    _types: ClassVar[dict[str, str]]

    def to_message(self) -> dict[str, Any]:
        """Return the EIP-712 message: camelCase names, integers, checksummed addresses, 32-byte values."""
        return {_camel(name): _outward(getattr(self, name), kind) for name, kind in self._types.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the wire form: snake_case names, integers wider than 32 bits as strings, bytes as 0x hex."""
        return {name: _to_wire(getattr(self, name), kind) for name, kind in self._types.items()}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Invert to_json; raises ValueError naming the field that is missing, unknown or of the wrong form."""
        names = {f.name: f.type for f in fields(cls)}  # type: ignore[arg-type]
        unknown, missing = document.keys() - names.keys(), names.keys() - document.keys()
        if unknown or missing:
            raise ValueError(f"{cls._name}: unknown fields {sorted(unknown)}, missing fields {sorted(missing)}")
        return cls(**{name: _from_wire(document[name], cls._types[name], names[name], name) for name in names})

    def to_tuple(self) -> tuple[Any, ...]:
        """Return the values in contract order, as the ABI wants them."""
        return tuple(self.to_message().values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Bid(TypedDocument):
    """A buyer's signed, funded request. payer: the sponsor whose escrow pays; the zero address when the buyer pays."""

    buyer: str
    payer: str = ZERO_ADDRESS
    operator: str
    spec_hash: bytes
    units: int
    max_audits: int
    unit_gigaflops: int
    max_unit_price_wei: int
    bond_wei: int
    execution_class: ExecutionClass
    challenge_window_seconds: int
    deadline: int
    expiry: int
    nonce: int

    _name: ClassVar = "Bid"
    _types: ClassVar = {
        "buyer": "address", "payer": "address", "operator": "address", "spec_hash": "bytes32", "units": "uint32",
        "max_audits": "uint32", "unit_gigaflops": "uint64", "max_unit_price_wei": "uint128", "bond_wei": "uint128",
        "execution_class": "uint8", "challenge_window_seconds": "uint32", "deadline": "uint64", "expiry": "uint64",
        "nonce": "uint256",
    }  # fmt: skip

    @property
    def budget_wei(self) -> int:
        """The most the job can cost as it is opened."""
        return self.max_unit_price_wei * (self.units + self.max_audits)

    @property
    def paying(self) -> str:
        """The account whose escrow pays, and gets back what is not needed."""
        return self.buyer if int(self.payer, 16) == 0 else self.payer

    @property
    def is_sponsored(self) -> bool:
        """Whether somebody else than the buyer pays, and so has to sign as well."""
        return self.paying.lower() != self.buyer.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer(TypedDocument):
    """A provider's signed standing price for one worker."""

    provider: str
    worker: str
    price_wei_per_gigaflop: int
    fingerprint: bytes
    facts_hash: bytes
    valid_until: int
    nonce: int

    _name: ClassVar = "Offer"
    _types: ClassVar = {
        "provider": "address", "worker": "address", "price_wei_per_gigaflop": "uint128", "fingerprint": "bytes32",
        "facts_hash": "bytes32", "valid_until": "uint64", "nonce": "uint64",
    }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(TypedDocument):
    """The worker's signed record of one finished assignment."""

    job_id: bytes
    kind: ReceiptKind
    unit: int
    attempt: int
    provider: str
    worker: str
    input_root: bytes
    output_root: bytes
    trace_root: bytes
    artifact: bytes
    fingerprint: bytes
    price_wei: int
    steps: int
    started_at: int
    finished_at: int
    millijoules: int
    energy_source: EnergySource

    _name: ClassVar = "Receipt"
    _types: ClassVar = {
        "job_id": "bytes32", "kind": "uint8", "unit": "uint32", "attempt": "uint32", "provider": "address",
        "worker": "address", "input_root": "bytes32", "output_root": "bytes32", "trace_root": "bytes32",
        "artifact": "bytes32", "fingerprint": "bytes32", "price_wei": "uint128", "steps": "uint64",
        "started_at": "uint64", "finished_at": "uint64", "millijoules": "uint64", "energy_source": "uint8",
    }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(TypedDocument):
    """A buyer's signed wish to end a job."""

    job_id: bytes

    _name: ClassVar = "Cancel"
    _types: ClassVar = {"job_id": "bytes32"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sponsorship(TypedDocument):
    """A sponsor's consent to pay for one bid of somebody else."""

    job_id: bytes

    _name: ClassVar = "Sponsorship"
    _types: ClassVar = {"job_id": "bytes32"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension(TypedDocument):
    """A payer's signed wish to give a running job more units, audits or time. The totals are new ones, never smaller.

    revision: the job's own at the time, so that no extension counts twice.
    """

    job_id: bytes
    revision: int
    units: int
    max_audits: int
    deadline: int

    _name: ClassVar = "Extension"
    _types: ClassVar = {
        "job_id": "bytes32", "revision": "uint32", "units": "uint32", "max_audits": "uint32", "deadline": "uint64",
    }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance(TypedDocument):
    """The countersignature under a receipt: with it, the receipt's match has so many units and audits in all."""

    receipt_digest: bytes
    units: int
    audits: int

    _name: ClassVar = "Acceptance"
    _types: ClassVar = {"receipt_digest": "bytes32", "units": "uint32", "audits": "uint32"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(TypedDocument):
    """One HTTP request, signed by a wallet: what `market.protocol.requests` puts into headers."""

    method: str
    path: str
    body_hash: bytes
    timestamp: int
    nonce: bytes

    _name: ClassVar = "Request"
    _types: ClassVar = {
        "method": "string",
        "path": "string",
        "body_hash": "bytes32",
        "timestamp": "uint64",
        "nonce": "bytes32",
    }


def signable(document: TypedDocument, domain: SigningDomain) -> SignableMessage:
    """Return what eth-account and every EIP-712 wallet sign for this document."""
    types = {document._name: [{"name": _camel(name), "type": kind} for name, kind in document._types.items()]}
    return encode_typed_data(domain.to_message(), types, document.to_message())


def digest(document: TypedDocument, domain: SigningDomain) -> bytes:
    """Return the EIP-712 digest, equal to the contract's `bidDigest`, `offerDigest` or `receiptDigest`."""
    message = signable(document, domain)
    return bytes(keccak(b"\x19" + message.version + message.header + message.body))


def sign(document: TypedDocument, domain: SigningDomain, account: LocalAccount) -> bytes:
    """Return the 65-byte signature (r, s, v) of the document by a local key."""
    return bytes(account.sign_message(signable(document, domain)).signature)


def recover_signer(document: TypedDocument, domain: SigningDomain, signature: bytes) -> str:
    """Return the checksummed address that signed; raises BadSignature for a malleable or malformed signature."""
    if len(signature) != 65:
        raise BadSignature(reason=f"{len(signature)} bytes instead of 65")
    if signature[64] not in (27, 28):
        raise BadSignature(reason=f"v is {signature[64]}, neither 27 nor 28")
    if int.from_bytes(signature[32:64]) > SECP256K1_HALF_ORDER:
        raise BadSignature(reason="s is in the upper half of the curve order")
    try:
        return str(Account.recover_message(signable(document, domain), signature=signature))
    except Exception as error:  # eth-keys raises several unrelated classes for a point that is not on the curve
        raise BadSignature(reason=f"no key recovers from it: {error}") from error


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)


def _outward(value: Any, kind: str) -> Any:
    if isinstance(value, ChainWord):
        return value.on_chain
    return to_checksum_address(value) if kind == "address" else value


def _to_wire(value: Any, kind: str) -> Any:
    if isinstance(value, ChainWord):
        return value.value
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int) and kind in {"uint64", "uint128", "uint256"}:
        return str(value)
    return to_checksum_address(value) if kind == "address" else value


def _from_wire(value: Any, kind: str, declared: Any, name: str) -> Any:
    try:
        if isinstance(declared, type) and issubclass(declared, ChainWord):
            return declared(value)
        if kind == "bytes32":
            return _bytes32(value)
        if kind.startswith("uint"):
            return _uint(value, int(kind[4:]))
        if kind == "address":
            return to_checksum_address(value)
        if not isinstance(value, str):
            raise ValueError("not a string")
        return value
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from error


def _bytes32(value: Any) -> bytes:
    if not (isinstance(value, str) and value.startswith("0x") and len(value) == 66):
        raise ValueError("not 0x and 64 hex digits")
    return bytes.fromhex(value[2:])


def _uint(value: Any, bits: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("not an integer")
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError(f"{value[:40]!r} is not a decimal integer")
    number = int(value)
    if not 0 <= number < 1 << bits:
        raise ValueError(f"{number} does not fit uint{bits}")
    return number
