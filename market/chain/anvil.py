"""An anvil process: where its binary is, how it is started, how it is stopped without losing its state.

Decides the flags (instant blocks on a transaction, a tick every second, chain id 31337). anvil writes its state only on
SIGTERM, so it is never killed harder unless it does not listen. Deploys nothing.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from market.chain.deployment import DEV_CHAIN_ID
from market.chain.devkeys import ACCOUNTS, MNEMONIC
from market.protocol.errors import CommonwattError

BINARY_VARIABLE: Final = "COMMONWATT_ANVIL"
START_SECONDS: Final = 15.0
STOP_SECONDS: Final = 15.0
GAS_LIMIT: Final = 60_000_000
_TICKING: Final = ("--mixed-mining", "--block-time", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnvilMissing(CommonwattError):
    """The anvil binary is not installed: run `make setup`, or name one in COMMONWATT_ANVIL."""

    looked_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortTaken(CommonwattError):
    """Another process listens on the port asked for."""

    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnvilDidNotStart(CommonwattError):
    """anvil exited or stayed silent."""

    url: str
    log: str


def find_anvil() -> Path:
    """Return the anvil binary: COMMONWATT_ANVIL, the pinned npm package's own ELF (no Node needed), or PATH's."""
    named = os.environ.get(BINARY_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise AnvilMissing(looked_at=named)
        return Path(named)
    packages = Path(__file__).parents[2] / "contracts" / "node_modules" / "@foundry-rs"
    for binary in sorted(packages.glob("anvil-*/bin/anvil")):
        return binary
    on_path = shutil.which("anvil")
    if on_path is None:
        raise AnvilMissing(looked_at=f"{packages}/anvil-*/bin/anvil and PATH")
    return Path(on_path)


def free_port(wanted: int = 0) -> int:
    """Return a TCP port that was free on 127.0.0.1 a moment ago; raises PortTaken when `wanted` was not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise PortTaken(port=wanted) from error
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Anvil:
    """A running anvil. log: where its output goes."""

    pid: int
    url: str
    log: Path


def start_anvil(
    home: Path, *, port: int, detached: bool = False, keep_state: bool = True, ticking: bool = True
) -> Anvil:
    """Start anvil and return once it answers; raises AnvilMissing, PortTaken or AnvilDidNotStart.

    port: 0 chooses a free one. home: folder for its log and, with keep_state, for the chain, which is read at start and
    written on SIGTERM.
    ticking: also mine a block every second; without it blocks come with transactions alone.
    detached: it outlives this process and its terminal.
    """
    home.mkdir(parents=True, exist_ok=True)
    log, port = home / "anvil.log", free_port(port)
    command = [str(find_anvil()), *_flags(port), *(_TICKING if ticking else ())]
    if keep_state:
        command += ["--state", str(home / "chain.json")]
    with log.open("wb") as sink:
        process = subprocess.Popen(  # noqa: S603 - the binary is the pinned one, the flags are ours
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=detached
        )
    anvil = Anvil(pid=process.pid, url=f"http://127.0.0.1:{port}", log=log)
    deadline = time.monotonic() + START_SECONDS
    while not answers(anvil.url):
        if process.poll() is not None or time.monotonic() > deadline:
            stop_process(anvil.pid)
            raise AnvilDidNotStart(url=anvil.url, log=log.read_text(errors="replace")[-2000:])
        time.sleep(0.01)
    process.returncode = 0  # only the pid is kept, so Popen must not complain that nobody waits for the process
    return anvil


def answers(url: str, *, timeout_seconds: float = 2.0) -> bool:
    """Return whether a node of the dev chain answers at the URL."""
    question = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
    try:
        reply = httpx.post(url, json=question, timeout=timeout_seconds, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return isinstance(reply, dict) and reply.get("result") == hex(DEV_CHAIN_ID)


def alive(pid: int) -> bool:
    """Return whether the process runs. A child that ended is collected here, so that it does not count as running."""
    try:
        ended, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        ended = 0
    if ended == pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def stop_process(pid: int) -> None:
    """Ask a process to write its state and end; kill it only when it does not within STOP_SECONDS."""
    for ask, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        if not alive(pid):
            return
        os.kill(pid, ask)
        deadline = time.monotonic() + patience
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)


def _flags(port: int) -> list[str]:
    return [
        *("--host", "127.0.0.1", "--port", str(port), "--chain-id", str(DEV_CHAIN_ID)),
        *("--mnemonic", MNEMONIC, "--accounts", str(ACCOUNTS), "--balance", "10000"),
        "--silent",
        # Two chains begun within one second would share a genesis hash, and an indexer could not tell a reset.
        *("--gas-limit", str(GAS_LIMIT + secrets.randbelow(1_000_000))),
    ]
