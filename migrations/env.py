"""Runs migrations on the database that the caller names (`market.db.migrate`), else on the one in the settings.

Decides how a migration runs, never what it does: in one transaction, one process at a time, giving up instead of
queueing behind a long lock. SQLite tables are rebuilt (batch mode), since it cannot alter most things in place.
"""

import asyncio
from typing import Any

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.types import TypeDecorator

from market.db.base import Base
from market.db.models import Job

LOCK_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 300
ADVISORY_LOCK = 0x636F6D6D6F6E7761  # "commonwa"

assert Job.metadata is Base.metadata, "importing the models is what fills the metadata"


def database_url() -> str:
    """Return the URL that the caller gave, else the one that the settings name."""
    given = context.config.attributes.get("database_url")
    if given is not None:
        return str(given)
    from market.settings import Settings  # noqa: PLC0415 - only Alembic's own command has no caller that knows

    return Settings().database_url


async def run_online() -> None:
    engine = create_async_engine(database_url())
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
            await connection.commit()
    finally:
        await engine.dispose()


def migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'"))
        connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT_SECONDS}s'"))
        connection.execute(text(f"SELECT pg_advisory_lock({ADVISORY_LOCK})"))
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=render_item,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def render_item(kind: str, item: Any, _: AutogenContext) -> str | bool:
    """Write a column's storage type into a migration instead of our own type, which may change later."""
    return f"sa.{item.impl_instance!r}" if kind == "type" and isinstance(item, TypeDecorator) else False


if context.is_offline_mode():
    context.configure(url=database_url(), target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(run_online())
