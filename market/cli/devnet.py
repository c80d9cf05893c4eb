"""`commonwatt devnet`: a development chain with the contracts on it, for one home folder.

Decides words and exit codes; `market.chain.devnet` does the work.
"""

from dataclasses import asdict
from pathlib import Path

import click

from market.chain import devnet as chain_devnet
from market.chain.devnet import DEFAULT_PORT, FAUCET_GAS_WEI, FAUCET_TOKEN_WEI, Devnet, DevnetStatus
from market.chain.transport import HttpTransport
from market.cli.console import TokenAmount, console, home_option, json_option, print_json, run, tokens


@click.group()
def devnet() -> None:
    """Run a development chain on this machine."""


@devnet.command()
@home_option
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="0 chooses a free one.")
@json_option
def up(home: Path, port: int, as_json: bool) -> None:
    """Start the chain (it outlives this command) and deploy the contracts, unless they stand already."""
    running = run(chain_devnet.up(home, port=port))
    if as_json:
        print_json({"running": True, **asdict(running)})
        return
    _say_running(running)


@devnet.command()
@home_option
def down(home: Path) -> None:
    """Stop the chain; its state is kept for the next start."""
    stopped = chain_devnet.down(home)
    click.echo("The devnet is stopped; its state is kept." if stopped else "No devnet was running.")


@devnet.command()
@home_option
@json_option
def status(home: Path, as_json: bool) -> None:
    """Say whether the chain runs, and where; exit code 1 when it does not."""
    found = run(chain_devnet.status(home))
    if as_json:
        print_json(asdict(found))
    else:
        _say_status(found)
    if not found.running:
        raise click.exceptions.Exit(1)


@devnet.command()
@click.argument("address")
@home_option
@click.option("--tokens", "token_wei", type=TokenAmount(), default=FAUCET_TOKEN_WEI, help="How many payout tokens.")
def fund(address: str, home: Path, token_wei: int) -> None:
    """Give an ADDRESS gas and payout tokens."""
    run(_fund(home, address, token_wei))
    click.echo(f"{address} received {tokens(token_wei)} and {FAUCET_GAS_WEI // 10**18} ETH for gas.")


async def _fund(home: Path, address: str, token_wei: int) -> None:
    found = await chain_devnet.status(home)
    if found.rpc_url is None or found.deployment is None:
        raise click.ClickException("No devnet is running; start one with: commonwatt devnet up")
    async with HttpTransport(found.rpc_url) as transport:
        await chain_devnet.fund(transport, found.deployment, address, token_wei=token_wei)


def _say_running(running: Devnet) -> None:
    screen = console()
    screen.print(f"The devnet runs at [bold]{running.rpc_url}[/bold] (process {running.pid}).")
    for name, address in running.deployment.addresses.items():
        screen.print(f"  {name:<12} {address}")
    screen.print(f"  {'operator':<12} {running.deployment.operator}")


def _say_status(found: DevnetStatus) -> None:
    if not found.running:
        click.echo("No devnet is running.")
        return
    screen = console()
    screen.print(f"The devnet runs at [bold]{found.rpc_url}[/bold] (process {found.pid}), block {found.head}.")
    for name, address in (found.deployment.addresses if found.deployment else {}).items():
        screen.print(f"  {name:<12} {address}")
