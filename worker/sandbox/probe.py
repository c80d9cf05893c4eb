"""A throw-away runner that tries to get out, and the judge of what it found.

`serve` runs inside a runner, right after confinement, and reports what it could reach; it must be honest, not clever.
`check` runs in the agent: it compares the findings with what the level promises. Run at every start of a worker, so
that a kernel or container that silently grants less is found before a stranger's work is.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from market.protocol.errors import CommonwattError
from worker.sandbox.host import Keeper
from worker.sandbox.lines import LineStream
from worker.sandbox.policy import RUNNER_VARIABLES, Grant, Limits

ENTRY: Final = "worker.sandbox.probe:serve"
_SECONDS: Final = 30
_LIMITS: Final = Limits(memory_bytes=64 << 20, cpu_seconds=20, file_bytes=1 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationBroken(CommonwattError):
    """The sandbox grants more than it promises."""

    level: str
    reached: list[str]


async def check(keeper: Keeper, *, folder: Path, secrets: tuple[Path, ...], listener: tuple[str, int]) -> list[str]:
    """Return what a runner could not reach; raises IsolationBroken when it reached what its level forbids.

    secrets: files and folders that must be out of reach (the keystore, the home folder). listener: an address that does
    accept connections from outside the sandbox.
    """
    grant = Grant(entry=ENTRY, read=(), folder=str(folder), limits=_LIMITS)
    runner = await keeper.fork(grant)
    await runner.send({"secrets": [str(path) for path in secrets], "host": listener[0], "port": listener[1]})
    findings = await runner.receive(_SECONDS)
    await runner.kill()
    level = keeper.plan.level
    promised = set(findings) if level.has_filter else {"environment"}
    broken = [f"{name}: {what}" for name, what in findings.items() if name in promised and what]
    if broken:
        raise IsolationBroken(level=level, reached=broken)
    return sorted(name for name, what in findings.items() if not what)


def serve(stream: LineStream) -> None:
    """Try everything that a hostile program would try first; report what was reached, or "" for nothing."""
    asked = stream.receive()
    assert asked is not None
    findings: dict[str, Any] = {
        "network": _reached(lambda: _connect(asked["host"], asked["port"])),
        "processes": _reached(_fork),
        "signals": _reached(lambda: os.kill(os.getppid(), 0)),
        "writing elsewhere": _reached(lambda: _write(Path("/tmp/commonwatt-probe"))),  # noqa: S108 -- must fail
        "accounts": _reached(lambda: _read(Path("/etc/passwd"))),
        "environment": ", ".join(sorted(os.environ.keys() - RUNNER_VARIABLES)),
    }
    for secret in asked["secrets"]:
        findings[f"secret {secret}"] = _reached(lambda path=Path(secret): _read(path))
    stream.send(findings)


def _reached(attempt: Any) -> str:
    try:
        return str(attempt() or "done")
    except OSError:
        return ""


def _connect(host: str, port: int) -> str:
    with socket.create_connection((host, port), timeout=2):
        return f"connected to {host}:{port}"


def _fork() -> str:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "forked a process"


def _write(path: Path) -> str:
    path.write_bytes(b"")
    path.unlink()
    return f"wrote {path}"


def _read(path: Path) -> str:
    if path.is_dir():
        return f"listed {len(os.listdir(path))} names"  # noqa: PTH208 -- the plain call that a program would try
    return f"read {len(path.read_bytes())} bytes"
