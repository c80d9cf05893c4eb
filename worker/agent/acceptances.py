"""What a worker keeps so that it can be paid without the operator: receipts of its own that the operator countersigned.

Decides that one is on disk, synced, before anything else happens with it. Nothing in it is secret: whoever reads it
could only have the worker paid. What is kept of a job stays until the job has ended.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from market.protocol.errors import CommonwattError
from market.protocol.typed import Acceptance, BadSignature, Receipt, SigningDomain, digest, recover_signer
from market.protocol.wire import CommitSubmission, SignedAcceptance


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAccepted(CommonwattError):
    """What came as the operator's acceptance of a receipt is worth nothing on chain."""

    receipt: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A receipt, its worker's signature, what the operator says it adds up to, and the operator's signature."""

    receipt: Receipt
    signature: bytes
    acceptance: Acceptance
    countersignature: bytes

    def to_json(self) -> dict[str, Any]:
        return {
            "receipt": self.receipt.to_json(),
            "signature": "0x" + self.signature.hex(),
            "acceptance": self.acceptance.to_json(),
            "countersignature": "0x" + self.countersignature.hex(),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Invert to_json; raises KeyError or ValueError for another form."""
        return cls(
            receipt=Receipt.from_json(document["receipt"]),
            signature=bytes.fromhex(document["signature"].removeprefix("0x")),
            acceptance=Acceptance.from_json(document["acceptance"]),
            countersignature=bytes.fromhex(document["countersignature"].removeprefix("0x")),
        )

    def check(self, domain: SigningDomain, operator: str) -> None:
        """Raise NotAccepted unless it is the operator's own word about this very receipt."""
        name = "0x" + self.acceptance.receipt_digest.hex()
        if self.acceptance.receipt_digest != digest(self.receipt, domain):
            raise NotAccepted(receipt=name, reason="it is about another receipt")
        try:
            signer = recover_signer(self.acceptance, domain, self.countersignature)
        except BadSignature as error:
            raise NotAccepted(receipt=name, reason=str(error)) from error
        if signer.lower() != operator.lower():
            raise NotAccepted(receipt=name, reason=f"{signer} signed it, not the operator {operator}")


def accepted_of(submission: CommitSubmission, signed: SignedAcceptance) -> Accepted:
    """Return what a market answered to a receipt that was handed in; raises ValueError for another form."""
    assert submission.receipt is not None and submission.signature is not None, "a vote is never accepted"
    return Accepted(
        receipt=Receipt.from_json(submission.receipt),
        signature=bytes.fromhex(submission.signature[2:]),
        acceptance=Acceptance.from_json(signed.acceptance),
        countersignature=bytes.fromhex(signed.signature[2:]),
    )


class AcceptanceJournal:
    """The acceptances of one worker, a small file each."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder

    def write(self, accepted: Accepted) -> None:
        """Keep one; it is on disk, whole, when this returns."""
        path = self._folder / f"{accepted.receipt.job_id.hex()}-{accepted.acceptance.receipt_digest.hex()}.json"
        partial = path.with_suffix(".part")
        with partial.open("w") as file:
            json.dump(accepted.to_json(), file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        self._sync_folder()

    def follow(self, job_id: bytes) -> None:
        """Note that this worker has a bond in a job, whether or not anything is accepted there."""
        (self._folder / job_id.hex()).touch()

    def jobs(self) -> list[bytes]:
        """Return the jobs that have not ended, as far as this worker knows."""
        whole = (path for path in self._folder.iterdir() if path.suffix != ".part")
        return [bytes.fromhex(job) for job in sorted({path.stem.partition("-")[0] for path in whole})]

    def of(self, job_id: bytes) -> list[Accepted]:
        """Return the acceptances of a job."""
        paths = sorted(self._folder.glob(f"{job_id.hex()}-*.json"))
        return [Accepted.from_json(json.loads(path.read_text())) for path in paths]

    def forget(self, job_id: bytes) -> None:
        for path in self._folder.glob(f"{job_id.hex()}*"):
            path.unlink()

    def _sync_folder(self) -> None:
        """A new file is only safe once its name is."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
