"""What only the chain can say about a receipt bundle: that its root was committed, and under which match.

Decides the on-chain half of `commonwatt receipt verify`. Needs a node, and neither a market nor a deployment record.
A bundle names its own Jobs contract, so a caller who trusts one contract must say which.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from market.chain import submit
from market.chain.bindings import decode_log_as, event_topic
from market.chain.reads import is_contract_signature
from market.chain.transport import Transport
from market.chain.values import ChainEvent
from market.protocol.jobs import decode_work
from market.protocol.receipts import CheckedBundle, ReceiptInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainProof:
    """Where the chain vouches for a receipt. block_number: the commit's block."""

    block_number: int
    match_index: int
    unit_price_wei: int


async def verify_on_chain(transport: Transport, checked: CheckedBundle, *, jobs: str | None = None) -> ChainProof:
    """Check a bundle against the chain; raises ReceiptInvalid naming the check, RpcError or ChainUnreachable.

    jobs: the Jobs contract that the caller trusts; None trusts the one that the bundle names.
    """
    if jobs is not None and jobs.lower() != checked.bundle.jobs.lower():
        raise ReceiptInvalid(check="contract", reason=f"it names the Jobs contract {checked.bundle.jobs}, not {jobs}")
    await _check_chain_id(transport, checked)
    block_number = await _check_commit(transport, checked)
    match_index = await _check_match(transport, checked)
    await _check_not_voided(transport, checked)
    if "offer" in checked.wallet_signed:
        await _check_offer_wallet(transport, checked)
    return ChainProof(
        block_number=block_number,
        match_index=match_index,
        unit_price_wei=checked.receipt.price_wei,
    )


async def _check_chain_id(transport: Transport, checked: CheckedBundle) -> None:
    chain_id = int(await transport.request("eth_chainId"), 16)
    if chain_id != checked.bundle.chain_id:
        reason = f"the receipt is of chain {checked.bundle.chain_id}, the node serves chain {chain_id}"
        raise ReceiptInvalid(check="chain", reason=reason)


async def _check_commit(transport: Transport, checked: CheckedBundle) -> int:
    bundle = checked.bundle
    mined = await submit.receipt_of(transport, bytes.fromhex(bundle.commit_transaction[2:]))
    if mined is None or not mined.succeeded:
        raise ReceiptInvalid(check="commit", reason=f"no successful transaction {bundle.commit_transaction}")
    ours = [log for log in mined.logs if str(log["address"]).lower() == bundle.jobs.lower()]
    wanted = (checked.receipt.job_id, bundle.epoch, bytes.fromhex(bundle.receipts_root[2:]))
    for event in _decoded(ours):
        if event.name == "ReceiptsCommitted" and _identity(event) == wanted:
            _check_leaf_count(event, bundle.leaf_count)
            return mined.block_number
    reason = f"the transaction committed no such root for this job and epoch {bundle.epoch} at {bundle.jobs}"
    raise ReceiptInvalid(check="commit", reason=reason)


def _identity(event: ChainEvent) -> tuple[bytes, int, bytes]:
    return event.args["job_id"], event.args["epoch"], event.args["receipts_root"]


def _check_leaf_count(event: ChainEvent, leaf_count: int) -> None:
    # Two tree sizes can share a path, so the size itself must be the number of receipts that the commit accounts for.
    # A tree of one leaf shares its path with no other; a countersigned receipt may account for more than itself.
    accounted = sum(done.units + done.audits for done in decode_work(event.args["work"]))
    if leaf_count not in {1, accounted}:
        reason = f"the commit accounts for {accounted} receipts, the bundle says {leaf_count}"
        raise ReceiptInvalid(check="commit", reason=reason)


async def _check_match(transport: Transport, checked: CheckedBundle) -> int:
    """Return the index of the receipt's match."""
    events = await _job_events(transport, checked, "JobMatched")
    matches = [pair for e in events for pair in zip(e.args["added"], e.args["offer_hashes"], strict=True)]
    for index, (entry, offer_hash) in enumerate(matches):
        if (entry.worker, offer_hash) == (checked.receipt.worker, checked.offer_hash):
            if (entry.provider, entry.unit_price_wei) != (checked.receipt.provider, checked.receipt.price_wei):
                reason = f"matched for {entry.unit_price_wei} wei a unit with {entry.provider}"
                raise ReceiptInvalid(check="price", reason=reason)
            return index
    raise ReceiptInvalid(check="match", reason="the chain matched this worker and offer with no such job")


async def _check_not_voided(transport: Transport, checked: CheckedBundle) -> None:
    for event in await _job_events(transport, checked, "UnitVoided"):
        if event.args["receipt_digest"] == checked.receipt_digest:
            raise ReceiptInvalid(check="voided", reason="a committee found this receipt false and its unit was voided")


async def _check_offer_wallet(transport: Transport, checked: CheckedBundle) -> None:
    signature = bytes.fromhex(checked.bundle.offer_signature[2:])
    if not await is_contract_signature(transport, checked.offer.provider, checked.offer_hash, signature):
        reason = f"it is not by the provider {checked.offer.provider}, neither by key nor by ERC-1271"
        raise ReceiptInvalid(check="offer-signature", reason=reason)


async def _job_events(transport: Transport, checked: CheckedBundle, name: str) -> list[ChainEvent]:
    query: dict[str, Any] = {
        "address": checked.bundle.jobs,
        "topics": ["0x" + event_topic("Jobs", name).hex(), "0x" + checked.receipt.job_id.hex()],
        "fromBlock": "0x0",
        "toBlock": "latest",
    }
    return _decoded(await transport.request("eth_getLogs", [query]))


def _decoded(logs: Sequence[Mapping[str, Any]]) -> list[ChainEvent]:
    # Nothing here depends on time, and a log does not say it.
    events = (decode_log_as("Jobs", log, block_timestamp=0) for log in logs)
    return [event for event in events if event is not None]
