"""A job's record as the chain's own logs tell it, for whoever can ask a node and nobody else.

Decides nothing: each event goes through its twin in `market.protocol.jobs`, and what comes out is believed only when
its hash is the one that the contract stores.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from market.chain.bindings import decode_logs, event_topic
from market.chain.logs import BlockVanished, header_by_hash
from market.chain.reads import ChainReader
from market.chain.values import ChainEvent
from market.protocol import jobs
from market.protocol.errors import CommonwattError
from market.protocol.jobs import JobRecord
from market.protocol.typed import Extension

_ATTEMPTS: Final = 3
_NAMES: Final = (
    "JobOpened", "JobMatched", "JobExtended", "ReceiptsCommitted", "UnitVoided", "JobPaid", "JobSettled", "JobExpired",
    "JobCancelled",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSuchJob(CommonwattError):
    """The chain knows no such job."""

    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryIncomplete(CommonwattError):
    """The node's logs of a job do not add up to what its contract stores."""

    job_id: str


async def record_of(reader: ChainReader, job_id: bytes) -> JobRecord:
    """Return the job's record as it stands.

    Raises NoSuchJob, HistoryIncomplete, and what an unreachable node raises.
    """
    for _ in range(_ATTEMPTS):  # a block may come between the logs and the look at the hash
        record = await _told(reader, job_id)
        if record.hash() == await reader.job_hash(job_id):
            return record
    raise HistoryIncomplete(job_id="0x" + job_id.hex())


async def _told(reader: ChainReader, job_id: bytes) -> JobRecord:
    query = {
        "address": reader.deployment.jobs,
        "topics": [["0x" + event_topic("Jobs", name).hex() for name in _NAMES], "0x" + job_id.hex()],
        "fromBlock": hex(reader.deployment.deployed_block),
        "toBlock": "latest",
    }
    logs = await reader.transport.request("eth_getLogs", [query])
    if not logs:
        raise NoSuchJob(job_id="0x" + job_id.hex())
    ordered = sorted(logs, key=lambda log: (int(log["blockNumber"], 16), int(log["logIndex"], 16)))
    first, *later = decode_logs(reader.deployment, ordered, block_timestamp=0)
    story = _Story(record=jobs.opened(first.args["bid"]))
    for event in later:
        at = await _timestamp(reader, event) if event.name == "ReceiptsCommitted" else 0
        story.record = _TWINS[event.name](story, event.args, at)
    return story.record


async def _timestamp(reader: ChainReader, event: ChainEvent) -> int:
    header = await header_by_hash(reader.transport, event.block_hash)
    if header is None:
        raise BlockVanished(block_hash="0x" + event.block_hash.hex())
    return header.timestamp


@dataclass(slots=True, kw_only=True)
class _Story:
    """The record so far, and how many units of each match verdicts have voided."""

    record: JobRecord
    voided: Counter[int] = field(default_factory=Counter)


def _matched(story: _Story, args: Any, _: int) -> JobRecord:
    hashes = args["offer_hashes"]
    return jobs.matched(
        story.record, [replace(place, offer_hash=told) for place, told in zip(args["added"], hashes, strict=True)]
    )


def _extended(story: _Story, args: Any, _: int) -> JobRecord:
    extension = Extension(**args)
    return jobs.extended(story.record, extension, voided_units=story.voided.total())


def _committed(story: _Story, args: Any, at: int) -> JobRecord:
    work = jobs.decode_work(args["work"])
    return jobs.committed(story.record, work, at=at, voided_units=story.voided.total())


def _voided(story: _Story, args: Any, _: int) -> JobRecord:
    story.voided[args["match_index"]] += 1
    return story.record


_TWINS: Final[dict[str, Callable[[_Story, Any, int], JobRecord]]] = {
    "JobMatched": _matched,
    "JobExtended": _extended,
    "ReceiptsCommitted": _committed,
    "UnitVoided": _voided,
    "JobPaid": lambda story, _, __: jobs.paid_in_part(story.record, story.voided),
    "JobSettled": lambda story, _, __: jobs.settled(story.record, story.voided),
    "JobExpired": lambda story, _, __: jobs.expired(story.record, story.voided),
    "JobCancelled": lambda story, args, _: jobs.cancelled(story.record, deadline=args["deadline"]),
}
