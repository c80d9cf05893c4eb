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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from market.protocol import tensors as documents
from market.protocol.errors import CommonwattError
from market.protocol.exact.game_wire import to_json
from market.protocol.exact.jobs import ExactJob
from market.protocol.programs import Program, ProgramCost, ProgramLimits, check, check_fits
from market.protocol.specs import TrainSpec
from market.protocol.words import ExecutionClass
from worker import exact_runner
from worker.attest.witness import Course
from worker.engine import determinism, tensors
from worker.engine.interpreter import Executable
from worker.engine.tensors import State
from worker.sandbox.lines import LineStream
from worker.training.transformer import Shape, build, loss_of
from worker.training.unit import Engine, UnitResult, run_unit

PROGRESS_SECONDS: Final = 0.25

with determinism.pinned():
    pass  # the switches import half of torch's compiler at first use; the keeper pays for that, not the first step


def serve(stream: LineStream) -> None:
    """Answer messages until the agent closes the stream."""
    answer_with(Server(stream), stream)


def answer_with(server: "Server", stream: LineStream) -> None:
    while (message := stream.receive()) is not None:
        try:
            stream.send(server.answer(message))
        except (CommonwattError, MemoryError, RuntimeError) as error:
            stream.send({"error": _name_of(error), "detail": str(error)[:2000]})


def _name_of(error: Exception) -> str:
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return "MemoryLimitReached"
    return type(error).__name__


class Server:
    """Answers one agent. Between messages it keeps a game's player and nothing else."""

    def __init__(self, stream: LineStream) -> None:
        self.stream = stream
        self._player: exact_runner.Answer | None = None

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        if "run" in message:
            return {"result": self.run(Path(message["run"]))}
        if "play" in message:
            self._player = self.play(Work.read(Path(message["play"])).course(), str(message["side"]))
            return {"ready": True}
        if "position" in message and self._player is not None:
            return self._player(message)
        if "benchmark" in message:
            return {"gflops": benchmark(float(message["benchmark"]))}
        return {"fingerprint": determinism.fingerprint().hex(), "facts": determinism.facts()}

    def run(self, folder: Path) -> dict[str, Any]:
        """Execute the unit that lies in folder/in and leave its end state in folder/out."""
        return _run(folder, self.stream)

    def play(self, course: Course, side: str) -> exact_runner.Answer:
        return exact_runner.player_of(course, side)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What lies in a run's input folder, checked."""

    spec: TrainSpec
    unit: int
    program: Program
    cost: ProgramCost
    initial: State
    starts: list[State]
    dataset: State

    @classmethod
    def read(cls, folder: Path) -> "Work":
        inputs = folder / "in"
        unit = json.loads((inputs / "unit.json").read_text())
        spec = TrainSpec.from_json(unit["spec"])
        program = Program.decode((inputs / "program.json").read_bytes())
        cost = check(program, ProgramLimits(max_bytes=spec.memory_bytes))
        initial, *starts = [(inputs / name).read_bytes() for name in unit["states"]]
        dataset = (inputs / "dataset.safetensors").read_bytes()
        for state in (initial, *starts):
            check_fits(program, spec, _entries(state), _entries(dataset))
        return cls(
            spec=spec,
            unit=unit["unit"],
            program=program,
            cost=cost,
            initial=tensors.load(initial),
            starts=[tensors.load(start) for start in starts or [initial]],
            dataset=tensors.load(dataset),
        )

    def exact(self) -> ExactJob:
        return exact_runner.exact_of(self.spec, self.program, self.initial, self.dataset)

    def course(self) -> Course:
        """Return what an exact unit is executed from; raises as `exact` does, and StatesDiffer."""
        return exact_runner.course_of(self.spec, self.unit, self.exact(), self.starts, self.dataset)


def _run(folder: Path, stream: LineStream) -> dict[str, Any]:
    work = Work.read(folder)
    is_exact = work.spec.execution_class is ExecutionClass.EXACT
    job = work.exact() if is_exact else None
    engine: Engine = Executable(work.program, work.cost)
    if job is not None:
        engine = exact_runner.engine_of(job, memory=work.spec.memory_bytes)
    result = run_unit(
        work.spec,
        work.spec.units()[work.unit],
        engine=engine,
        starts=work.starts,
        dataset=work.dataset,
        on_progress=Progress(stream).report,
    )
    return handed_in(folder, result, job)


def handed_in(folder: Path, result: UnitResult, job: ExactJob | None) -> dict[str, Any]:
    """Leave the end state in folder/out and return what the agent is told."""
    (folder / "out" / "state.safetensors").write_bytes(tensors.save(result.final_state))
    terms = {} if job is None else {"terms": to_json(job.terms)}
    return _to_json(result) | terms


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


class Progress:
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
