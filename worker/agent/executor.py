"""Executes units in the sandbox: fetch, lay out, fork a runner, watch it, take its output.

Decides the limits of one run (wall clock, silence, memory, file size) and how each way of failing is named. What the
runner says is checked for form only: whether it is true is what audits are for. Keeps one warm keeper and replaces it
when it is gone.
"""

import asyncio
import math
import os
import shutil
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import structlog

from market.protocol.errors import CommonwattError
from market.protocol.exact import game_wire
from market.protocol.exact.terms import ExactTerms
from market.protocol.specs import TrainSpec
from market.protocol.wire import Lease
from worker.agent.cache import ArtifactCache
from worker.agent.materials import RunFolder, lay_out
from worker.agent.outcome import Outcome
from worker.agent.play import Play
from worker.energy.meter import Meter, Usage
from worker.sandbox import probe
from worker.sandbox.host import Keeper, Runner, RunnerEnded, RunnerSilent
from worker.sandbox.lines import BadLine
from worker.sandbox.policy import Grant, JailPlan, Limits

RUNNER: Final = "worker.runner"
ENTRY: Final = "worker.runner:serve"
_CPU_GRACE_SECONDS: Final = 30
_ANSWER_SECONDS: Final = 120.0
_PLAY_MEMORY: Final = 8
_PLAY_RUNS: Final = 50  # replays of a unit that one game may take
_HELLO_LIMITS: Final = Limits(memory_bytes=1 << 30, cpu_seconds=120, file_bytes=1 << 20)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRefused(CommonwattError):
    """The runner refused or failed to execute the unit."""

    error: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTooSlow(CommonwattError):
    """The unit took longer than its specification allows, and was killed."""

    limit_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStuck(CommonwattError):
    """The unit made no progress for too long, and was killed."""

    silent_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTooHungry(CommonwattError):
    """The unit asks for more memory than this worker lends."""

    wanted_bytes: int
    lent_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BadOutput(CommonwattError):
    """The runner left no usable output file."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPolicy:
    """memory_bytes: the most that one unit may use. silent_seconds: the longest time without a finished step."""

    memory_bytes: int
    silent_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Began:
    clock: float
    at_ms: int
    counters: tuple[int, ...]


class SandboxedExecutor:
    """The honest executor."""

    def __init__(self, plan: JailPlan, cache: ArtifactCache, meter: Meter, policy: RunPolicy) -> None:
        self._plan = plan
        self._cache = cache
        self._meter = meter
        self._policy = policy
        self._keeper: Keeper | None = None
        self._starting = asyncio.Lock()

    async def start(self, *, secrets: tuple[Path, ...]) -> list[str]:
        """Warm the keeper up and prove its isolation; return what is out of a runner's reach.

        Raises KeeperFailed, or IsolationBroken when the sandbox grants more than its level promises.
        """
        shutil.rmtree(self._plan.root, ignore_errors=True)  # what a killed worker left
        self._plan.root.mkdir(parents=True)
        keeper = await self._warm_keeper()
        folder = self._new_folder()
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
        try:
            address = server.sockets[0].getsockname()
            return await probe.check(keeper, folder=folder.output, secrets=secrets, listener=address)
        finally:
            server.close()
            shutil.rmtree(folder.path)

    async def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Put one question ("hello", "benchmark") to a fresh runner and return its answer; raises UnitRefused."""
        folder = self._new_folder()
        try:
            runner = await self._fork(folder, _HELLO_LIMITS)
            try:
                await runner.send(message)
                answer = await runner.receive(_ANSWER_SECONDS)
            finally:
                await runner.kill()
        finally:
            shutil.rmtree(folder.path)
        return _unless_error(answer)

    async def execute(self, lease: Lease, on_step: Callable[[int], None], *, entry: str = ENTRY) -> Outcome:
        folder = self._new_folder()
        try:
            spec = await lay_out(lease, folder, self._cache)
            if spec.memory_bytes > self._policy.memory_bytes:
                raise UnitTooHungry(wanted_bytes=spec.memory_bytes, lent_bytes=self._policy.memory_bytes)
            runner = await self._fork(folder, _limits_of(spec, self._plan.threads), entry)
            try:
                began = _Began(clock=time.monotonic(), at_ms=time.time_ns() // 1_000_000, counters=self._meter.begin())
                await runner.send({"run": str(folder.path)})
                result = await self._watch(runner, spec, began, on_step)
                return self._outcome(result, spec, folder, began)
            finally:
                await runner.kill()
        finally:
            shutil.rmtree(folder.path)

    @asynccontextmanager
    async def play(self, lease: Lease, side: str, *, entry: str = ENTRY) -> AsyncIterator[Play]:
        """Execute the lease's unit again and yield what answers positions of a game about it; raises as `execute`."""
        folder = self._new_folder()
        try:
            spec = await lay_out(lease, folder, self._cache)
            runner = await self._fork(folder, _playing(_limits_of(spec, self._plan.threads)), entry)
            try:
                await runner.send({"play": str(folder.path), "side": side})
                _unless_error(await runner.receive(float(spec.unit_seconds)))
                yield Play(runner)
            finally:
                await runner.kill()
        finally:
            shutil.rmtree(folder.path)

    async def close(self) -> None:
        if self._keeper is not None:
            await self._keeper.stop()

    async def _watch(
        self, runner: Runner, spec: TrainSpec, began: _Began, on_step: Callable[[int], None]
    ) -> dict[str, Any]:
        while True:
            left = spec.unit_seconds - (time.monotonic() - began.clock)
            if left <= 0:
                raise UnitTooSlow(limit_seconds=spec.unit_seconds)
            try:
                message = _unless_error(await runner.receive(min(left, self._policy.silent_seconds)))
            except RunnerSilent as silent:
                if left <= self._policy.silent_seconds:
                    raise UnitTooSlow(limit_seconds=spec.unit_seconds) from silent
                raise UnitStuck(silent_seconds=self._policy.silent_seconds) from silent
            except RunnerEnded as ended:
                detail = f"exit code {ended.code}: {ended.stderr[-300:]}"
                raise UnitRefused(error="RunnerEnded", detail=detail) from ended
            result = message.get("result")
            if isinstance(result, dict):
                return result
            on_step(_natural(message, "step"))

    def _outcome(self, result: dict[str, Any], spec: TrainSpec, folder: RunFolder, began: _Began) -> Outcome:
        seconds = time.monotonic() - began.clock
        busy = min(_natural(result, "cpu_milliseconds") / 1000, seconds * self._plan.threads)
        _check_output(folder.end_state, limit_bytes=spec.memory_bytes)
        return Outcome(
            input_root=_root(result.get("input_root")),
            output_root=_root(result.get("output_root")),
            trace_root=_root(result.get("trace_root")),
            segment_roots=_roots(result.get("segment_roots")),
            output=self._cache.keep(folder.end_state),
            steps=_natural(result, "steps"),
            started_at=began.at_ms,
            finished_at=began.at_ms + math.ceil(seconds * 1000),
            energy=self._meter.end(began.counters, Usage(seconds=seconds, cpu_seconds=busy)),
            terms=_terms(result.get("terms")),
        )

    def _new_folder(self) -> RunFolder:
        folder = RunFolder(path=Path(tempfile.mkdtemp(dir=self._plan.root)))
        folder.make()
        return folder

    async def _fork(self, folder: RunFolder, limits: Limits, entry: str = ENTRY) -> Runner:
        keeper = await self._warm_keeper()
        return await keeper.fork(
            Grant(entry=entry, read=(str(folder.inputs),), folder=str(folder.output), limits=limits)
        )

    async def _warm_keeper(self) -> Keeper:
        async with self._starting:
            if self._keeper is not None and not self._keeper.is_alive:
                _log.warning("keeper.lost", stderr=self._keeper.stderr[-500:])
                await self._keeper.stop()
                self._keeper = None
            if self._keeper is None:
                self._keeper = await Keeper.start(self._plan)
            return self._keeper


def _limits_of(spec: TrainSpec, threads: int) -> Limits:
    cpu_seconds = spec.unit_seconds * threads + _CPU_GRACE_SECONDS
    return Limits(memory_bytes=spec.memory_bytes, cpu_seconds=cpu_seconds, file_bytes=spec.memory_bytes)


def _playing(limits: Limits) -> Limits:
    """A replay holds every value of a step beside the kept states, and a game takes many of them."""
    memory_bytes = limits.memory_bytes * _PLAY_MEMORY
    return replace(limits, memory_bytes=memory_bytes, cpu_seconds=limits.cpu_seconds * _PLAY_RUNS)


def _terms(document: Any) -> ExactTerms | None:
    if document is None:
        return None
    terms = game_wire.from_json(document)
    if not isinstance(terms, ExactTerms):
        raise BadLine(reason="the terms are something else")
    return terms


def _unless_error(message: dict[str, Any]) -> dict[str, Any]:
    if "error" in message:
        raise UnitRefused(error=str(message["error"])[:100], detail=str(message.get("detail", ""))[:300])
    return message


def _check_output(path: Path, *, limit_bytes: int) -> None:
    """Raise BadOutput unless the path is one plain file of the runner's own, of a sensible size."""
    try:
        found = os.lstat(path)
    except FileNotFoundError as error:
        raise BadOutput(reason="there is none") from error
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise BadOutput(reason="not a plain file")
    if found.st_size > limit_bytes:
        raise BadOutput(reason=f"{found.st_size} bytes")


def _root(text: Any) -> bytes:
    if not isinstance(text, str) or len(text) != 64:
        raise BadLine(reason="a root is not 64 hex digits")
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise BadLine(reason="a root is not 64 hex digits") from error


def _roots(texts: Any) -> tuple[bytes, ...]:
    if not isinstance(texts, list):
        raise BadLine(reason="the segment roots are not a list")
    return tuple(_root(text) for text in texts)


def _natural(message: dict[str, Any], name: str) -> int:
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadLine(reason=f"{name} is not a natural number")
    return value
