"""What every console command shares: running a coroutine, naming a failure, opening a wallet, saying amounts.

Decides exit code 1 and one line on stderr for every named error. Amounts are typed and shown in whole tokens with
decimals, and are integers in the token's smallest unit everywhere else.
"""

import asyncio
import json
import os
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from eth_account.signers.local import LocalAccount
from rich.console import Console

from market.chain.parameters import TOKEN_WEI
from market.client.keystore import load_keystore
from market.protocol.errors import CommonwattError

DEFAULT_HOME: Final = Path(".commonwatt")
DEFAULT_MARKET: Final = "http://127.0.0.1:8402"
DEFAULT_RPC: Final = "http://127.0.0.1:8545"
PASSWORD_VARIABLE: Final = "COMMONWATT_PASSWORD"  # noqa: S105 - the name of a variable, not a password
SPONSOR_PASSWORD_VARIABLE: Final = "COMMONWATT_SPONSOR_PASSWORD"  # noqa: S105 - likewise

_Result = TypeVar("_Result")

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_HOME,
    envvar="COMMONWATT_HOME",
    show_default=True,
    help="Folder for everything this command keeps.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else.")
rpc_option = click.option("--rpc", metavar="URL", envvar="COMMONWATT_RPC", help="The chain node to ask.")
market_option = click.option(
    "--market", metavar="URL", default=DEFAULT_MARKET, envvar="COMMONWATT_MARKET", show_default=True
)
keystore_option = click.option(
    "--keystore",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    envvar="COMMONWATT_KEYSTORE",
    help="The wallet: an eth-account keystore, version 3.",
)


def run(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run to the end; a named error becomes one line on stderr and exit code 1."""
    with named_failures():
        return asyncio.run(coroutine)


@contextmanager
def named_failures() -> Iterator[None]:
    """Turn a named error into one line on stderr and exit code 1."""
    try:
        yield
    except CommonwattError as error:
        raise click.ClickException(str(error)) from error


def console() -> Console:
    """Return where human words go."""
    return Console(highlight=False)


def print_json(document: Any) -> None:
    click.echo(json.dumps(document, sort_keys=True))


def open_wallet(keystore: Path, *, variable: str = PASSWORD_VARIABLE) -> LocalAccount:
    """Decrypt a keystore with the password in an environment variable, or ask for it."""
    password = os.environ.get(variable)
    if password is None:
        password = click.prompt(f"Password of {keystore}", hide_input=True, err=True)
    with named_failures():
        return load_keystore(keystore, password)


class TokenAmount(click.ParamType[int]):
    """Whole tokens with up to 18 decimals, such as 2.5; becomes an integer in wei."""

    name = "tokens"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            wei = Decimal(str(value)) * TOKEN_WEI
        except InvalidOperation:
            self.fail(f"{value!r} is not a number of tokens", param, ctx)
        if not wei.is_finite() or wei != wei.to_integral_value() or wei < 0:
            self.fail(f"{value!r} is not a number of tokens from 0 on with at most 18 decimals", param, ctx)
        return int(wei)


def tokens(amount_wei: int) -> str:
    """Return an amount for people: whole tokens, exact."""
    whole, rest = divmod(amount_wei, TOKEN_WEI)
    fraction = f"{rest:018d}".rstrip("0")
    return f"{whole}.{fraction} CWATT" if fraction else f"{whole} CWATT"
