"""A real chain for tests: one anvil per test session, contracts of one's own per test, and funded newcomers.

`anvil` ticks every second like the devnet and is shared; `quiet_anvil` belongs to one test, mines only on transactions
and may be reorganised, reset or killed. Every process is stopped by the fixture that started it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from eth_account import Account

from market.chain import devnet, logs
from market.chain.anvil import Anvil, start_anvil, stop_process
from market.chain.deploy import deploy
from market.chain.deployment import Deployment
from market.chain.devkeys import DEPLOYER, OPERATOR, dev_account
from market.chain.gateway import ChainGateway
from market.chain.parameters import DEVNET
from market.chain.transport import HttpTransport, Transport

Newcomer = Callable[..., Awaitable[ChainGateway]]


@pytest.fixture(scope="session")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    """A dev chain shared by the session: never reorganise, reset or stop it."""
    running = start_anvil(tmp_path_factory.mktemp("anvil"), port=0, keep_state=False)
    yield running
    stop_process(running.pid)


@pytest.fixture
def quiet_anvil(tmp_path: Path) -> Iterator[Anvil]:
    """A dev chain of the test's own, which mines only when a transaction comes."""
    running = start_anvil(tmp_path / "anvil", port=0, keep_state=False, ticking=False)
    yield running
    stop_process(running.pid)


@pytest.fixture
async def rpc(anvil: Anvil) -> AsyncIterator[HttpTransport]:
    """A connection to the shared chain."""
    async with HttpTransport(anvil.url) as transport:
        yield transport


@pytest.fixture
async def quiet_rpc(quiet_anvil: Anvil) -> AsyncIterator[HttpTransport]:
    """A connection to the test's own chain."""
    async with HttpTransport(quiet_anvil.url) as transport:
        yield transport


@pytest.fixture
async def deployment(rpc: HttpTransport) -> Deployment:
    """Contracts of this test's own on the shared chain."""
    return await deploy_devnet(rpc)


@pytest.fixture
async def quiet_deployment(quiet_rpc: HttpTransport) -> Deployment:
    """Contracts on the test's own chain."""
    return await deploy_devnet(quiet_rpc)


@pytest.fixture
def newcomer(rpc: HttpTransport, deployment: Deployment) -> Newcomer:
    """Make a wallet with a fresh key: `await newcomer()`, or with gas_wei= and token_wei= of one's own choosing."""
    return newcomers(rpc, deployment)


@pytest.fixture
def operator(rpc: HttpTransport, deployment: Deployment) -> ChainGateway:
    """The market's key, as a wallet that sends for itself."""
    return ChainGateway(rpc, deployment, dev_account(OPERATOR))


async def deploy_devnet(transport: Transport) -> Deployment:
    return await deploy(transport, dev_account(DEPLOYER), operator=dev_account(OPERATOR).address, parameters=DEVNET)


def newcomers(transport: Transport, deployment: Deployment) -> Newcomer:
    async def make(*, gas_wei: int = devnet.FAUCET_GAS_WEI, token_wei: int = devnet.FAUCET_TOKEN_WEI) -> ChainGateway:
        account = Account.create()
        await devnet.fund(transport, deployment, account.address, gas_wei=gas_wei, token_wei=token_wei)
        return ChainGateway(transport, deployment, account)

    return make


async def settle(transport: Transport) -> None:
    """Wait until anvil has mined what it took in: its miner is asynchronous, and a reorganisation must not race it."""
    calm, before = 0, b""
    while calm < 3:
        status = await transport.request("txpool_status")
        head = await logs.latest_header(transport)
        calm = calm + 1 if int(status["pending"], 16) == 0 and head.hash == before else 0
        before = head.hash
        await asyncio.sleep(0.01)


async def pass_time(transport: Transport, seconds: int) -> None:
    """Move the chain's clock and mine a block at the new time."""
    await transport.request("evm_increaseTime", [seconds])
    await transport.request("evm_mine")
