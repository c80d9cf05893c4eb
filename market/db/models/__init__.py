"""All tables, by who owns them: chain (projection), work, people, running."""

from market.db.models.chain import Account, ChainBlock, ChainLog, Challenge, JobRecordRow
from market.db.models.people import ArtifactRow, IdempotencyKey, OfferRow, RequestNonce, WorkerRow
from market.db.models.running import BackgroundTask, OutboxTransaction
from market.db.models.work import Assignment, Epoch, Job, JobEventRow, ReceiptRow, Unit

__all__ = [
    "Account",
    "ArtifactRow",
    "Assignment",
    "BackgroundTask",
    "ChainBlock",
    "ChainLog",
    "Challenge",
    "Epoch",
    "IdempotencyKey",
    "Job",
    "JobEventRow",
    "JobRecordRow",
    "OfferRow",
    "OutboxTransaction",
    "ReceiptRow",
    "RequestNonce",
    "Unit",
    "WorkerRow",
]
