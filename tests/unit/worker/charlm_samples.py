"""The demo's training step in miniature: the same model and optimiser, traced in a second and run in milliseconds."""

from dataclasses import dataclass, replace
from functools import cache

import torch

from market.protocol.graph import Program
from market.protocol.hashing import artifact_id
from market.protocol.programs import ProgramLimits
from market.protocol.specs import TrainSpec
from market.protocol.words import ExecutionClass, JobKind
from worker.engine.capture import capture
from worker.engine.interpreter import Executable
from worker.engine.tensors import State, save
from worker.training.adamw import AdamW, initial_state, train_step
from worker.training.charlm import batch_loss
from worker.training.transformer import Shape, Transformer, build

BATCH, CONTEXT = 3, 8
SHAPE = Shape(vocabulary=13, time=CONTEXT, model=16, heads=2, hidden=24, layers=2)
SETTINGS = AdamW(total_steps=20, cooldown_steps=5, warmup_steps=2, rate=1e-2)
LIMITS = ProgramLimits(max_bytes=64 << 20)


@dataclass(frozen=True, kw_only=True)
class Small:
    """A job small enough for a unit test."""

    model: Transformer
    state: State
    program: Program
    dataset: State
    spec: TrainSpec

    def executable(self) -> Executable:
        return Executable.load(self.program, LIMITS)


@cache
def small() -> Small:
    model = build(SHAPE, seed=3)
    state = initial_state(model)
    program = capture(
        train_step(lambda weights, tokens: batch_loss(model, weights, tokens), SETTINGS),
        state,
        batch=BATCH,
        window=CONTEXT + 1,
    )
    chance = torch.Generator().manual_seed(1)
    dataset = {"tokens": torch.randint(0, SHAPE.vocabulary, (400,), generator=chance, dtype=torch.uint8)}
    spec = TrainSpec(
        kind=JobKind.TRAIN,
        program=artifact_id(program.encode()),
        state=artifact_id(save(state)),
        dataset=artifact_id(save(dataset)),
        dataset_tensor="tokens",
        rounds=(2, 1),
        steps_per_unit=7,
        segment_steps=3,
        batch=BATCH,
        window=CONTEXT + 1,
        seed=11,
        execution_class=ExecutionClass.PINNED,
        memory_bytes=LIMITS.max_bytes,
        unit_seconds=60,
    )
    return Small(model=model, state=state, program=program, dataset=dataset, spec=spec)


def with_spec(job: Small, **changes: int) -> Small:
    return replace(job, spec=replace(job.spec, **changes))


def one_ulp_up(state: State, name: str) -> State:
    """The state with the last bit of one number moved."""
    moved = state[name].clone()
    flat = moved.view(-1)
    flat[5] = torch.nextafter(flat[5], torch.tensor(float("inf")))
    return {**state, name: moved}
