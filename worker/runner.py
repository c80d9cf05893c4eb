"""The runner: what executes a stranger's unit, inside the sandbox, with no key and no network.

Served by `worker.sandbox.keeper`, which imports this module once (torch with it) and forks a confined process per
assignment; `serve` runs in that process. Decides nothing the market would believe: it checks the program again,
executes, and reports roots. Every failure is an answer with a name, {"error": ..., "detail": ...}; an answer is never
code.
"""

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch

from market.protocol import tensors as documents
from market.protocol.errors import CommonwattError
from market.protocol.programs import Program, ProgramLimits, check_fits
from market.protocol.specs import TrainSpec
from worker.engine import determinism, tensors
from worker.engine.interpreter import Executable
from worker.sandbox.lines import LineStream
from worker.training.transformer import Shape, build, loss_of
from worker.training.unit import UnitResult, run_unit

PROGRESS_SECONDS: Final = 0.25

with determinism.pinned():
    pass  # the switches import half of torch's compiler at first use; the keeper pays for that, not the first step


def serve(stream: LineStream) -> None:
    """Answer messages until the agent closes the stream."""
    while (message := stream.receive()) is not None:
        try:
            stream.send(_answer(message, stream))
        except (CommonwattError, MemoryError, RuntimeError) as error:
            stream.send({"error": _name_of(error), "detail": str(error)[:2000]})


def _name_of(error: Exception) -> str:
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return "MemoryLimitReached"
    return type(error).__name__


def _answer(message: dict[str, Any], stream: LineStream) -> dict[str, Any]:
    if "run" in message:
        return {"result": _run(Path(message["run"]), stream)}
    if "benchmark" in message:
        return {"gflops": benchmark(float(message["benchmark"]))}
    return {"fingerprint": determinism.fingerprint().hex(), "facts": determinism.facts()}


def _run(folder: Path, stream: LineStream) -> dict[str, Any]:
    """Execute the unit that lies in folder/in and leave its end state in folder/out."""
    inputs = folder / "in"
    unit = json.loads((inputs / "unit.json").read_text())
    spec = TrainSpec.from_json(unit["spec"])
    program = Program.decode((inputs / "program.json").read_bytes())
    executable = Executable.load(program, ProgramLimits(max_bytes=spec.memory_bytes))
    starts = [(inputs / f"start-{place}.safetensors").read_bytes() for place in range(unit["starts"])]
    dataset = (inputs / "dataset.safetensors").read_bytes()
    for start in starts:
        check_fits(program, spec, _entries(start), _entries(dataset))
    result = run_unit(
        spec,
        spec.units()[unit["unit"]],
        executable=executable,
        starts=[tensors.load(start) for start in starts],
        dataset=tensors.load(dataset),
        on_progress=_Progress(stream).report,
    )
    (folder / "out" / "state.safetensors").write_bytes(tensors.save(result.final_state))
    return _to_json(result)


def _entries(document: bytes) -> tuple[documents.TensorEntry, ...]:
    return documents.read_header(document, total_bytes=len(document))


def _to_json(result: UnitResult) -> dict[str, Any]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "input_root": result.input_root.hex(),
        "output_root": result.output_root.hex(),
        "trace_root": result.trace_root.hex(),
        "segment_roots": [root.hex() for root in result.segment_roots],
        "steps": result.steps,
        "cpu_milliseconds": round((usage.ru_utime + usage.ru_stime) * 1000),
    }


class _Progress:
    """Tells of the first step at once and of later ones now and then, so that telling costs nothing."""

    def __init__(self, stream: LineStream) -> None:
        self._stream = stream
        self._tell_at = 0.0

    def report(self, step: int) -> None:
        now = time.monotonic()
        if now >= self._tell_at:
            self._tell_at = now + PROGRESS_SECONDS
            self._stream.send({"step": step})


def benchmark(seconds: float) -> dict[str, float]:
    """Return this machine's float32 rates in GFLOP/s, as pinned work runs: bare matrix products, and training steps.

    seconds: how long each of the two is measured.
    """
    side = 512
    left, right = torch.randn(side, side), torch.randn(side, side)
    shape = Shape(vocabulary=96, time=64)
    model = build(shape, seed=0)
    tokens = torch.randint(shape.vocabulary, (8, shape.time + 1))

    def step() -> None:
        model.zero_grad()
        loss_of(model(tokens[:, :-1]), tokens[:, 1:]).backward()  # type: ignore[no-untyped-call]

    weights = sum(weight.numel() for weight in model.parameters())
    with determinism.pinned():
        products = _rate(lambda: torch.mm(left, right), seconds)
        steps = _rate(step, seconds)
    # 6 per weight and token: two multiply-adds forward, four backward
    return {"matmul": 2 * side**3 * products / 1e9, "step": 6 * weights * 8 * shape.time * steps / 1e9}


def _rate(act: Callable[[], object], seconds: float) -> float:
    act()
    began, acts = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - began) < seconds:
        act()
        acts += 1
    return acts / elapsed
