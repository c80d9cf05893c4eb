"""What a worker process is told from outside. Read in `worker/main.py` alone.

Decides names and defaults: every value is a flag there and an environment variable COMMONWATT_WORKER_<NAME> here; a
flag wins. Never holds a price or a bond: those are said at `join` and signed.
"""

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from worker.sandbox.levels import Isolation


def _three_quarters_of_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4


class WorkerSettings(BaseSettings):
    """home: the worker's folder. isolation: None means the strongest that this machine has, `limits` excepted.

    memory_bytes: what one unit may use. silent_seconds: a run without a finished step for so long is killed.
    drain_seconds: how long SIGTERM waits for the running unit. envelope_watts: what the machine draws under full load.
    """

    model_config = SettingsConfigDict(env_prefix="COMMONWATT_WORKER_", frozen=True, extra="forbid")

    home: Path = Path("~/.commonwatt/worker")
    market_url: str = "http://127.0.0.1:8402"
    rpc_url: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    isolation: Isolation | None = None
    memory_bytes: int = Field(default_factory=_three_quarters_of_memory, gt=0)
    cache_bytes: int = Field(default=8 << 30, gt=0)
    silent_seconds: float = Field(default=60.0, gt=0)
    claim_seconds: float = Field(default=30.0, gt=0)
    drain_seconds: float = Field(default=300.0, gt=0)
    envelope_watts: int | None = Field(default=None, gt=0)
