"""The agent's side of the sandbox: start a keeper, ask it for runners, talk to them, kill them.

Decides nothing about the work. A keeper is one process group with no environment, no inherited descriptor but its
control socket, and nothing on its standard input; stopping it ends it and everything below it. What runners say is
untrusted.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Self

from market.protocol.errors import CommonwattError
from worker.sandbox import lines
from worker.sandbox.keeper import MAX_ORDER_BYTES
from worker.sandbox.policy import Grant, JailPlan, environment

_START_SECONDS: Final = 120
_STOP_SECONDS: Final = 5
_STDERR_LINES: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperFailed(CommonwattError):
    """The sandbox's keeper process did not start, or ended by itself."""

    reason: str
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerEnded(CommonwattError):
    """The runner ended before it had answered. code: its exit code, or minus the signal that killed it."""

    code: int
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSilent(CommonwattError):
    """The runner said nothing for too long."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a runner ended, as the keeper saw it."""

    code: int
    cpu_seconds: float


class Runner:
    """One confined process that serves one assignment."""

    def __init__(
        self, keeper: "Keeper", pid: int, ended: asyncio.Future[Exit],
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter,
    ) -> None:  # fmt: skip
        self.pid = pid
        self._keeper = keeper
        self._ended = ended
        self._reader = reader
        self._writer = writer

    async def send(self, message: dict[str, Any]) -> None:
        """Write one message; a runner that is gone shows at the next `receive`."""
        self._writer.write(lines.encode(message))
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def receive(self, seconds: float) -> dict[str, Any]:
        """Return the runner's next message; raises RunnerSilent, RunnerEnded or BadLine."""
        try:
            line = await asyncio.wait_for(self._reader.readline(), seconds)
        except TimeoutError as error:
            raise RunnerSilent(seconds=seconds) from error
        except ValueError as error:
            raise lines.BadLine(reason="longer than the limit") from error
        except ConnectionError:
            line = b""
        if not line.endswith(b"\n"):
            ended = await asyncio.shield(self._ended)
            raise RunnerEnded(code=ended.code, stderr=self._keeper.stderr)
        return lines.decode(line)

    async def kill(self) -> Exit:
        """End the runner with all its children and return how it ended; idempotent."""
        self._keeper.let_go(self._writer)
        if not self._ended.done():
            self._keeper.order({"kill": self.pid})
        return await asyncio.shield(self._ended)


class Keeper:
    """A running keeper process. Make one with `start`, end it with `stop`."""

    def __init__(self, plan: JailPlan, process: Process, control: socket.socket) -> None:
        self.plan = plan
        self._process = process
        self._control = control
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._runners: dict[int, asyncio.Future[Exit]] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._started: asyncio.Queue[int | None] = asyncio.Queue()
        self._forking = asyncio.Lock()
        self._reading_stderr = asyncio.create_task(self._read_stderr())
        self._reading_reports = asyncio.create_task(self._read_reports())

    @classmethod
    async def start(cls, plan: JailPlan) -> Self:
        """Return a keeper that has imported its warm module; raises KeeperFailed with what it wrote on stderr."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *plan.command(theirs.fileno()),
                stdin=DEVNULL, stdout=PIPE, stderr=STDOUT,
                env=environment(plan.threads), pass_fds=[theirs.fileno()], start_new_session=True, cwd="/",
            )  # fmt: skip
        keeper = cls(plan, process, ours)
        try:
            ready = await asyncio.wait_for(keeper._started.get(), _START_SECONDS)
        except TimeoutError:
            ready = None
        if ready is None:
            await keeper.stop()
            raise KeeperFailed(reason="ended while starting, or was too slow", stderr=keeper.stderr)
        return keeper

    @property
    def stderr(self) -> str:
        """The last lines that the keeper or a runner wrote: for people, never trusted."""
        return "\n".join(self._stderr)

    @property
    def is_alive(self) -> bool:
        return not self._reading_reports.done()

    def order(self, message: dict[str, Any], *descriptors: int) -> None:
        """Send one order; raises KeeperFailed when the keeper is gone."""
        data = json.dumps(message).encode()
        assert len(data) <= MAX_ORDER_BYTES
        try:
            socket.send_fds(self._control, [data], list(descriptors))
        except OSError as error:
            raise KeeperFailed(reason=str(error), stderr=self.stderr) from error

    async def fork(self, grant: Grant) -> Runner:
        """Return a new confined runner that serves `grant.entry`; raises KeeperFailed."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=lines.MAX_LINE_BYTES)
        async with self._forking:
            with theirs:
                self.order(grant.to_json(), theirs.fileno())
            pid = await self._started.get()
        if pid is None:
            writer.close()
            raise KeeperFailed(reason="ended while forking a runner", stderr=self.stderr)
        self._writers.add(writer)
        return Runner(self, pid, self._runners[pid], reader, writer)

    def let_go(self, writer: asyncio.StreamWriter) -> None:
        """Close the stream of a runner that is not listened to any more."""
        self._writers.discard(writer)
        writer.close()

    async def stop(self) -> None:
        """End the keeper and everything below it; idempotent."""
        await _cancel(self._reading_reports)
        self._control.close()
        for writer in list(self._writers):
            self.let_go(writer)
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self._kill_groups()
            await self._process.wait()
        await _cancel(self._reading_stderr)

    def _kill_groups(self) -> None:
        groups = [self._process.pid]
        if not self.plan.level.has_pid_namespace:  # else these numbers mean other processes out here
            groups += [pid for pid, ended in self._runners.items() if not ended.done()]
        for group in groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    async def _read_stderr(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while chunk := await stream.read(4096):
            self._stderr.extend(chunk.decode(errors="replace").splitlines())

    async def _read_reports(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            with contextlib.suppress(ConnectionError):
                while data := await loop.sock_recv(self._control, MAX_ORDER_BYTES):
                    self._take(json.loads(data))
        finally:
            for ended in self._runners.values():
                if not ended.done():
                    ended.set_result(Exit(code=-signal.SIGKILL, cpu_seconds=0.0))
            self._started.put_nowait(None)

    def _take(self, report: dict[str, Any]) -> None:
        if "exited" in report:
            ended = self._runners.pop(report["exited"])
            ended.set_result(Exit(code=report["code"], cpu_seconds=report["cpu_seconds"]))
            return
        pid = report.get("started", 0)
        if pid:
            self._runners[pid] = asyncio.get_running_loop().create_future()
        self._started.put_nowait(pid)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
