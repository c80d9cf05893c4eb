"""What a worker needs to answer for exact work long after it was done: one small file per receipt.

Decides what is remembered: the lease, the receipt, the terms and the side, so that a worker that was restarted can
still play. A file stays until its game is over, or until no challenge of the receipt can come any more.
"""

import json
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from market.protocol import merkle
from market.protocol.exact.commit import unit_leaf
from market.protocol.exact.game_moves import Frame
from market.protocol.exact.game_wire import from_json, to_json
from market.protocol.exact.terms import ExactTerms
from market.protocol.specs import TrainSpec
from market.protocol.typed import Receipt
from market.protocol.wire import Lease

KEEP_SECONDS: Final = 210 * 86_400  # the longest job and the longest challenge window together
DEFENDER: Final = "defender"
CHALLENGER: Final = "challenger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Docket:
    """One receipt and our part in it. own_input_root: the state that our execution of the unit began from.
    challenge_id: None until there is a challenge."""

    digest: bytes
    side: str
    lease: Lease
    receipt: Receipt
    terms: ExactTerms
    own_input_root: bytes
    challenge_id: int | None = None

    @property
    def spec(self) -> TrainSpec:
        return TrainSpec.from_json(self.lease.spec)

    def frame(self) -> Frame:
        """Return what a game about the receipt begins with."""
        receipt = self.receipt
        return Frame(
            worker=receipt.worker,
            provider=receipt.provider,
            input_root=receipt.input_root,
            output_root=receipt.output_root,
            plan=self.spec.units()[receipt.unit],
            terms=self.terms,
            root=receipt.trace_root,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactClaim:
    """What `Disputes.challengeExact` is shown of the job, in the fields of the Solidity struct."""

    terms: ExactTerms
    json_hash: bytes
    plan: Any
    path: tuple[bytes, ...]


def claim_of(docket: Docket) -> ExactClaim:
    """Return the claim: the terms, the document's hash, and the unit's plan with its place in the schedule."""
    spec = docket.spec
    units = spec.units()
    leaves = [unit_leaf(unit) for unit in units]
    return ExactClaim(
        terms=docket.terms,
        json_hash=sha256(spec.encode()).digest(),
        plan=units[docket.receipt.unit],
        path=tuple(merkle.proof(leaves, docket.receipt.unit)),
    )


class DocketBook:
    """The dockets of one worker, readable by the owner alone."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder

    def write(self, docket: Docket) -> None:
        body = {
            "side": docket.side,
            "lease": docket.lease.model_dump(mode="json"),
            "receipt": docket.receipt.to_json(),
            "terms": to_json(docket.terms),
            "own_input_root": docket.own_input_root.hex(),
            "challenge_id": docket.challenge_id,
        }
        partial = self._path(docket.digest).with_suffix(".part")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(body))
        partial.replace(self._path(docket.digest))

    def open(self) -> list[Docket]:
        """Return all dockets, those too old to matter being removed."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            if time.time() - path.stat().st_mtime > KEEP_SECONDS:
                path.unlink()
            else:
                found.append(_read(path))
        return found

    def find(self, digest: bytes) -> Docket | None:
        path = self._path(digest)
        return _read(path) if path.exists() else None

    def challenged(self, docket: Docket, challenge_id: int) -> Docket:
        """Note under which number the receipt is disputed."""
        noted = replace(docket, challenge_id=challenge_id)
        self.write(noted)
        return noted

    def close(self, docket: Docket) -> None:
        self._path(docket.digest).unlink(missing_ok=True)

    def _path(self, digest: bytes) -> Path:
        return self._folder / f"{digest.hex()}.json"


def _read(path: Path) -> Docket:
    body = json.loads(path.read_text())
    terms = from_json(body["terms"])
    assert isinstance(terms, ExactTerms), "we wrote it ourselves"
    return Docket(
        digest=bytes.fromhex(path.stem),
        side=body["side"],
        lease=Lease(**body["lease"]),
        receipt=Receipt.from_json(body["receipt"]),
        terms=terms,
        own_input_root=bytes.fromhex(body["own_input_root"]),
        challenge_id=body["challenge_id"],
    )
