"""`commonwatt job`: put money into escrow, buy work, watch it, fetch what came of it, extend it, end it.

Decides words, bars and exit codes; `market.client.buyer` does the work. A job is a folder of four files or the name of
an installed recipe.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import click
from eth_account.signers.local import LocalAccount
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from market.chain.gateway import ChainGateway
from market.chain.transport import HttpTransport
from market.cli.console import (
    SPONSOR_PASSWORD_VARIABLE,
    TokenAmount,
    console,
    json_option,
    keystore_option,
    market_option,
    named_failures,
    open_wallet,
    print_json,
    rpc_option,
    run,
    tokens,
)
from market.client import buyer
from market.client.buyer import JobDocuments, More, Terms
from market.client.exact import as_exact
from market.client.folders import find_job
from market.client.http import MarketClient
from market.protocol.receipts import encode_bundle
from market.protocol.wire import JobEvent, JobView, ReceiptBundle
from market.protocol.words import JobStatus, UnitStatus

gasless_option = click.option(
    "--gasless", is_flag=True, help="The market sends the deposit and pays its gas; the wallet only signs."
)


@click.group()
def job() -> None:
    """Buy work from a market."""


@job.command()
@click.argument("name")
@market_option
@rpc_option
@keystore_option
@click.option("--price", type=TokenAmount(), required=True, help="Most to pay for one unit, in tokens.")
@click.option("--bond", type=TokenAmount(), required=True, help="What each provider must put at risk, in tokens.")
@click.option("--audits", type=click.IntRange(min=0), help="Re-executions paid for; by default one for every unit.")
@click.option("--window", default=60, show_default=True, help="Seconds in which work can be challenged.")
@click.option("--deadline", default=3600, show_default=True, help="Seconds until unfinished work is no longer paid.")
@click.option("--exact", is_flag=True, help="Ask for the exact class, whose disputes the chain itself judges.")
@click.option("--sponsor", type=click.Path(path_type=Path, dir_okay=False), help="Keystore of whoever pays instead.")
@gasless_option
@click.option("--wait", is_flag=True, help="Watch the job to its end.")
@json_option
def submit(
    *,
    name: str,
    market: str,
    rpc: str | None,
    keystore: Path,
    price: int,
    bond: int,
    audits: int | None,
    window: int,
    deadline: int,
    exact: bool,
    sponsor: Path | None,
    gasless: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Upload, fund and bid for the job NAME: a folder, or a recipe such as charlm."""
    account = open_wallet(keystore)
    paying = None if sponsor is None else open_wallet(sponsor, variable=SPONSOR_PASSWORD_VARIABLE)
    terms = Terms(
        max_unit_price_wei=price,
        bond_wei=bond,
        max_audits=audits,
        challenge_window_seconds=window,
        deadline_seconds=deadline,
    )
    with named_failures():
        documents = find_job(name)
        if exact:
            documents = as_exact(documents)
    view = run(_submit(market, rpc, account, documents, terms, paying=paying, gasless=gasless))
    if wait:
        view = run(_watch(market, view.job_id, as_json=as_json))
    _show(view, as_json)


@job.command()
@click.argument("job_id")
@market_option
@json_option
def watch(job_id: str, market: str, as_json: bool) -> None:
    """Follow a job to its end; exit code 1 when it did not settle."""
    view = run(_watch(market, job_id, as_json=as_json))
    if not as_json:
        _show(view, as_json)
    if view.status is not JobStatus.SETTLED:
        raise click.exceptions.Exit(1)


@job.command()
@click.argument("job_id")
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@market_option
@click.option("--receipts", type=click.Path(path_type=Path, file_okay=False), help="Also write each receipt here.")
@json_option
def result(job_id: str, target: Path, market: str, receipts: Path | None, as_json: bool) -> None:
    """Download a job's verified result to TARGET."""
    paths = run(_result(market, job_id, target, receipts))
    if as_json:
        print_json({"files": [str(path) for path in paths]})
        return
    for path in paths:
        click.echo(f"{path}  {path.stat().st_size} bytes")


@job.command()
@click.argument("job_id")
@market_option
@rpc_option
@keystore_option
@json_option
def cancel(job_id: str, market: str, rpc: str | None, keystore: Path, as_json: bool) -> None:
    """End a job: at once when unmatched, after the grace when matched. Verified work is still paid."""
    account = open_wallet(keystore)
    _show(run(_cancel(market, rpc, account, job_id)), as_json)


@job.command()
@click.argument("job_id")
@market_option
@rpc_option
@keystore_option
@click.option("--audits", type=click.IntRange(min=0), default=0, help="So many re-executions more.")
@click.option("--seconds", type=click.IntRange(min=0), default=0, help="So much more time.")
@json_option
def extend(
    *, job_id: str, market: str, rpc: str | None, keystore: Path, audits: int, seconds: int, as_json: bool
) -> None:
    """Give a running job more; the keystore is that of whoever pays for it."""
    account = open_wallet(keystore)
    more = More(audits=audits, seconds=seconds)
    _show(run(_extend(market, rpc, account, job_id, more)), as_json)


@job.command()
@click.argument("amount", type=TokenAmount())
@market_option
@rpc_option
@keystore_option
@gasless_option
@json_option
def deposit(*, amount: int, market: str, rpc: str | None, keystore: Path, gasless: bool, as_json: bool) -> None:
    """Put an AMOUNT of tokens into escrow, for the bids to come."""
    account = open_wallet(keystore)
    free_wei = run(_deposit(market, rpc, account, amount, gasless=gasless))
    if as_json:
        print_json({"account": account.address, "escrow_free_wei": str(free_wei)})
    else:
        click.echo(f"{account.address} has {tokens(free_wei)} free in escrow")


@asynccontextmanager
async def _connected(
    market: str, rpc: str | None, account: LocalAccount
) -> AsyncIterator[tuple[MarketClient, ChainGateway]]:
    """Open the market and a node (the market's suggestion unless `rpc` names one) and check that they agree."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(MarketClient(market, account))
        chain, deployment = await client.chain(), await client.deployment()
        transport = await stack.enter_async_context(HttpTransport(rpc or chain.rpc_url))
        gateway = ChainGateway(transport, deployment, account)
        await gateway.check_chain()
        yield client, gateway


async def _submit(
    market: str,
    rpc: str | None,
    account: LocalAccount,
    documents: JobDocuments,
    terms: Terms,
    *,
    paying: LocalAccount | None,
    gasless: bool,
) -> JobView:
    async with _connected(market, rpc, account) as (client, gateway):
        sponsor = None if paying is None else ChainGateway(gateway.transport, gateway.deployment, paying)
        relayer = client if gasless else None
        return await buyer.submit(client, gateway, documents, terms, sponsor=sponsor, relayer=relayer)


async def _extend(market: str, rpc: str | None, account: LocalAccount, job_id: str, more: More) -> JobView:
    async with _connected(market, rpc, account) as (client, gateway):
        return await buyer.extend(client, gateway, job_id, more)


async def _deposit(market: str, rpc: str | None, account: LocalAccount, amount_wei: int, *, gasless: bool) -> int:
    async with _connected(market, rpc, account) as (client, gateway):
        await buyer.put_in_escrow(gateway, amount_wei, relayer=client if gasless else None)
        return (await gateway.escrow(gateway.address)).free_wei


async def _cancel(market: str, rpc: str | None, account: LocalAccount, job_id: str) -> JobView:
    async with _connected(market, rpc, account) as (client, gateway):
        return await buyer.cancel(client, gateway, job_id)


async def _result(market: str, job_id: str, target: Path, receipts: Path | None) -> list[Path]:
    async with MarketClient(market) as client:
        paths = await buyer.download_result(client, job_id, target)
        if receipts is not None:
            paths += write_receipts(await client.receipts(job_id), receipts)
        return paths


def write_receipts(bundles: Sequence[ReceiptBundle], folder: Path) -> list[Path]:
    """Write each bundle as a file that `commonwatt receipt verify` takes; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for bundle in bundles:
        unit, kind = bundle.receipt["unit"], str(bundle.receipt["kind"]).lower()
        path = folder / f"unit-{unit}-{kind}-epoch-{bundle.epoch}-{bundle.leaf_index}.json"
        path.write_bytes(encode_bundle(bundle))
        paths.append(path)
    return paths


async def _watch(market: str, job_id: str, *, as_json: bool) -> JobView:
    async with MarketClient(market) as client:
        first = await client.job(job_id)
        with _bars(hidden=as_json) as bars:
            bar = bars.add_task("verified", total=len(first.units))
            if not first.status.is_terminal:
                async for event in buyer.watch(client, job_id):
                    _tell(event, as_json, bars)
                    view = await client.job(job_id)
                    bars.update(bar, completed=_verified(view), description=view.status.value.lower())
        return await client.job(job_id)


def _bars(*, hidden: bool) -> Progress:
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console(), disable=hidden)


def _tell(event: JobEvent, as_json: bool, bars: Progress) -> None:
    if as_json:
        print_json(event.model_dump(mode="json"))
    else:
        bars.console.print(f"[dim]{event.sequence:>4}[/dim] {event.kind} {_facts(event.facts)}")


def _facts(facts: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in facts.items())


def _verified(view: JobView) -> int:
    return sum(unit.status is UnitStatus.VERIFIED for unit in view.units)


def _show(view: JobView, as_json: bool) -> None:
    if as_json:
        print_json(view.model_dump(mode="json"))
        return
    screen = console()
    screen.print(f"job [bold]{view.job_id}[/bold] is {view.status.value}")
    screen.print(f"  {_verified(view)} of {len(view.units)} units verified, {len(view.matches)} providers matched")
    if view.status.is_terminal:
        screen.print(f"  paid {tokens(int(view.paid_wei))}, returned {tokens(int(view.refund_wei))}")
    for rejection in view.rejections:
        screen.print(f"  not chosen: {rejection.worker}: {rejection.reason}; {rejection.remedy}")
