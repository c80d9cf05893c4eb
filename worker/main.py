"""`commonwatt worker`: the provider's command, and the worker's one composition root.

Decides nothing about work: reads flags and settings, opens the key, puts the parts together, prints what was done.
Errors with facts end as one sentence and exit code 1; a key or a password is never printed or logged.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import structlog
from eth_account.signers.local import LocalAccount

from market.client.keystore import KeystoreExists, create_keystore, load_keystore
from market.protocol.errors import CommonwattError
from worker.agent import joining, keystore, reporting, session
from worker.agent.acceptances import AcceptanceJournal
from worker.agent.home import Profile, WorkerHome
from worker.agent.machine import Machine
from worker.agent.session import Means, Place, Session, Wish
from worker.agent.settling import Done, Settler
from worker.sandbox.levels import Isolation, choose
from worker.settings import WorkerSettings

LEVELS: Final = [level.value for level in Isolation]
WISHES: Final = ("bond_wei", "price_wei_per_gigaflop", "verifier", "checks_only", "zone", "electricity_price")

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Sentences(click.Group):
    """A group whose errors with facts are one sentence on stderr."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except CommonwattError as error:
            raise click.ClickException(str(error)) from error
        except ExceptionGroup as group:  # what ended a task of the agent
            only = group.exceptions[0]
            if len(group.exceptions) > 1 or not isinstance(only, CommonwattError):
                raise
            raise click.ClickException(str(only)) from group


def _options(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_home_options = _options(
    click.option("--home", type=click.Path(path_type=Path), help="The worker's folder  [~/.commonwatt/worker]"),
)
_key_options = _options(
    _home_options,
    click.option("--password-file", type=click.Path(path_type=Path), help="First line: the keystore's password"),
)
_means_options = _options(
    click.option("--isolation", type=click.Choice(LEVELS), help="[the strongest there is]"),
    click.option("--memory-bytes", type=int, help="What one unit may use  [3/4 of memory]"),
    click.option("--envelope-watts", type=int, help="What the machine draws under full load  [by its name]"),
)
_market_options = _options(
    click.option("--market", "market_url", help="The market's URL  [http://127.0.0.1:8402]"),
    click.option("--rpc", "rpc_url", help="The chain node to use  [the one that the market names]"),
)
_wish_options = _options(
    click.option("--bond-wei", type=int, help="Stake to hold in all, in the token's smallest unit"),
    click.option("--price-wei-per-gigaflop", type=int, help="Price, in the token's smallest unit"),
    click.option("--checks-only", is_flag=True, help="Take audits and votes, and leave the work to others"),
    click.option("--verifier", is_flag=True, help="Also sit on committees; locks the verifier bond"),
    click.option("--zone", default="unknown", show_default=True, help="Electricity zone, such as DE or US-CAISO"),
    click.option("--electricity-price", type=Decimal, default=Decimal(0), help="US dollars per kWh"),
    click.option("--light-keystore-for-devnet", is_flag=True, help="If a key has to be made: weak, opens at once"),
)


@click.group(cls=_Sentences)
def worker() -> None:
    """Lend this machine: join a market, run, see how it goes, leave.

    Settings can also be given as COMMONWATT_WORKER_HOME, COMMONWATT_WORKER_PASSWORD and so on.
    """
    _log_to_stderr()


@worker.command()
@_key_options
@click.option("--light-keystore-for-devnet", is_flag=True, help="Weak key derivation, opens at once: never for money")
def init(light_keystore_for_devnet: bool, **flags: Any) -> None:
    """Make a key for this worker, encrypted on disk."""
    settings = _settings(flags)
    path = _home(settings).keystore
    if path.exists():  # worth saying before a password is asked for
        raise KeystoreExists(path=str(path))
    account = create_keystore(path, _password(settings, confirm=True), light=light_keystore_for_devnet)
    click.echo(f"made {path} for {account.address}")


@worker.command()
@_key_options
@_market_options
@_wish_options
@_means_options
def join(**flags: Any) -> None:
    """Benchmark this machine, bond, and post a signed offer; prints what was done as one JSON object."""
    wish, light = _take_wish(flags), flags.pop("light_keystore_for_devnet")
    settings = _settings(flags)
    _work(
        settings, _load_or_make(settings, light=light), _place(settings), lambda opened: _join(opened, wish, settings)
    )


@worker.command()
@_key_options
@_market_options
@click.option("--join", "join_first", is_flag=True, help="Join first, as `worker join` does, with the same options")
@_wish_options
@_means_options
@click.option("--claim-seconds", type=float, help="How often earnings are claimed  [30]")
@click.option("--drain-seconds", type=float, help="How long SIGTERM waits for the running unit  [300]")
@click.option("--dishonest", type=click.Choice(["skip"]), help="Cheat on purpose, to see it caught")
def run(join_first: bool, dishonest: str | None, **flags: Any) -> None:
    """Lease, execute, commit and claim until SIGTERM; a second SIGTERM leaves at once."""
    wish = _take_wish(flags) if join_first else None
    light = flags.pop("light_keystore_for_devnet")
    settings = _settings({name: value for name, value in flags.items() if name not in WISHES})
    account = _load_or_make(settings, light=light) if join_first else _load(settings)
    place = _place(settings) if join_first else session.place_of(Profile.load(_home(settings)))

    async def act(opened: Session) -> None:
        if wish is not None:
            profile = await _join(opened, wish, settings)
        else:
            profile = await session.refresh_offer(opened, Profile.load(opened.home))
        machine = Machine(claim_seconds=settings.claim_seconds, drain_seconds=settings.drain_seconds)
        agent = session.make_agent(opened, profile, machine, dishonest=dishonest is not None)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, agent.stop)
        await agent.run()

    _work(settings, account, place, act)


@worker.command()
@_home_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object")
def status(as_json: bool, **flags: Any) -> None:
    """Show bond and credit, what the worker does now, and why no work comes. Needs no password."""
    home = _home(_settings(flags))
    found = asyncio.run(reporting.status_report(home, Profile.load(home)))
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, value in found.items():
        click.echo(f"{name.replace('_', ' '):>22}  {'-' if value is None else value}")


@worker.command()
@_key_options
def settle(**flags: Any) -> None:
    """Collect the pay for countersigned work that the operator has left out, and the bonds of jobs that it left lying.

    Asks the chain alone; a running worker does the same by itself. Settles such receipts between the job's deadline and
    the end of one more challenge window, and ends jobs that can be ended: run it again until none is left.
    """
    settings = _settings(flags)
    home = _home(settings)
    profile = Profile.load(home)
    account = _load(settings)

    async def act() -> list[Done]:
        async with session.on_chain(account, profile) as chain:
            return await Settler(AcceptanceJournal(home.acceptances), chain, patience_seconds=0).look()

    with home.lock():
        done = asyncio.run(act())
    for sent in done:
        click.echo(f"{sent.act} of job 0x{sent.job_id.hex()} in transaction 0x{sent.tx_hash.hex()}")
    click.echo(f"{len(AcceptanceJournal(home.acceptances).jobs())} jobs have not ended yet")


@worker.command()
@_key_options
def leave(**flags: Any) -> None:
    """Drain, revoke the offers, retire as a verifier, and start taking the bond out, what lies idle of it included;
    again later to withdraw it."""
    settings = _settings(flags)
    home = _home(settings)
    profile = Profile.load(home)
    account = _load(settings)

    async def act() -> joining.Left:
        await reporting.stop_running(home, seconds=settings.drain_seconds + 30)
        await session.say_goodbye(account, profile)
        async with session.on_chain(account, profile) as chain:
            return await joining.leave(chain)

    left = asyncio.run(act())
    replace(profile, offer_valid_until=0).save(home.profile)  # a later `run` must offer anew
    if left.released_wei:
        click.echo(f"released {left.released_wei} wei that finished jobs had left idle")
    click.echo(f"unbonding {left.unbonding_wei} wei, withdrawn {left.withdrawn_wei} wei, locked {left.locked_wei} wei")
    if left.unbonding_wei:
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(left.ready_at))
        click.echo(f"run `commonwatt worker leave` again after {when} to withdraw")


def _work(
    settings: WorkerSettings, account: LocalAccount, place: Place, act: Callable[[Session], Awaitable[object]]
) -> None:
    """Hold the home folder, open a session, and act in it."""
    home, means = _home(settings), _means(settings)

    async def within() -> None:
        async with session.open_session(home, account, means, place) as opened:
            await act(opened)

    with home.lock():
        asyncio.run(within())


async def _join(opened: Session, wish: Wish, settings: WorkerSettings) -> Profile:
    report = await session.join(opened, wish, _place(settings))
    click.echo(json.dumps(reporting.join_report(report)))
    return report.profile


def _take_wish(flags: dict[str, Any]) -> Wish:
    """Take what is said at `join` out of the flags; raises UsageError for what must be said and is not."""
    taken = {name: flags.pop(name) for name in WISHES}
    for name in ("bond_wei", "price_wei_per_gigaflop"):
        if taken[name] is None:
            raise click.UsageError(f"joining needs --{name.replace('_', '-')}")
    price_per_kwh = taken.pop("electricity_price")
    return Wish(**taken, electricity_microdollars_per_kwh=int(price_per_kwh * 1_000_000))


def _settings(flags: dict[str, Any]) -> WorkerSettings:
    return WorkerSettings(**{name: value for name, value in flags.items() if value is not None})


def _home(settings: WorkerSettings) -> WorkerHome:
    return WorkerHome(path=settings.home.expanduser().absolute())


def _means(settings: WorkerSettings) -> Means:
    return Means(
        isolation=choose(settings.isolation),
        memory_bytes=settings.memory_bytes,
        cache_bytes=settings.cache_bytes,
        silent_seconds=settings.silent_seconds,
        envelope_watts=settings.envelope_watts,
    )


def _place(settings: WorkerSettings) -> Place:
    return Place(market_url=settings.market_url, rpc_url=settings.rpc_url)


def _load(settings: WorkerSettings) -> LocalAccount:
    path = _home(settings).keystore
    keystore.address_of(path)  # a missing key is worth saying before a password is asked for
    return load_keystore(path, _password(settings, confirm=False))


def _load_or_make(settings: WorkerSettings, *, light: bool) -> LocalAccount:
    path = _home(settings).keystore
    if path.exists():
        return _load(settings)
    return create_keystore(path, _password(settings, confirm=True), light=light)


def _password(settings: WorkerSettings, *, confirm: bool) -> str:
    if settings.password is not None:
        return settings.password.get_secret_value()
    if settings.password_file is not None:
        try:
            return settings.password_file.read_text().partition("\n")[0]
        except OSError as error:
            raise click.ClickException(f"the password file cannot be read: {error}") from error
    if not sys.stdin.isatty():
        raise click.ClickException("no password: use --password-file or COMMONWATT_WORKER_PASSWORD")
    return str(click.prompt("Keystore password", hide_input=True, confirmation_prompt=confirm))


def _log_to_stderr() -> None:
    """JSON lines for machines, colours for a person; never local variables, which may hold a key."""
    pretty: Any = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([pretty] if sys.stderr.isatty() else renderer),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


if __name__ == "__main__":
    worker()
