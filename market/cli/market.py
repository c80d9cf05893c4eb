"""`commonwatt market`: deploy the contracts, run the API and its background work, bring the database up to date."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import click
from alembic.util import CommandError
from pydantic import ValidationError

from market.chain.deploy import deploy as put_on_chain
from market.chain.parameters import DEVNET, PRODUCTION
from market.chain.transport import HttpTransport
from market.cli.console import DEFAULT_RPC, keystore_option, open_wallet, rpc_option, run
from market.protocol.errors import CommonwattError

PARAMETERS: Final = {"devnet": DEVNET, "production": PRODUCTION}


@click.group()
def market() -> None:
    """Run the market: deploy, serve, migrate, tasks."""


@market.command()
@rpc_option
@keystore_option
@click.option("--operator", metavar="ADDRESS", required=True, help="The only account that will match and commit.")
@click.option("--parameters", type=click.Choice(sorted(PARAMETERS)), default="production", show_default=True)
@click.argument("record", type=click.Path(path_type=Path, dir_okay=False))
def deploy(rpc: str | None, keystore: Path, operator: str, parameters: str, record: Path) -> None:
    """Put the six contracts on a chain and write their RECORD (JSON), which `serve --deployment` reads.

    The keystore's wallet pays the gas and receives the whole supply of the payout token. Nothing can be changed later.
    """
    if record.exists():
        raise click.UsageError(f"{record} exists, and a deployment record is never written over another")
    account = open_wallet(keystore)

    async def act() -> None:
        async with HttpTransport(rpc or DEFAULT_RPC) as transport:
            made = await put_on_chain(transport, account, operator=operator, parameters=PARAMETERS[parameters])
        made.save(record)

    run(act())
    click.echo(f"the contracts stand; their record is {record}")


@market.command()
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder for database and artifacts.")
@click.option("--rpc", "rpc_url", help="URL of the chain node.")
@click.option("--deployment", type=click.Path(path_type=Path, dir_okay=False), help="Deployment record (JSON).")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes any free one.")
def serve(home: Path | None, rpc_url: str | None, deployment: Path | None, host: str | None, port: int | None) -> None:
    """Serve the API; embedded, with the background work in the same process.

    Options go before the environment (COMMONWATT_*). SIGTERM ends it in order: requests under way are answered.
    """
    from market.bootstrap import configure_logging  # noqa: PLC0415 - `--help` must not load the web framework

    configure_logging()
    chain = _given(rpc_url=rpc_url, deployment_file=deployment)
    _reporting(lambda: asyncio.run(_serve(home, chain, _given(host=host, port=port))))


@market.command()
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder of the SQLite database.")
@click.option("--to", "revision", default="head", show_default=True, help="Revision to go forward to.")
@click.option("--back-to", help="Revision to go back to instead, or base; what newer tables held is lost.")
@click.option("--check", is_flag=True, help="Change nothing; fail when the tables are not what the code wants.")
def migrate(home: Path | None, revision: str, back_to: str | None, check: bool) -> None:
    """Bring the database's tables to the version that this code wants."""
    from market.bootstrap import check_tables, database_url, downgrade, upgrade  # noqa: PLC0415 - see `serve`

    def act() -> None:
        url = database_url(home)
        if check:
            check_tables(url)
        elif back_to is not None:
            downgrade(url, back_to)
        else:
            upgrade(url, revision)
        click.echo("the tables are as wanted" if check else f"the tables are at {back_to or revision}")

    _reporting(act)


@market.command()
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder for database and artifacts.")
def tasks(home: Path | None) -> None:
    """Scaled mode: carry the background work over Redis, in one process that also keeps the beat.

    Needs COMMONWATT_TASKS__MODE=scaled and COMMONWATT_TASKS__REDIS_URL, as `serve` does then.
    """
    from market.bootstrap import configure_logging, create_market_celery, load_settings  # noqa: PLC0415 - see `serve`

    configure_logging()

    def act() -> None:
        settings = load_settings(home=home)
        schedule = settings.home / "celerybeat-schedule"
        worker = ["worker", "--beat", "--pool", "solo", "--loglevel", "WARNING", "--schedule", str(schedule)]
        create_market_celery(settings).worker_main(worker)

    _reporting(act)


async def _serve(home: Path | None, chain: dict[str, Any], api: dict[str, Any]) -> None:
    from market.api.server import serve as serve_api  # noqa: PLC0415 - see `serve`
    from market.bootstrap import create_market_api, open_market  # noqa: PLC0415 - see `serve`

    opened = await open_market(home=home, chain=chain, api=api)
    await serve_api(
        create_market_api(opened.container, opened.settings.tasks.mode),
        opened.container,
        host=opened.settings.api.host,
        port=opened.settings.api.port,
        shutdown_seconds=opened.settings.api.shutdown_seconds,
        on_listening=lambda url: click.echo(f"market listening on {url}"),
    )


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _reporting(act: Callable[[], None]) -> None:
    """Run an act; a refusal with a name is a message, not a traceback."""
    try:
        act()
    except (CommonwattError, ValidationError, CommandError) as error:
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    raise click.ClickException(str(error)) from error
