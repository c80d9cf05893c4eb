"""A process's own user, mount, network, IPC, host-name and PID namespaces, without root.

Decides the order: identity first, then a child that is PID 1, then a fresh /proc for it. When PID 1 dies the kernel
kills everything inside. Run as a module it only tries, and exits 0 when this machine allows it.
"""

import contextlib
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final, NoReturn

from worker.sandbox import syscalls

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
_MS_REC_PRIVATE: Final = 0x4000 | 0x40000
_MS_NOSUID_NODEV_NOEXEC: Final = 2 | 4 | 8
INNER_ID: Final = 1000


def enter() -> None:
    """Return inside the namespaces as PID 1; the calling process stays outside, waits, and exits as PID 1 did.

    Raises OSError when the kernel or the container refuses. Needs a single-threaded process.
    """
    user, group = os.geteuid(), os.getegid()
    syscalls.unshare(_NEWUSER | _NEWNS | _NEWNET | _NEWIPC | _NEWUTS | _NEWPID)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{INNER_ID} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{INNER_ID} {group} 1")
    child = os.fork()
    if child:
        _wait_and_exit(child)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    syscalls.mount("none", "/", None, _MS_REC_PRIVATE)
    # Containers that mask parts of /proc refuse a fresh one; Landlock then hides the old one from the runner.
    with contextlib.suppress(OSError):
        syscalls.mount("proc", "/proc", "proc", _MS_NOSUID_NODEV_NOEXEC)


def _wait_and_exit(child: int) -> NoReturn:
    # Only the child may hold the control socket, so that its end is seen. /proc is the child's by now: no list of it.
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    try:
        enter()
    except OSError as refused:
        sys.exit(str(refused))
