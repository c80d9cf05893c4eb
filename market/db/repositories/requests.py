"""Queries over requests already seen: nonces of signed requests and answers to spending POSTs."""

from sqlalchemy import delete, select

from market.db.models import IdempotencyKey, RequestNonce
from market.db.session import ReadSession, WriteSession


async def nonce_seen(session: ReadSession, address: str, nonce: str) -> bool:
    return await session.get(RequestNonce, (address.lower(), nonce.lower())) is not None


async def remember_nonce(session: WriteSession, address: str, nonce: str, *, expires_at: int) -> None:
    """Store a nonce; a second one of the same address violates the primary key. expires_at: unix seconds."""
    session.add(RequestNonce(address=address, nonce=nonce, expires_at=expires_at))
    await session.flush()


async def forget_nonces(session: WriteSession, *, expired_at: int) -> None:
    await session.execute(delete(RequestNonce).where(RequestNonce.expires_at < expired_at))


async def idempotency_key_of(session: ReadSession, account: str, key: str) -> IdempotencyKey | None:
    query = select(IdempotencyKey).where(IdempotencyKey.account == account.lower(), IdempotencyKey.key == key)
    return (await session.scalars(query)).one_or_none()


async def forget_idempotency_keys(session: WriteSession, *, created_before: int) -> None:
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < created_before))
