"""The console command, assembled from what is installed.

Decides which commands exist and loads each only when it is called for: `commonwatt --help` must not wait for a web
framework, and `market` never imports `worker` (it comes in by the entry-point group "commonwatt.commands").
"""

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import click

ENTRY_POINTS: Final = "commonwatt.commands"
COMMANDS: Final = {
    "demo": ("market.cli.demo.command:demo", "Buy, do, check, punish and pay for real training on a local chain."),
    "devnet": ("market.cli.devnet:devnet", "A development chain with the contracts on it: up, down, status."),
    "job": ("market.cli.job:job", "Buy work: submit, watch, result, cancel."),
    "market": ("market.cli.market:market", "Run the market: serve, migrate, tasks."),
    "receipt": ("market.cli.receipt:receipt", "Check a receipt against the chain alone."),
    "worker": ("", "Sell work: init, join, run, status, leave."),
}


class Assembled(click.Group):
    """A group whose commands are imported when they are first used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*(name for name, (where, _) in COMMANDS.items() if where), *_installed()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where, _ = COMMANDS.get(cmd_name, ("", ""))
        if where:
            module, _, attribute = where.partition(":")
            command: click.Command = getattr(import_module(module), attribute)
            return command
        point = _installed().get(cmd_name)
        return point.load() if point is not None else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List commands from the table, without importing any."""
        rows = [(name, COMMANDS.get(name, ("", "From another package."))[1]) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


@click.group(cls=Assembled)
@click.version_option(package_name="commonwatt")
def cli() -> None:
    """A market where strangers' computers train PyTorch models and are paid for work that anyone can check."""


if __name__ == "__main__":
    cli()
