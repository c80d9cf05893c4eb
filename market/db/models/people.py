"""Who is there: offers, workers, and the bytes they and the buyers have stored."""

from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import Base
from market.db.types import Hex, Uint256


class OfferRow(Base):
    """A signed standing offer. The newest valid one of a worker counts."""

    __tablename__ = "offers"
    __table_args__ = (Index(None, "worker", "created_at"),)

    offer_hash: Mapped[str] = mapped_column(Hex, primary_key=True)
    provider: Mapped[str] = mapped_column(Hex, index=True)
    worker: Mapped[str] = mapped_column(Hex)
    price_wei_per_gigaflop: Mapped[int] = mapped_column(Uint256)
    fingerprint: Mapped[str] = mapped_column(Hex)
    valid_until: Mapped[int]
    nonce: Mapped[int] = mapped_column(Uint256)
    offer: Mapped[dict[str, Any]]
    signature: Mapped[str]
    facts: Mapped[dict[str, Any]]
    created_at: Mapped[int]


class WorkerRow(Base):
    """A worker as the market sees it. `streak` counts verified units since the last voided one."""

    __tablename__ = "workers"

    worker: Mapped[str] = mapped_column(Hex, primary_key=True)
    provider: Mapped[str] = mapped_column(Hex, index=True)
    fingerprint: Mapped[str] = mapped_column(Hex)
    verifier: Mapped[bool] = mapped_column(default=False)
    checks_only: Mapped[bool] = mapped_column(default=False)
    draining: Mapped[bool] = mapped_column(default=False)
    last_seen: Mapped[int]
    streak: Mapped[int] = mapped_column(default=0)
    units_verified: Mapped[int] = mapped_column(default=0)
    units_voided: Mapped[int] = mapped_column(default=0)


class ArtifactRow(Base):
    """Bytes that are wholly stored under their own hash."""

    __tablename__ = "artifacts"

    artifact_id: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int]
    uploader: Mapped[str] = mapped_column(Hex, index=True)
    created_at: Mapped[int]


class IdempotencyKey(Base):
    """One spending POST, by account and key: the first answer is given again to every repetition."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("account", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(Hex)
    key: Mapped[str]
    request_hash: Mapped[str]
    status: Mapped[int | None]
    body: Mapped[dict[str, Any] | None]
    created_at: Mapped[int]


class RequestNonce(Base):
    """A wallet-signed request that was already accepted; kept until it could no longer be valid."""

    __tablename__ = "request_nonces"

    address: Mapped[str] = mapped_column(Hex, primary_key=True)
    nonce: Mapped[str] = mapped_column(Hex, primary_key=True)
    expires_at: Mapped[int] = mapped_column(index=True)
