"""The worker's folder: where key, profile, cache, runs, votes, dockets and acceptances lie, and who may use it now.

Decides names and forms. One process runs per home: `lock` is held for as long as it does. The status file is for people
and for `worker status`; nothing is decided by it.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from market.protocol.errors import CommonwattError


@dataclass(frozen=True, slots=True, kw_only=True)
class NotJoined(CommonwattError):
    """This worker has not joined a market yet; `commonwatt worker join` does."""

    home: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeInUse(CommonwattError):
    """Another worker process runs from this folder."""

    home: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What `join` settled: which market, and the standing offer that `run` keeps alive.

    facts: what the offer says about the machine. verifier: whether the worker sits on committees.
    checks_only: whether it leaves the work to others. node_url, deployment: the chain's node and the contracts, for
    what must be possible when the market is gone.
    """

    market_url: str
    rpc_url: str | None
    node_url: str
    deployment: dict[str, Any]
    provider: str
    price_wei_per_gigaflop: int
    fingerprint: str
    facts: dict[str, Any]
    verifier: bool
    offer_valid_until: int
    checks_only: bool = False

    def save(self, path: Path) -> None:
        _replace(path, asdict(self))

    @classmethod
    def load(cls, home: "WorkerHome") -> Self:
        """Raises NotJoined."""
        if not home.profile.exists():
            raise NotJoined(home=str(home.path))
        return cls(**json.loads(home.profile.read_text()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a running worker says of itself. at: unix seconds."""

    state: str
    pid: int
    at: int
    assignment_id: str | None
    job_id: str | None
    unit: int | None
    step: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHome:
    """One worker's folder."""

    path: Path

    @property
    def keystore(self) -> Path:
        return self.path / "keystore.json"

    @property
    def profile(self) -> Path:
        return self.path / "profile.json"

    @property
    def status(self) -> Path:
        return self.path / "status.json"

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def votes(self) -> Path:
        return self.path / "votes"

    @property
    def dockets(self) -> Path:
        return self.path / "dockets"

    @property
    def acceptances(self) -> Path:
        return self.path / "acceptances"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process; raises HomeInUse."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.path / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise HomeInUse(home=str(self.path)) from error
            yield

    def is_locked(self) -> bool:
        try:
            with self.lock():
                return False
        except HomeInUse:
            return True

    def write_status(self, status: Status) -> None:
        _replace(self.status, asdict(status))

    def read_status(self) -> Status | None:
        """Return what the last process wrote, whether or not it still runs."""
        if not self.status.exists():
            return None
        return Status(**json.loads(self.status.read_text()))


def _replace(path: Path, document: dict[str, Any]) -> None:
    """Write a file that is never seen half-written."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    partial.write_text(json.dumps(document, indent=2) + "\n")
    partial.replace(path)
