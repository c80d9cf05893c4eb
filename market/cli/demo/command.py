"""`commonwatt demo`: run the story, show the findings, exit 0 only if all of it held."""

import asyncio
import shutil
from pathlib import Path

import click
from rich.console import Console

from market.chain.transport import HttpTransport
from market.cli.console import console, print_json
from market.cli.demo.report import Findings, examine
from market.cli.demo.screen import Screen, show
from market.cli.demo.stage import Stage
from market.cli.demo.story import Outcome, Plot, play
from market.protocol.errors import CommonwattError


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".commonwatt/demo"),
    show_default=True,
    help="Folder of the demo; emptied first. Logs and the trained weights stay in it.",
)
@click.option("--honest", is_flag=True, help="Without the cheat: everybody does the work.")
@click.option("--exact", is_flag=True, help="In the exact class: the chain itself judges the cheat, not a committee.")
def demo(as_json: bool, home: Path, honest: bool, exact: bool) -> None:
    """Buy real training from strangers on a local chain: done, checked, punished and paid."""
    screen = Console(stderr=True, quiet=True) if as_json else console()
    if home.exists():
        shutil.rmtree(home)
    home.mkdir(parents=True)
    try:
        outcome, findings = asyncio.run(_run(home.resolve(), screen, Plot(honest=honest, exact=exact)))
    except CommonwattError as error:
        raise click.ClickException(f"{error}\nLogs: {home / 'logs'}") from error
    if as_json:
        print_json({**findings.figures, "broken": list(findings.broken)} if findings.broken else findings.figures)
    else:
        show(screen, outcome, findings)
    raise SystemExit(0 if findings.held else 1)


async def _run(home: Path, screen: Console, plot: Plot) -> tuple[Outcome, Findings]:
    stage = Stage(home=home)
    try:
        with Screen(screen) as live:
            outcome = await play(stage, live, plot)
        async with HttpTransport(outcome.chain.rpc_url) as transport:
            findings = await examine(outcome, transport)
    finally:
        await stage.close()
    return outcome, findings
