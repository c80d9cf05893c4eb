"""The development chain as a person uses it: up, killed, up again, down."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from eth_account import Account

from market.chain import devnet
from market.chain.anvil import AnvilDidNotStart, AnvilMissing, PortTaken, alive, find_anvil, start_anvil
from market.chain.deployment import Deployment
from market.chain.reads import ChainReader
from market.chain.transport import HttpTransport
from market.cli.devnet import devnet as devnet_command


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    devnet.down(tmp_path)


async def test_up_twice_is_the_same_chain_with_its_contracts(home: Path) -> None:
    first = await devnet.up(home, port=0)

    second = await devnet.up(home, port=0)

    assert second == first
    assert Deployment.load(devnet.deployment_path(home)) == first.deployment


async def test_a_stopped_devnet_comes_back_with_its_balances(home: Path) -> None:
    address, before = Account.create().address, await devnet.up(home, port=0)
    async with HttpTransport(before.rpc_url) as transport:
        await devnet.fund(transport, before.deployment, address, token_wei=7)
    devnet.down(home)

    after = await devnet.up(home, port=0)

    assert after.deployment == before.deployment
    async with HttpTransport(after.rpc_url) as transport:
        assert await ChainReader(transport, after.deployment).token_balance_wei(address) == 7


async def test_a_killed_devnet_comes_back_as_a_new_chain_with_new_contracts(home: Path) -> None:
    before = await devnet.up(home, port=0)
    os.kill(before.pid, signal.SIGKILL)
    while alive(before.pid):
        pass

    after = await devnet.up(home, port=0)

    assert after.deployment.genesis_hash != before.deployment.genesis_hash
    async with HttpTransport(after.rpc_url) as transport:
        await ChainReader(transport, after.deployment).check_chain()


async def test_many_who_ask_the_faucet_at_once_are_all_served(home: Path) -> None:
    running, addresses = await devnet.up(home, port=0), [Account.create().address for _ in range(12)]
    async with HttpTransport(running.rpc_url) as transport:
        await asyncio.gather(*(devnet.fund(transport, running.deployment, who, token_wei=5) for who in addresses))

        reader = ChainReader(transport, running.deployment)
        assert [await reader.token_balance_wei(who) for who in addresses] == [5] * 12


async def test_down_ends_the_process_and_a_second_down_says_that_none_ran(home: Path) -> None:
    running = await devnet.up(home, port=0)

    assert (devnet.down(home), alive(running.pid), devnet.down(home)) == (True, False, False)
    assert (await devnet.status(home)).running is False


async def test_a_taken_port_is_named(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        with pytest.raises(PortTaken):
            await devnet.up(home, port=other.getsockname()[1])


def test_a_missing_binary_names_the_place_and_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COMMONWATT_ANVIL", str(tmp_path / "nowhere"))

    with pytest.raises(AnvilMissing) as failure:
        find_anvil()

    assert "make setup" in str(failure.value)
    assert str(tmp_path / "nowhere") in str(failure.value)


def test_a_binary_that_fails_at_once_is_named_with_what_it_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "anvil"
    broken.write_text("#!/bin/sh\necho no such chain >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("COMMONWATT_ANVIL", str(broken))

    with pytest.raises(AnvilDidNotStart) as failure:
        start_anvil(tmp_path / "home", port=0)

    assert "no such chain" in failure.value.log


def test_the_commands_start_fund_show_and_stop(home: Path) -> None:
    runner, place = CliRunner(), ["--home", str(home)]
    address = Account.create().address

    up = runner.invoke(devnet_command, ["up", *place, "--port", "0", "--json"])
    funded = runner.invoke(devnet_command, ["fund", address, *place, "--tokens", "2.5"])
    shown = runner.invoke(devnet_command, ["status", *place, "--json"])
    down = runner.invoke(devnet_command, ["down", *place])
    gone = runner.invoke(devnet_command, ["status", *place])

    assert json.loads(up.stdout)["rpc_url"] == json.loads(shown.stdout)["rpc_url"]
    assert "2.5 CWATT" in funded.stdout
    assert [done.exit_code for done in (up, funded, shown, down, gone)] == [0, 0, 0, 0, 1]


def test_funding_without_a_devnet_says_how_to_start_one(home: Path) -> None:
    done = CliRunner().invoke(devnet_command, ["fund", Account.create().address, "--home", str(home)])

    assert done.exit_code == 1
    assert "commonwatt devnet up" in done.stderr
