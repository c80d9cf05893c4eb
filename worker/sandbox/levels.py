"""How strongly runners can be kept apart from this machine, and which levels this machine has.

| level | no network by | no files by | no processes by | needs |
|---|---|---|---|---|
| bubblewrap | namespace, seccomp | private root, Landlock if there | PID namespace, seccomp | bwrap, user namespaces |
| namespaces | namespace, seccomp | Landlock | PID namespace, seccomp | user namespaces, Linux 5.13 |
| landlock | seccomp | Landlock | seccomp | Linux 5.13 |
| limits | NOT covered | NOT covered | NOT covered, but killed with the runner | nothing |

Memory, time, file size and open files are limited at every level (rlimits), and the environment is always empty.

Covered at the first three: no socket of any kind; no file but Python's own, the inputs (read) and the output folder
(write); no environment, no home, no keystore; no new process, no signal to another; no ptrace, mount, bpf, io_uring,
keyring; no capability even under root; no core dump.
Not covered at any level: a flaw in the kernel itself; side channels of a shared CPU; how long a run takes is visible to
whoever measures; that a path exists (`stat`) is visible under Landlock alone; disk space beyond one file-size limit;
GPU drivers (no device is handed in yet). At `limits` a hostile program that breaks out of the interpreter owns the
account: it is for machines that hold nothing else.
"""

import functools
import shutil
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from market.protocol.errors import CommonwattError
from worker.sandbox import landlock, seccomp


class Isolation(StrEnum):
    """A level; the strongest stands first."""

    BUBBLEWRAP = "bubblewrap"
    NAMESPACES = "namespaces"
    LANDLOCK = "landlock"
    LIMITS = "limits"

    @property
    def has_filter(self) -> bool:
        return self is not Isolation.LIMITS

    @property
    def has_pid_namespace(self) -> bool:
        return self in {Isolation.BUBBLEWRAP, Isolation.NAMESPACES}


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationUnavailable(CommonwattError):
    """This machine cannot isolate strangers' work as asked."""

    wanted: str
    reason: str


_TRY_SECONDS: Final = 20


def choose(wanted: Isolation | None) -> Isolation:
    """Return the level to use; None asks for the strongest except `limits`, which must be asked for by name.

    Raises IsolationUnavailable with the kernel's reason.
    """
    if wanted is not None:
        if reason := obstacle(wanted):
            raise IsolationUnavailable(wanted=wanted, reason=reason)
        return wanted
    reasons = {}
    for level in (Isolation.BUBBLEWRAP, Isolation.NAMESPACES, Isolation.LANDLOCK):
        reasons[level] = obstacle(level)
        if not reasons[level]:
            return level
    listed = "; ".join(f"{level}: {reason}" for level, reason in reasons.items())
    raise IsolationUnavailable(wanted="any", reason=f"{listed}. `--isolation limits` runs without isolation")


@functools.cache
def obstacle(level: Isolation) -> str:
    """Return why this machine cannot have the level, or "" when it can. Tries it for real, once."""
    if level is Isolation.LIMITS:
        return ""
    if not sys.platform.startswith("linux") or not seccomp.is_supported():
        return "no system call table for this machine"
    if level is Isolation.BUBBLEWRAP:
        return _bubblewrap_obstacle()
    if landlock.abi() == 0:
        return "the kernel has no Landlock (Linux 5.13 on)"
    tries_it = [sys.executable, "-I", "-m", "worker.sandbox.namespaces"]
    return _failure(tries_it) if level is Isolation.NAMESPACES else ""


def _bubblewrap_obstacle() -> str:
    path = shutil.which("bwrap")
    if path is None:
        return "bwrap is not installed"
    return _failure([path, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc", "true"])


def _failure(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TRY_SECONDS, check=False)  # noqa: S603 -- our own words
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip()[-200:] or f"exit code {done.returncode}")
