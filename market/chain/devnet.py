"""The development chain of one home folder: anvil, the five contracts on it, and a faucet.

Decides the files (the deployment record in `<home>`; process record, chain state and log in `<home>/devnet`) and that a
chain which lost its contracts gets them anew. Everything here rests on keys that everybody knows; `devkeys` refuses
them elsewhere.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from market.chain.anvil import alive, answers, start_anvil, stop_process
from market.chain.deploy import deploy
from market.chain.deployment import BadDeployment, Deployment
from market.chain.devkeys import DEPLOYER, OPERATOR, dev_account
from market.chain.gateway import ChainGateway, Sent
from market.chain.parameters import DEVNET, TOKEN_WEI, Parameters
from market.chain.reads import ChainReader, ContractMissing
from market.chain.reorg import ChainReplaced
from market.chain.transport import HttpTransport, Transport
from market.chain.wallet import BroadcastRefused

DEFAULT_PORT: Final = 8545
FAUCET_GAS_WEI: Final = 10 * 10**18
FAUCET_TOKEN_WEI: Final = 1_000 * TOKEN_WEI
FAUCET_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Devnet:
    """A running development chain with its contracts."""

    pid: int
    rpc_url: str
    deployment: Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class DevnetStatus:
    """What a home's development chain is doing. head: newest block, None while it does not run."""

    running: bool
    pid: int | None
    rpc_url: str | None
    head: int | None
    deployment: Deployment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    pid: int
    rpc_url: str


async def up(home: Path, *, port: int = DEFAULT_PORT, detached: bool = True, parameters: Parameters = DEVNET) -> Devnet:
    """Start the home's devnet, or return the one that runs already; the contracts stand when this returns.

    port: 0 chooses a free one. Raises AnvilMissing, PortTaken, AnvilDidNotStart.
    """
    process = _running(home) or _start(home, port=port, detached=detached)
    async with HttpTransport(process.rpc_url) as transport:
        deployment = await _deployed(transport, home, parameters)
    return Devnet(pid=process.pid, rpc_url=process.rpc_url, deployment=deployment)


def down(home: Path) -> bool:
    """Stop the home's devnet, its state written; returns whether one ran."""
    process = _running(home)
    if process is not None:
        stop_process(process.pid)
    (_folder(home) / "process.json").unlink(missing_ok=True)
    return process is not None


async def status(home: Path) -> DevnetStatus:
    process, deployment = _running(home), _recorded(home)
    if process is None:
        return DevnetStatus(running=False, pid=None, rpc_url=None, head=None, deployment=deployment)
    async with HttpTransport(process.rpc_url) as transport:
        head = int(await transport.request("eth_blockNumber"), 16)
    return DevnetStatus(running=True, pid=process.pid, rpc_url=process.rpc_url, head=head, deployment=deployment)


async def fund(
    transport: Transport,
    deployment: Deployment,
    address: str,
    *,
    gas_wei: int = FAUCET_GAS_WEI,
    token_wei: int = FAUCET_TOKEN_WEI,
) -> None:
    """Give an address gas and tokens from the deployer's pocket; raises DevKeyRefused off the dev chain."""
    faucet = ChainGateway(transport, deployment, dev_account(DEPLOYER))
    if gas_wei:
        await _persist(lambda: faucet.send_gas(address, gas_wei))
    if token_wei:
        await _persist(lambda: faucet.transfer(address, token_wei))


async def _persist(act: Callable[[], Awaitable[Sent]]) -> Sent:
    """Try again when somebody else used the faucet's nonce between our look and our broadcast."""
    for attempt in range(1, FAUCET_ATTEMPTS):
        try:
            return await act()
        except BroadcastRefused:
            await asyncio.sleep(0.01 * attempt)
    return await act()


async def _deployed(transport: HttpTransport, home: Path, parameters: Parameters) -> Deployment:
    recorded = _recorded(home)
    if recorded is not None and await _stands(transport, recorded):
        return recorded
    operator = dev_account(OPERATOR).address
    deployment = await deploy(transport, dev_account(DEPLOYER), operator=operator, parameters=parameters)
    deployment.save(deployment_path(home))
    return deployment


async def _stands(transport: HttpTransport, deployment: Deployment) -> bool:
    try:
        await ChainReader(transport, deployment).check_chain()
    except (ChainReplaced, ContractMissing):
        return False  # anvil was killed before it wrote its state, or the file was removed: a new chain
    return True


def deployment_path(home: Path) -> Path:
    """Return where `up` writes the deployment record."""
    return home / "deployment.json"


def _folder(home: Path) -> Path:
    return home / "devnet"


def _recorded(home: Path) -> Deployment | None:
    try:
        return Deployment.load(deployment_path(home))
    except BadDeployment:
        return None  # absent on a first start; an unreadable one is replaced by the next deployment


def _start(home: Path, *, port: int, detached: bool) -> _Process:
    anvil = start_anvil(_folder(home), port=port, detached=detached)
    process = _Process(pid=anvil.pid, rpc_url=anvil.url)
    (_folder(home) / "process.json").write_text(json.dumps(asdict(process)))
    return process


def _running(home: Path) -> _Process | None:
    """Return the recorded process if it is still anvil: a pid alone may by now be anybody's."""
    path = _folder(home) / "process.json"
    if not path.exists():
        return None
    process = _Process(**json.loads(path.read_text()))
    return process if alive(process.pid) and answers(process.rpc_url) else None
