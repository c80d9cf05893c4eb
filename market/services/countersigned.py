"""What providers settle by countersigned receipts, brought level with our own books.

Decides which of our receipts such a commit has counted: the chain names a match and how many units and audits it has
more, and we accepted them in an order. They stand under that epoch, and only the receipt that was shown has a place
there; the others were counted without one, and can be challenged like any other.
"""

from market.db.models import ChainLog, Epoch, JobRecordRow, ReceiptRow
from market.db.repositories import work as rows
from market.db.session import WriteSession
from market.protocol import merkle
from market.protocol.jobs import JobRecord, decode_work
from market.protocol.receipts import receipt_leaf
from market.protocol.words import ReceiptKind


async def adopt_epochs(session: WriteSession, row: JobRecordRow, logs: dict[int, ChainLog]) -> None:
    """Make the epoch of every commit that is not ours. logs: ReceiptsCommitted events by epoch number."""
    for number in sorted(logs):
        epoch = await rows.epoch_of(session, row.job_id, number)
        if epoch is None or epoch.receipts_root != logs[number].args["receipts_root"]:
            await _adopt(session, row, logs[number], epoch)


async def _adopt(session: WriteSession, row: JobRecordRow, log: ChainLog, epoch: Epoch | None) -> None:
    number, root = log.args["epoch"], log.args["receipts_root"]
    # Ours of that number can never land any more: its receipts wait for the next one.
    for receipt in await rows.standing_receipts(session, row.job_id, epoch=number):
        receipt.epoch = receipt.leaf_index = None
    if epoch is None:
        epoch = Epoch(job_id=row.job_id, epoch=number, receipts_root="", leaf_count=0, drawn=False)
        session.add(epoch)
    epoch.receipts_root, epoch.leaf_count = root, 1
    epoch.block_number, epoch.transaction_hash, epoch.drawn = None, None, False
    await session.flush()
    matches = JobRecord.from_json(row.record).matches
    waiting = sorted(
        await rows.standing_receipts(session, row.job_id, epoch=None), key=lambda receipt: not _is_shown(receipt, root)
    )
    for done in decode_work(bytes.fromhex(log.args["work"][2:])):
        theirs = [receipt for receipt in waiting if receipt.worker == matches[done.match_index].worker.lower()]
        work = [receipt for receipt in theirs if receipt.kind is ReceiptKind.WORK]
        audits = [receipt for receipt in theirs if receipt.kind is ReceiptKind.AUDIT]
        for receipt in (*work[: done.units], *audits[: done.audits]):
            receipt.epoch, receipt.leaf_index = number, 0 if _is_shown(receipt, root) else None
    await session.flush()


def _is_shown(receipt: ReceiptRow, root: str) -> bool:
    leaf = receipt_leaf(bytes.fromhex(receipt.digest[2:]), bytes.fromhex(receipt.signature[2:]))
    return "0x" + merkle.root([leaf]).hex() == root
