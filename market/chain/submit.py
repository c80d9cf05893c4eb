"""One transaction from intent to receipt: build, sign, broadcast, look up. Knows no table and allocates no nonce.

`sign_call` is pure given nonce and fees; its raw bytes are what an outbox stores before the first `broadcast`, which
may be repeated with the same bytes for ever and never pays twice. Reverts are named before a nonce is spent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from eth_account.signers.local import LocalAccount

from market.chain.errors import revert_in
from market.chain.fees import Fees, suggest
from market.chain.transport import RpcError, Transport
from market.chain.values import TransactionReceipt

GAS_MARGIN_PERCENT: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a transaction does. to: None creates a contract."""

    to: str | None
    data: bytes
    value_wei: int = 0

    def to_rpc(self, sender: str) -> dict[str, str]:
        body = {"from": sender, "data": "0x" + self.data.hex(), "value": hex(self.value_wei)}
        return body if self.to is None else {**body, "to": self.to}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransaction:
    """Bytes that any node can broadcast any number of times, and the hash by which to find them."""

    raw: bytes
    hash: bytes
    nonce: int


class Broadcast(StrEnum):
    """What a node said to raw bytes.

    KNOWN: it has them already. NONCE_USED: something with that nonce is mined (look at the receipts of every hash of
    the nonce). UNDERPRICED: another transaction holds the nonce and this one pays too little more.
    """

    ACCEPTED = "ACCEPTED"
    KNOWN = "KNOWN"
    NONCE_USED = "NONCE_USED"
    UNDERPRICED = "UNDERPRICED"


# The prose of geth, anvil, erigon and nethermind for one fact each, in one table.
_PROSE: Final[Mapping[str, Broadcast]] = {
    "already known": Broadcast.KNOWN,
    "already imported": Broadcast.KNOWN,
    "alreadyknown": Broadcast.KNOWN,
    "nonce too low": Broadcast.NONCE_USED,
    "oldnonce": Broadcast.NONCE_USED,
    "underpriced": Broadcast.UNDERPRICED,
}


def sign_call(
    call: Call, *, account: LocalAccount, chain_id: int, nonce: int, gas: int, fees: Fees
) -> SignedTransaction:
    """Return the signed EIP-1559 transaction; the same arguments give the same bytes (RFC 6979)."""
    fields: dict[str, Any] = {
        "type": 2,
        "chainId": chain_id,
        "nonce": nonce,
        "gas": gas,
        "maxFeePerGas": fees.max_fee_wei,
        "maxPriorityFeePerGas": fees.max_priority_fee_wei,
        "value": call.value_wei,
        "data": call.data,
    }
    if call.to is not None:
        fields["to"] = call.to
    signed = account.sign_transaction(fields)
    return SignedTransaction(raw=bytes(signed.raw_transaction), hash=bytes(signed.hash), nonce=nonce)


async def simulate(transport: Transport, call: Call, *, sender: str, block: str = "latest") -> bytes:
    """Return what the call would return; raises ContractRevert, UnknownRevert, RpcError or ChainUnreachable."""
    return bytes.fromhex((await _asking(transport, "eth_call", call.to_rpc(sender), block))[2:])


async def estimate_gas(transport: Transport, call: Call, *, sender: str) -> int:
    """Return the gas to grant, with a margin; raises as `simulate` does."""
    estimate = int(await _asking(transport, "eth_estimateGas", call.to_rpc(sender), "latest"), 16)
    return estimate + estimate * GAS_MARGIN_PERCENT // 100


async def current_fees(transport: Transport) -> Fees:
    """Return fees for a first broadcast, from the latest block and the node's suggested tip."""
    block = await transport.request("eth_getBlockByNumber", ["latest", False])
    tip = int(await transport.request("eth_maxPriorityFeePerGas"), 16)
    return suggest(base_fee_wei=int(block.get("baseFeePerGas", "0x0"), 16), priority_fee_wei=tip)


async def mined_count(transport: Transport, sender: str) -> int:
    """Return the sender's transaction count at the latest block: its lowest nonce that is not mined."""
    return int(await transport.request("eth_getTransactionCount", [sender, "latest"]), 16)


async def pending_count(transport: Transport, sender: str) -> int:
    """Return the same with the node's mempool counted in; it lags while the sender is broadcasting."""
    return int(await transport.request("eth_getTransactionCount", [sender, "pending"]), 16)


async def broadcast(transport: Transport, raw: bytes) -> Broadcast:
    """Hand raw bytes to the node; raises RpcError for a refusal that is about the transaction itself."""
    try:
        await transport.request("eth_sendRawTransaction", ["0x" + raw.hex()])
    except RpcError as error:
        prose = error.message.lower()
        outcome = next((outcome for words, outcome in _PROSE.items() if words in prose), None)
        if outcome is None:
            raise
        return outcome
    return Broadcast.ACCEPTED


async def receipt_of(transport: Transport, tx_hash: bytes) -> TransactionReceipt | None:
    """Return what became of a transaction; None while it is not mined (or no longer is)."""
    found = await transport.request("eth_getTransactionReceipt", ["0x" + tx_hash.hex()])
    if found is None:
        return None
    return TransactionReceipt(
        tx_hash=tx_hash,
        block_number=int(found["blockNumber"], 16),
        block_hash=bytes.fromhex(found["blockHash"][2:]),
        succeeded=int(found["status"], 16) == 1,
        gas_used=int(found["gasUsed"], 16),
        logs=tuple(found["logs"]),
    )


async def _asking(transport: Transport, method: str, body: dict[str, str], block: str) -> str:
    try:
        return str(await transport.request(method, [body, block]))
    except RpcError as error:
        revert = revert_in(error)
        if revert is None:
            raise
        raise revert from error
