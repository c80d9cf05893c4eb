"""The demo's processes: a chain, a market, providers. Starts them, waits for them, stops them, keeps their logs.

Decides ports, folders and who is who; the actors themselves are the ordinary console commands.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from market.chain import devnet
from market.chain.devnet import Devnet
from market.chain.transport import HttpTransport
from market.protocol.errors import CommonwattError

PASSWORD: Final = "demo"  # noqa: S105 - keys of a throw-away chain; the file is deleted with the demo's folder
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
LOG_TAIL_LINES: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorDied(CommonwattError):
    """A process of the demo ended before its time."""

    actor: str
    exit_code: int
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorNotReady(CommonwattError):
    """A process of the demo did not answer in time."""

    actor: str
    seconds: float
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One provider of the demo, bonded to sit on committees. dishonest: skips its work. checks_only: does none."""

    name: str
    dishonest: bool = False
    checks_only: bool = False


@dataclass(slots=True, kw_only=True)
class Stage:
    """The demo's folder and its running processes, newest last."""

    home: Path
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    async def start_chain(self) -> Devnet:
        return await devnet.up(self.home, port=0, detached=False)

    async def start_market(self, chain: Devnet, *, port: int | None = None) -> str:
        """Start the API with its background tasks; return its base URL once it answers. port: None takes a free one."""
        port = port or free_port()
        settings = {
            "COMMONWATT_HOME": str(self.home / "market"),
            "COMMONWATT_CHAIN__RPC_URL": chain.rpc_url,
            "COMMONWATT_CHAIN__DEPLOYMENT_FILE": str(devnet.deployment_path(self.home)),
            "COMMONWATT_API__PORT": str(port),
        }
        await self.start("market", ["market", "serve"], settings)
        url = f"http://127.0.0.1:{port}"
        await self._until_answers("market", f"{url}/healthz")
        return url

    async def start_worker(self, actor: Actor, chain: Devnet, market_url: str, price_wei: int, bond_wei: int) -> None:
        """Start one provider: it bonds, enrolls, posts its offer and waits for work, all in one process."""
        folder = self.worker_home(actor)
        password_file = folder / "password"
        command = ["worker", "run", "--join", "--home", str(folder), "--market", market_url, "--rpc", chain.rpc_url]
        command += ["--password-file", str(password_file), "--bond-wei", str(bond_wei)]
        command += ["--price-wei-per-gigaflop", str(price_wei)]
        command += ["--verifier", *(["--checks-only"] if actor.checks_only else [])]
        command += ["--dishonest", "skip"] if actor.dishonest else []
        await self.start(actor.name, command, {})

    def worker_home(self, actor: Actor) -> Path:
        return self.home / actor.name

    async def start(self, name: str, arguments: Sequence[str], settings: dict[str, str]) -> None:
        """Start `commonwatt ARGUMENTS` with its output in the actor's log."""
        self.log_of(name).parent.mkdir(parents=True, exist_ok=True)
        with self.log_of(name).open("wb") as log:
            self.processes[name] = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "market.main",
                *arguments,
                env={**os.environ, **settings},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def stop(self, *names: str) -> None:
        """End processes gently, then not: a drained worker claims what it earned before it goes."""
        wanted = [(name, self.processes.pop(name)) for name in names if name in self.processes]
        for _, process in wanted:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        await asyncio.gather(*(self._wait_or_kill(process) for _, process in wanted))

    async def close(self) -> None:
        """Stop everything, the chain last."""
        await self.stop(*[name for name in self.processes if name != "market"])
        await self.stop("market")
        devnet.down(self.home)

    def check_alive(self) -> None:
        """Raise ActorDied for the first process that has ended."""
        for name, process in self.processes.items():
            if process.returncode is not None:
                raise ActorDied(actor=name, exit_code=process.returncode, log=self.tail_of(name))

    def log_of(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def tail_of(self, name: str) -> str:
        lines = self.log_of(name).read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])

    async def _until_answers(self, name: str, url: str) -> None:
        async with httpx.AsyncClient() as client, asyncio.timeout(READY_SECONDS):
            while True:
                self.check_alive()
                try:
                    if (await client.get(url)).is_success:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.05)

    async def _wait_or_kill(self, process: asyncio.subprocess.Process) -> None:
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def fund(chain: Devnet, address: str, *, gas_wei: int, token_wei: int) -> None:
    """Give an account gas and tokens from the development chain's faucet."""
    async with HttpTransport(chain.rpc_url) as transport:
        await devnet.fund(transport, chain.deployment, address, gas_wei=gas_wei, token_wei=token_wei)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
