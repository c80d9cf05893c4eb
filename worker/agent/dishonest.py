"""The cheat: an executor that skips the work and hands in plausible weights.

It exists because a market of strangers must be shown to survive one. The demo runs it as one of four workers and the
end-to-end tests run it too; the audit must catch it, the court must slash it, and the buyer must not pay for it. With
pinned work it does what a lazy provider would do: take the start state, add a little noise, invent the segment roots,
and sign. With exact work it does the subtlest thing there is: one word of one step is wrong (`worker.cheat_runner`),
and it defends that to the end. It cheats on WORK alone and does audits and votes honestly, because a lie there would
only cost its own bond sooner.
"""

import hashlib
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from market.protocol import tensors
from market.protocol.hashing import parse_artifact_id
from market.protocol.shapes import DType
from market.protocol.specs import TrainSpec
from market.protocol.state import NamedBytes, state_root, trace_root
from market.protocol.wire import Lease
from market.protocol.words import AssignmentKind, ExecutionClass
from worker.agent.cache import ArtifactCache
from worker.agent.dockets import DEFENDER
from worker.agent.executor import ENTRY, SandboxedExecutor
from worker.agent.outcome import Outcome
from worker.agent.play import Play
from worker.energy.meter import Meter, Usage

FALSIFYING: Final = "worker.cheat_runner:serve"
_NOISE: Final = 1e-3
_FLOATS: Final[dict[str, np.dtype[Any]]] = {DType.F32.value: np.dtype("<f4"), DType.F64.value: np.dtype("<f8")}


class CheatingExecutor:
    """Cheats on WORK; hands everything else to an honest executor. Exact work it falsifies in one word, and defends."""

    def __init__(self, honest: SandboxedExecutor, cache: ArtifactCache, meter: Meter) -> None:
        self._honest = honest
        self._cache = cache
        self._meter = meter

    async def execute(self, lease: Lease, on_step: Callable[[int], None]) -> Outcome:
        if lease.kind is not AssignmentKind.WORK:
            return await self._honest.execute(lease, on_step)
        if TrainSpec.from_json(lease.spec).execution_class is ExecutionClass.EXACT:
            return await self._honest.execute(lease, on_step, entry=FALSIFYING)
        return await self._skip(lease, on_step)

    def play(self, lease: Lease, side: str) -> AbstractAsyncContextManager[Play]:
        """Defend the falsified execution as if it were true."""
        return self._honest.play(lease, side, entry=FALSIFYING if side == DEFENDER else ENTRY)

    async def _skip(self, lease: Lease, on_step: Callable[[int], None]) -> Outcome:
        clock, started_at, counters = time.monotonic(), time.time_ns() // 1_000_000, self._meter.begin()
        spec = TrainSpec.from_json(lease.spec)
        wanted = [parse_artifact_id(one.artifact) for one in lease.predecessors] or [spec.state]
        start = _mean([tensors.read((await self._cache.get(artifact)).read_bytes()) for artifact in wanted])
        end = [_disturbed(tensor, seed=lease.unit) for tensor in start]
        on_step(spec.steps_per_unit)
        roots = _invented_roots(lease, len(spec.segments()), state_root(end))
        seconds = time.monotonic() - clock
        return Outcome(
            input_root=state_root(start),
            output_root=roots[-1],
            trace_root=trace_root(roots),
            segment_roots=tuple(roots),
            output=self._cache.keep(_written(tensors.encode(end))),
            steps=spec.steps_per_unit,
            started_at=started_at,
            finished_at=started_at + math.ceil(seconds * 1000),
            energy=self._meter.end(counters, Usage(seconds=seconds, cpu_seconds=seconds)),
        )


def _mean(states: Sequence[tuple[NamedBytes, ...]]) -> list[NamedBytes]:
    """Average as honest workers do, so that the start state at least is the true one."""
    merged = []
    for place, first in enumerate(states[0]):
        if first.dtype not in _FLOATS:
            merged.append(first)
            continue
        total = _array(first).copy()
        for state in states[1:]:
            total += _array(state[place])
        merged.append(_named(first, total / total.dtype.type(len(states))))
    return merged


def _disturbed(tensor: NamedBytes, *, seed: int) -> NamedBytes:
    if tensor.dtype not in _FLOATS:
        return tensor
    values = _array(tensor)
    noise = 1 + np.random.default_rng(seed).standard_normal(values.shape) * _NOISE
    return _named(
        tensor, values * noise.astype(values.dtype)
    )  # keeps signs: a negative second moment would give it away


def _invented_roots(lease: Lease, count: int, last: bytes) -> list[bytes]:
    names = (f"{lease.assignment_id}/{index}".encode() for index in range(count - 1))
    return [*(hashlib.sha256(name).digest() for name in names), last]


def _array(tensor: NamedBytes) -> NDArray[Any]:
    values: NDArray[Any] = np.frombuffer(tensor.data, dtype=_FLOATS[tensor.dtype])
    return values


def _named(like: NamedBytes, values: NDArray[Any]) -> NamedBytes:
    return NamedBytes(name=like.name, dtype=like.dtype, shape=like.shape, data=values.tobytes())


def _written(document: bytes) -> Path:
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(document)
    return Path(file.name)
