"""`commonwatt market deploy`: the contracts on a chain that is not the devnet's doing."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from eth_account import Account

from market.chain.anvil import Anvil
from market.chain.deployment import Deployment
from market.chain.devkeys import DEPLOYER, dev_account
from market.chain.gateway import ChainGateway
from market.chain.parameters import PRODUCTION
from market.chain.submit import Call
from market.chain.transport import HttpTransport
from market.chain.wallet import Wallet
from market.cli.market import market
from market.client.keystore import create_keystore


async def funded_keystore(rpc: HttpTransport, path: Path) -> str:
    account = create_keystore(path, "a password", light=True)
    faucet = Wallet(rpc, dev_account(DEPLOYER), chain_id=31337)
    await faucet.send(Call(to=account.address, data=b"", value_wei=10**18))
    return account.address


async def test_the_record_names_contracts_that_stand_with_the_numbers_asked_for(
    quiet_anvil: Anvil, quiet_rpc: HttpTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMMONWATT_PASSWORD", "a password")
    owner, operator = await funded_keystore(quiet_rpc, tmp_path / "key.json"), Account.create().address
    record = tmp_path / "deployment.json"
    options = ["--rpc", quiet_anvil.url, "--keystore", str(tmp_path / "key.json"), "--operator", operator, str(record)]
    done = await run_in_thread("deploy", *options)
    assert done.exit_code == 0, done.output
    chain = ChainGateway(quiet_rpc, Deployment.load(record))
    await chain.check_chain()
    assert chain.deployment.operator == operator
    assert await chain.view("Jobs", "minWindowSeconds") == PRODUCTION.min_window_seconds
    assert await chain.token_balance_wei(owner) == await chain.token_supply_wei()
    again = await run_in_thread("deploy", *options)
    assert again.exit_code == 2
    assert "never written over" in again.output


async def run_in_thread(*arguments: str) -> Result:
    """The command runs its own event loop, so it gets its own thread."""
    return await asyncio.to_thread(lambda: CliRunner().invoke(market, list(arguments)))
