"""Executes one work unit. Work, audit and vote all call `run_unit`, so that they can only differ in who asks.

Decides the order of things: merge the predecessors, take the steps, hash the state at the end of every segment. What a
step computes and how a state is hashed is the engine's: stock kernels for pinned work, our own for exact work. Touches
no network, no key and no clock. What the roots are worth is for others to say.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch

from market.protocol.shapes import TensorType
from market.protocol.specs import TrainSpec, UnitPlan
from worker.attest.trace import UnitResult
from worker.engine.aten import type_of
from worker.engine.batches import batch_of
from worker.engine.determinism import pinned
from worker.engine.tensors import State
from worker.training.merge import StatesDiffer, merge

__all__ = ["UnitResult", "run_unit"]

Progress = Callable[[int], None]


class Engine(Protocol):
    """A program made ready: `worker.engine.interpreter.Executable`, or `worker.engine.exact.engine.ExactEngine`."""

    @property
    def state_types(self) -> Mapping[str, TensorType]:
        """The state tensors in the order in which `step` takes and gives them."""

    def step(
        self, state: Sequence[torch.Tensor], batch: torch.Tensor, number: int
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return the new state and the loss of global step `number`, which is counted from 1."""

    def root(self, state: Sequence[torch.Tensor]) -> bytes:
        """Return the state's root in the engine's execution class."""


def run_unit(  # noqa: PLR0917 in the order in which a unit comes about
    spec: TrainSpec,
    unit: UnitPlan,
    engine: Engine,
    starts: Sequence[State],
    dataset: State,
    on_progress: Progress = lambda _: None,
) -> UnitResult:
    """Execute one unit and return its roots, losses and end state.

    starts: the predecessors' end states in the order of `unit.predecessors`, or the job's initial state alone.
    dataset: the dataset artifact's tensors. on_progress: called with the number of finished steps after each step.
    Raises StatesDiffer for a start state that is not the program's, StepFailed when an operator fails.
    """
    assert len(starts) == max(1, len(unit.predecessors)), "one start state per predecessor, or the initial one"
    tokens, marks = dataset[spec.dataset_tensor], frozenset(spec.segments())
    roots: list[bytes] = []
    losses: list[float] = []
    with pinned(), torch.inference_mode():
        state = start_state(engine, starts)
        input_root = engine.root(state)
        for step in range(spec.steps_per_unit):
            batch = batch_of(spec, unit, step, tokens)
            state, loss = engine.step(state, batch, unit.first_step + step + 1)
            losses.append(float(loss))
            if step + 1 in marks:
                roots.append(engine.root(state))
            on_progress(step + 1)
    return UnitResult(
        input_root=input_root,
        segment_roots=tuple(roots),
        final_state=dict(zip(engine.state_types, state, strict=True)),
        losses=tuple(losses),
        steps=spec.steps_per_unit,
    )


def start_state(engine: Engine, starts: Sequence[State]) -> list[torch.Tensor]:
    """Return the merged start states in the engine's order; raises StatesDiffer."""
    merged, declared = merge(starts), engine.state_types
    found = {name: type_of(tensor) for name, tensor in merged.items()}
    for name in sorted(declared.keys() | found.keys()):
        if declared.get(name) != found.get(name):
            wanted, held = declared.get(name, "nothing"), found.get(name, "nothing")
            raise StatesDiffer(tensor=name, reason=f"the program wants {wanted}, the start state holds {held}")
    return [merged[name] for name in declared]
