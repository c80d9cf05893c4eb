"""Prepaid channels off the chain: their terms, and the three documents that Channels takes from signers.

Decides what a channel's id is and what is signed for it; the twin of `contracts/src/libraries/Vouchers.sol`, held to it
by tests/vectors/vouchers.json. How documents become digests and signatures, `typed` decides. Never talks to a chain, so
it cannot say whether a channel exists or what it still holds.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from eth_abi.abi import encode as abi_encode
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from market.protocol.typed import BadSignature, SigningDomain, TypedDocument, sign

NO_SIGNER: Final = "0x" + "00" * 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel's terms. signer: whose vouchers count, NO_SIGNER for the payer itself.

    salt tells apart channels of the same three, and an id is never used twice: a payer counts up from 1. A random salt
    is as good and costs a payee 372 gas more in every claim.
    """

    payer: str
    payee: str
    signer: str
    salt: int

    @property
    def id(self) -> bytes:
        """Return what the contract files the channel under, and the nonce of the authorization that opens it."""
        return bytes(keccak(abi_encode(["address", "address", "address", "uint256"], [*self._parties, self.salt])))

    @property
    def voucher_signer(self) -> str:
        """Return whose signature a payee must find on a voucher."""
        return str(to_checksum_address(self.payer if int(self.signer, 16) == 0 else self.signer))

    def top_up_nonce(self, salt: bytes) -> bytes:
        """Return the nonce of an authorization that tops this channel up and no other."""
        return bytes(keccak(abi_encode(["bytes32", "bytes32"], [self.id, salt])))

    def to_tuple(self) -> tuple[str, str, str, bytes]:
        """Return the values in contract order, as the ABI wants them."""
        payer, payee, signer = self._parties
        return payer, payee, signer, self.salt.to_bytes(32, "big")

    @property
    def _parties(self) -> tuple[str, str, str]:
        return to_checksum_address(self.payer), to_checksum_address(self.payee), to_checksum_address(self.signer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher(TypedDocument):
    """The signer's promise of all that is owed so far: a newer voucher replaces every older one."""

    channel_id: bytes
    cumulative_wei: int

    _name: ClassVar = "Voucher"
    _types: ClassVar = {"channel_id": "bytes32", "cumulative_wei": "uint128"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening(TypedDocument):
    """The payer's word that a permit is to pay for this channel. deadline: unix seconds, the permit's own."""

    channel_id: bytes
    amount_wei: int
    deadline: int

    _name: ClassVar = "Opening"
    _types: ClassVar = {"channel_id": "bytes32", "amount_wei": "uint128", "deadline": "uint256"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing(TypedDocument):
    """The payer's wish to begin closing, for somebody else to relay."""

    channel_id: bytes

    _name: ClassVar = "Closing"
    _types: ClassVar = {"channel_id": "bytes32"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedVoucher:
    """What a payee keeps: the newest voucher of a channel. signature: r, s, v, or what a contract wallet accepts."""

    channel: Channel
    cumulative_wei: int
    signature: bytes

    @property
    def voucher(self) -> Voucher:
        return Voucher(channel_id=self.channel.id, cumulative_wei=self.cumulative_wei)

    def to_tuple(self) -> tuple[str, str, bytes, int, bytes, bytes]:
        """Return IChannels.SignedVoucher: without the payee, whom a batch names once, and signed in ERC-2098's form.

        Raises BadSignature for what is not a key's signature: a contract wallet's voucher is claimed alone.
        """
        if len(self.signature) != 65 or self.signature[64] not in (27, 28):
            raise BadSignature(reason="not r, s and 27 or 28, as a key signs")
        payer, _, signer, salt = self.channel.to_tuple()
        parity_and_s = (self.signature[64] - 27) << 255 | int.from_bytes(self.signature[32:64], "big")
        short = self.signature[:32], parity_and_s.to_bytes(32, "big")
        return payer, signer, salt, self.cumulative_wei, *short


def sign_voucher(
    channel: Channel, cumulative_wei: int, *, domain: SigningDomain, account: LocalAccount
) -> SignedVoucher:
    """Return the promise of `cumulative_wei` in all, by the channel's signer."""
    voucher = Voucher(channel_id=channel.id, cumulative_wei=cumulative_wei)
    return SignedVoucher(channel=channel, cumulative_wei=cumulative_wei, signature=sign(voucher, domain, account))


def channels_domain(*, chain_id: int, channels: str) -> SigningDomain:
    """Return where vouchers count: one chain, one Channels contract."""
    return SigningDomain(chain_id=chain_id, jobs=channels)
