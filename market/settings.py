"""What a process is told from outside: addresses, secrets, sizes and places. Read once, at the composition root.

Decides names and defaults; every value can be set by an environment variable that begins with COMMONWATT_, rooms
separated by two underscores (COMMONWATT_CHAIN__RPC_URL). Never holds a number that moves people's money: those are the
`Policy`, the contracts' own parameters, and the bid.
"""

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

HOME = Path(".commonwatt")


class Mode(StrEnum):
    """EMBEDDED: one process, background tasks claimed in it. SCALED: many processes, tasks carried by Celery."""

    EMBEDDED = "embedded"
    SCALED = "scaled"


class Room(BaseModel):
    """Base of the settings of one room."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(Room):
    """Where rows live. url: an async SQLAlchemy URL; empty means a SQLite file in the home folder."""

    url: SecretStr = SecretStr("")


class ArtifactSettings(Room):
    """Where artifacts' bytes live, and how many. folder: None means `artifacts` in the home folder."""

    folder: Path | None = None
    max_artifact_bytes: int = Field(default=1 << 30, gt=0)
    max_account_bytes: int = Field(default=64 << 30, gt=0)


class ChainSettings(Room):
    """Which node and which contracts.

    deployment_file: None means `deployment.json` in the home folder, where `devnet up` writes it.
    public_rpc_url: the node that clients are told to use, when it is not the market's own.
    """

    rpc_url: str = "http://127.0.0.1:8545"
    public_rpc_url: str | None = None
    deployment_file: Path | None = None
    timeout_seconds: float = Field(default=10.0, gt=0)


class OperatorSettings(Room):
    """Whose key signs the market's transactions: a keystore v3 file with its passphrase.

    On the development chain alone, and only without a keystore, the well-known development key is used.
    """

    keystore: Path | None = None
    passphrase: SecretStr | None = None


class ApiSettings(Room):
    """Where the API listens. port 0: any free one. shutdown_seconds: how long requests may take to finish."""

    host: str = "127.0.0.1"
    port: int = Field(default=8402, ge=0, lt=1 << 16)
    max_body_bytes: int = Field(default=1 << 20, gt=0)
    shutdown_seconds: int = Field(default=15, ge=0)


class TaskSettings(Room):
    """How background work is carried. redis_url: only in scaled mode."""

    mode: Mode = Mode.EMBEDDED
    redis_url: SecretStr | None = None


class Settings(BaseSettings):
    """Everything, by room. home: where the embedded mode keeps its files."""

    model_config = SettingsConfigDict(
        env_prefix="COMMONWATT_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
        frozen=True,
        extra="forbid",
    )

    home: Path = HOME
    database: DatabaseSettings = DatabaseSettings()
    artifacts: ArtifactSettings = ArtifactSettings()
    chain: ChainSettings = ChainSettings()
    operator: OperatorSettings = OperatorSettings()
    api: ApiSettings = ApiSettings()
    tasks: TaskSettings = TaskSettings()

    @property
    def database_url(self) -> str:
        return self.database.url.get_secret_value() or f"sqlite+aiosqlite:///{self.home / 'market.sqlite3'}"

    @property
    def artifact_folder(self) -> Path:
        return self.artifacts.folder or self.home / "artifacts"

    @property
    def deployment_file(self) -> Path:
        return self.chain.deployment_file or self.home / "deployment.json"
