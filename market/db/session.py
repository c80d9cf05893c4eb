"""Sessions: one engine per process, read and write units of work.

Decides how a transaction begins and ends, never what is in it. `write()` takes the write lock at once (BEGIN IMMEDIATE
on SQLite), so two writers queue instead of failing half-way, and commits when the block ends without an error. No
remote call belongs inside either block. SQLite runs in WAL mode, synchronous=FULL: a payout row survives a power cut.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

BUSY_TIMEOUT_MS = 30_000


class ReadSession(AsyncSession):
    """A session that only reads; repositories that write ask for a WriteSession."""


class WriteSession(ReadSession):
    """A session inside a write transaction."""


class Database:
    """One engine and its two kinds of session."""

    def __init__(self, url: str) -> None:
        self.engine: AsyncEngine = create_async_engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        if self.is_sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
        self._read = async_sessionmaker(self.engine, class_=ReadSession, expire_on_commit=False, autoflush=False)
        self._write = async_sessionmaker(self.engine, class_=WriteSession, expire_on_commit=False)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadSession]:
        async with self._read() as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteSession]:
        async with self._write() as session:
            if self.is_sqlite:
                await session.execute(text("BEGIN IMMEDIATE"))
            yield session
            await session.commit()

    async def close(self) -> None:
        await self.engine.dispose()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Let SQLAlchemy, not the driver, begin transactions, and set what money needs."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()
