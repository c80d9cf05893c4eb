"""Blocks and our events in them, read by block hash: never by height alone, never by node-side filters.

`read_step` answers an indexer's whole question: given what is stored, what must be deleted and which blocks come next.
A reorganisation in the middle of a read shortens the step; the next call sees it. Knows no table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from market.chain.bindings import decode_logs
from market.chain.deployment import Deployment
from market.chain.reorg import Checkpoint, check_genesis, common_ancestor, plan, unbroken
from market.chain.transport import RpcError, Transport
from market.chain.values import BlockHeader, ChainEvent
from market.protocol.errors import CommonwattError


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockVanished(CommonwattError):
    """The node no longer knows the block: the chain was reorganised."""

    block_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockEvents:
    """One block and our events in it, in log order."""

    header: BlockHeader
    events: tuple[ChainEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStep:
    """What an indexer applies in one database transaction.

    First delete checkpoints and events above `rollback_to` (None: nothing to delete), then add `blocks`, which follow
    one another and the last surviving checkpoint. head: the node's newest block.
    """

    rollback_to: int | None
    blocks: tuple[BlockEvents, ...]
    head: BlockHeader


async def latest_header(transport: Transport) -> BlockHeader:
    return _header(await transport.request("eth_getBlockByNumber", ["latest", False]))


async def header_by_number(transport: Transport, number: int) -> BlockHeader | None:
    """Return the block at a height on the node's present chain; None above its head."""
    found = await transport.request("eth_getBlockByNumber", [hex(number), False])
    return _header(found) if found else None


async def header_by_hash(transport: Transport, block_hash: bytes) -> BlockHeader | None:
    found = await transport.request("eth_getBlockByHash", ["0x" + block_hash.hex(), False])
    return _header(found) if found else None


async def genesis_hash(transport: Transport) -> str:
    """Return the genesis block's hash, 0x hex."""
    found = await transport.request("eth_getBlockByNumber", ["0x0", False])
    return str(found["hash"]).lower()


async def events_in(transport: Transport, deployment: Deployment, header: BlockHeader) -> tuple[ChainEvent, ...]:
    """Return our events in one block; raises BlockVanished when the node no longer has it."""
    query = {"blockHash": "0x" + header.hash.hex(), "address": list(deployment.addresses.values())}
    try:
        logs = await transport.request("eth_getLogs", [query])
    except RpcError as error:
        if await header_by_hash(transport, header.hash) is None:
            raise BlockVanished(block_hash="0x" + header.hash.hex()) from error
        raise
    ordered = sorted(logs, key=lambda log: int(log["logIndex"], 16))
    return decode_logs(deployment, ordered, block_timestamp=header.timestamp)


async def read_step(
    transport: Transport,
    deployment: Deployment,
    stored: Sequence[Checkpoint],
    *,
    limit: int = 100,
    confirmations: int = 0,
) -> ChainStep:
    """Return the next step for an indexer that holds `stored` checkpoints (newest ones suffice; any order).

    limit: most blocks in one step. confirmations: blocks left unread below the head.
    Raises ChainReplaced when the genesis differs, ChainUnreachable or RpcError.
    """
    check_genesis(expected=deployment.genesis_hash, found=await genesis_hash(transport))
    head = await latest_header(transport)
    canonical = await _canonical(transport, stored, head)
    todo = plan(
        stored,
        canonical,
        head=head.number - confirmations,
        first_block=deployment.deployed_block,
        limit=limit,
    )
    headers = await _headers(transport, todo.first, todo.last)
    kept = unbroken(canonical.get(todo.first - 1), [(header.hash, header.parent_hash) for header in headers])
    blocks = await _blocks(transport, deployment, headers[:kept])
    return ChainStep(rollback_to=todo.rollback_to, blocks=blocks, head=head)


async def _canonical(transport: Transport, stored: Sequence[Checkpoint], head: BlockHeader) -> dict[int, bytes]:
    """Walk back from the newest checkpoint until one is still on the node's chain."""
    canonical: dict[int, bytes] = {}
    for point in sorted(stored, key=lambda point: point.number, reverse=True):
        header = await header_by_number(transport, point.number) if point.number <= head.number else None
        if header is not None:
            canonical[header.number] = header.hash
        if common_ancestor([point], canonical):
            break
    return canonical


async def _headers(transport: Transport, first: int, last: int) -> list[BlockHeader]:
    headers: list[BlockHeader] = []
    for number in range(first, last + 1):
        header = await header_by_number(transport, number)
        if header is None:
            break
        headers.append(header)
    return headers


async def _blocks(
    transport: Transport, deployment: Deployment, headers: Sequence[BlockHeader]
) -> tuple[BlockEvents, ...]:
    blocks: list[BlockEvents] = []
    for header in headers:
        try:
            blocks.append(BlockEvents(header=header, events=await events_in(transport, deployment, header)))
        except BlockVanished:
            break  # the chain moved while we read it: what was read so far stands or is rolled back by the next step
    return tuple(blocks)


def _header(block: Mapping[str, Any]) -> BlockHeader:
    return BlockHeader(
        number=int(block["number"], 16),
        hash=bytes.fromhex(block["hash"][2:]),
        parent_hash=bytes.fromhex(block["parentHash"][2:]),
        timestamp=int(block["timestamp"], 16),
        base_fee_wei=int(block.get("baseFeePerGas") or "0x0", 16),
    )
