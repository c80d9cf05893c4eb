"""The exact class as an engine: what `worker.training.unit.run_unit` calls for a job of the class EXACT.

Decides how a machine's arrays become the unit's tensors, and the state's root in this class. Two sets of buffers take
turns, so a state that a step returned is overwritten by the second step after it; who keeps one longer copies it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from market.protocol.exact import commit
from market.protocol.exact.leaf import ExactProgram, WordType
from market.protocol.shapes import DType, TensorType
from worker.engine.exact.blocks import Kernels, address
from worker.engine.exact.machine import DTYPES, MEMORY, Array, ExactMachine
from worker.engine.exact.team import Team

_DTYPES = {WordType.F32: DType.F32, WordType.I32: DType.I32}


class ExactEngine:
    """An exact program made ready to execute units. One instance serves one unit at a time."""

    def __init__(self, program: ExactProgram, kernels: Kernels, *, threads: int = 1, memory: int = MEMORY) -> None:
        """Raises StepTooLarge when a step needs more than `memory` bytes."""
        self.program = program
        self.state_types: Mapping[str, TensorType] = {
            slot.name: TensorType(_DTYPES[slot.type], slot.shape) for slot in program.state_slots
        }
        self._machine = ExactMachine(program, kernels, threads, memory)
        self._team = Team(kernels, threads)
        self._sets = [[np.empty(slot.shape, DTYPES[slot.type]) for slot in program.state_slots] for _ in range(2)]

    def step(
        self, state: Sequence[torch.Tensor], batch: torch.Tensor, number: int
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return the new state and the loss; the given state stays as it is.

        Raises StateDiverged, IndexOutside, WordOutOfRange or InputMismatch.
        """
        given = [tensor.numpy() for tensor in state]
        if any(np.shares_memory(a, b) for a, b in zip(given, self._sets[0], strict=True)):
            self._sets.reverse()
        new, loss = self._machine.step(given, batch.numpy(), number, self._sets[0])
        return [torch.from_numpy(array) for array in new], torch.tensor(loss)

    def root(self, state: Sequence[torch.Tensor]) -> bytes:
        """Return the state's root in the exact class (`market.protocol.exact.commit`)."""
        return root_of([tensor.numpy() for tensor in state], self._team)


def root_of(state: Sequence[Array], team: Team) -> bytes:
    """Return the root of a state from its slots' arrays."""
    return commit.state_root(slot_roots(state, team))


def slot_roots(state: Sequence[Array], team: Team) -> list[bytes]:
    """Return the value root of every slot."""
    arrays: list[Any] = [np.ascontiguousarray(array) for array in state]
    return team.value_roots([(address(array), array.size, array.dtype.kind == "f") for array in arrays])
