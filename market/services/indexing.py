"""The indexer: brings the projection level with the chain, one database transaction per step.

Decides when stored logs are rolled back: checkpoints are block hashes, so a reorganisation (or a head below the last
checkpoint) deletes what no longer stands and rebuilds the projection from the logs that remain, never patches it. No
remote call happens inside a transaction. What an event means for work is left to tasks, which are enqueued with it.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from market.chain.logs import BlockEvents, ChainStep
from market.chain.reorg import Checkpoint
from market.chain.values import ChainEvent
from market.db.models import ChainBlock, ChainLog
from market.db.repositories import chain as rows
from market.db.repositories.running import enqueue_task
from market.db.repositories.work import jobs_awaiting_beacon, warm_job_ids
from market.db.session import Database, WriteSession
from market.protocol.words import ChallengeStatus
from market.services.projection import apply, to_stored
from market.services.wakeups import Wakeups

CHECKPOINTS = 300  # how far back a reorganisation is recognised without reading the whole chain again


class StepReader(Protocol):
    """Where steps come from: `market.chain` over a node, or a script in a test."""

    async def read_step(self, stored: list[Checkpoint]) -> ChainStep: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """What one step did. behind: blocks between the projection and the node's head."""

    blocks: int
    events: int
    rolled_back: bool
    behind: int


class IndexingService:
    """Owns the chain-owned tables."""

    def __init__(self, database: Database, reader: StepReader, wakeups: Wakeups) -> None:
        self._database, self._reader, self._wakeups = database, reader, wakeups
        self._one_step_at_a_time = asyncio.Lock()

    async def advance(self) -> Indexed:
        """Apply the next step. Raises ChainUnreachable, or ChainReplaced when the node serves another chain."""
        async with self._one_step_at_a_time:
            return await self._advance()

    async def _advance(self) -> Indexed:
        async with self._database.read() as session:
            stored = [
                Checkpoint(number=block.number, hash=bytes.fromhex(block.hash[2:]))
                for block in await rows.recent_blocks(session, limit=CHECKPOINTS)
            ]
        step = await self._reader.read_step(stored)
        if step.rollback_to is not None or step.blocks:
            async with self._database.write() as session:
                if step.rollback_to is not None:
                    await self._roll_back(session, step.rollback_to)
                for block in step.blocks:
                    await self._ingest(session, block)
                await self._ask_who_waits_for_beacons(session)
            self._wakeups.wake("tasks")
        top = step.blocks[-1].header.number if step.blocks else max((point.number for point in stored), default=0)
        return Indexed(
            blocks=len(step.blocks),
            events=sum(len(block.events) for block in step.blocks),
            rolled_back=step.rollback_to is not None,
            behind=max(step.head.number - top, 0),
        )

    async def rebuild(self) -> int:
        """Empty the projection and build it again from the stored logs; return how many were applied."""
        async with self._database.write() as session:
            return await self._replay(session)

    async def _roll_back(self, session: WriteSession, number: int) -> None:
        await rows.forget_blocks_above(session, number)
        await self._replay(session)
        for job_id in await warm_job_ids(session):
            await enqueue_task(session, "advance_job", job_id)

    async def _replay(self, session: WriteSession) -> int:
        await rows.forget_projection(session)
        session.expire_all()
        applied, last = 0, 0
        while logs := await rows.logs_in_order(session, after_id=last):
            for log in logs:
                await apply(session, log)
            applied, last = applied + len(logs), logs[-1].id
        return applied

    async def _ingest(self, session: WriteSession, block: BlockEvents) -> None:
        header = block.header
        session.add(
            ChainBlock(
                number=header.number,
                hash="0x" + header.hash.hex(),
                parent_hash="0x" + header.parent_hash.hex(),
                timestamp=header.timestamp,
            )
        )
        await session.flush()
        for event in block.events:
            log = _stored(event)
            session.add(log)
            await session.flush()
            await apply(session, log)
            await self._ask_for_work(session, log)

    async def _ask_who_waits_for_beacons(self, session: WriteSession) -> None:
        """A new block may be the beacon of an audit draw or of a committee."""
        for job_id in await jobs_awaiting_beacon(session):
            await enqueue_task(session, "advance_job", job_id)
        for challenge in await rows.open_challenges(session):
            if challenge.status is ChallengeStatus.RAISED:
                await enqueue_task(session, "advance_challenge", str(challenge.challenge_id))

    async def _ask_for_work(self, session: WriteSession, log: ChainLog) -> None:
        if log.job_id is not None:
            await enqueue_task(session, "advance_job", log.job_id)
        if "challenge_id" in log.args:
            await enqueue_task(session, "advance_challenge", str(log.args["challenge_id"]))


def _stored(event: ChainEvent) -> ChainLog:
    args = {name: to_stored(value) for name, value in event.args.items()}
    return ChainLog(
        block_number=event.block_number,
        block_hash="0x" + event.block_hash.hex(),
        block_timestamp=event.block_timestamp,
        transaction_hash="0x" + event.tx_hash.hex(),
        log_index=event.log_index,
        job_id=args.get("job_id"),
        contract=event.contract,
        name=event.name,
        args=args,
    )
