"""The process that keeps one warm interpreter and forks a confined runner for every assignment.

Runs as `python -I -m worker.sandbox.keeper LEVEL CONTROL_FD WARM_MODULE [MODULES]`, in its own namespaces where the
level has them. It is trusted code that never reads a tenant's bytes: it takes orders from the agent over one socket
(JSON datagrams, a fork order carries the runner's socket), forks, and reports how each runner ended. The order of
acts in `_become_runner` is the security argument: everything is taken away before the entry function is called.
"""

import contextlib
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final, NoReturn

from worker.sandbox import landlock, namespaces, seccomp, syscalls
from worker.sandbox.levels import Isolation
from worker.sandbox.lines import LineStream
from worker.sandbox.policy import RUNNER_VARIABLES, Grant, Limits, python_paths

MAX_ORDER_BYTES: Final = 1 << 16
_RUNNER_FD: Final = 3
_HEADROOM_BYTES: Final = 256 << 20
_CPU_GRACE_SECONDS: Final = 5


def main(level: Isolation, control_fd: int, warm: str, *modules: str) -> None:
    """Serve orders until the agent closes the control socket. modules: further folders to import from."""
    sys.path.extend(modules)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    if level is Isolation.NAMESPACES:
        namespaces.enter()
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    if warm:
        importlib.import_module(warm)
    control = socket.socket(fileno=control_fd)
    control.send(json.dumps({"ready": os.getpid()}).encode())
    _serve(control, level)


def _serve(control: socket.socket, level: Isolation) -> None:
    runners: dict[int, int] = {}  # pidfd -> pid
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor in runners:
                poll.unregister(descriptor)
                os.close(descriptor)
                control.send(json.dumps(_bury(runners.pop(descriptor), runners.values())).encode())
                continue
            data, passed, _, _ = socket.recv_fds(control, MAX_ORDER_BYTES, 1)
            if not data:
                _end(list(runners.values()))
            order = json.loads(data)
            if "kill" in order:
                _kill(order["kill"])
                continue
            pid = _fork(control, passed[0], Grant.from_json(order), level)
            pidfd = os.pidfd_open(pid)
            runners[pidfd] = pid
            poll.register(pidfd, select.POLLIN)
            control.send(json.dumps({"started": pid}).encode())


def _fork(control: socket.socket, stream: int, grant: Grant, level: Isolation) -> int:
    pid = os.fork()
    if pid == 0:
        _become_runner(control, stream, grant, level)
    os.close(stream)
    return pid


def _bury(pid: int, others: Collection[int]) -> dict[str, Any]:
    """Reap a runner that has ended, kill whatever it left behind, and say what it used. others: live runners."""
    _, status, usage = os.wait4(pid, 0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    _kill_orphans(spare=others)
    code = os.waitstatus_to_exitcode(status)
    return {"exited": pid, "code": code, "cpu_seconds": usage.ru_utime + usage.ru_stime}


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _kill_orphans(spare: Collection[int] = ()) -> None:
    """Kill descendants that left their group; as a subreaper this process is the parent of every orphan."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while children.exists() and (orphans := {int(pid) for pid in children.read_text().split()} - set(spare)):
        for pid in orphans:
            _kill(pid)
            os.waitpid(pid, 0)


def _end(pids: list[int]) -> NoReturn:
    for pid in pids:
        _kill(pid)
        os.waitpid(pid, 0)
    _kill_orphans()
    os._exit(0)  # a warm interpreter takes half a second to take itself apart


def _become_runner(control: socket.socket, stream: int, grant: Grant, level: Isolation) -> NoReturn:
    code = 1
    try:
        control.close()
        os.setsid()
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        _keep_only(stream)
        os.chdir(grant.folder)
        serve = _entry(grant.entry)
        _confine(grant, level)
        serve(LineStream(_RUNNER_FD))
        code = 0
    except BaseException:  # noqa: BLE001 -- the edge of a process: say what happened, then end without atexit handlers
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def _keep_only(stream: int) -> None:
    """Keep stderr and the agent's stream; libraries that print on stdout reach stderr."""
    os.dup2(stream, _RUNNER_FD)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    os.closerange(_RUNNER_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _confine(grant: Grant, level: Isolation) -> None:
    limit_resources(grant.limits, has_user_namespace=level.has_pid_namespace)
    for name in os.environ.keys() - RUNNER_VARIABLES:  # libraries leave some behind when they are imported
        del os.environ[name]
    os.environ["TMPDIR"] = grant.folder
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.drop_capabilities()
    if not level.has_filter:
        return
    if landlock.abi():
        landlock.confine([*python_paths(), *map(Path, grant.read)], [Path(grant.folder)])
    seccomp.confine()


def limit_resources(limits: Limits, *, has_user_namespace: bool) -> None:
    """Lower this process's limits for good; address space counts from what the warm interpreter already maps."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    address_space = pages * resource.getpagesize() + limits.memory_bytes + _HEADROOM_BYTES
    wanted = {
        resource.RLIMIT_AS: (address_space, address_space),
        resource.RLIMIT_CPU: (limits.cpu_seconds, limits.cpu_seconds + _CPU_GRACE_SECONDS),
        resource.RLIMIT_FSIZE: (limits.file_bytes, limits.file_bytes),
        resource.RLIMIT_NOFILE: (limits.open_files, limits.open_files),
        resource.RLIMIT_CORE: (0, 0),
    }
    if has_user_namespace:  # outside one the limit would count every process of the account
        wanted[resource.RLIMIT_NPROC] = (limits.processes, limits.processes)
    for kind, (soft, hard) in wanted.items():
        _, ceiling = resource.getrlimit(kind)
        cap = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
        resource.setrlimit(kind, (min(soft, cap), cap))


def _entry(name: str) -> Callable[[LineStream], None]:
    module, _, function = name.partition(":")
    found: Callable[[LineStream], None] = getattr(importlib.import_module(module), function)
    return found


if __name__ == "__main__":
    main(Isolation(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
