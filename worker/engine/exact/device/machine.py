"""Exact programs on a device, leaf by leaf: the same bits as a CPU's, without its fusion.

Decides the order (the program's own), when a value's memory is given back (after its last reader), and nothing about
results: every word comes from `leaf.cu`. A launcher runs that text: on a GPU through CUDA's runtime compiler, or on the
host through the exact library, which is how machines without a GPU test it.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import torch

from market.protocol.exact.leaf import CHAINS, ExactProgram, Kind, Leaf
from worker.engine.exact.device.table import table_of

THREADS: Final = 128


class Launcher(Protocol):
    """What runs the device's text on words of one memory: `torch.int32` tensors on `device`."""

    @property
    def device(self) -> torch.device: ...

    def launch(self, name: str, table: torch.Tensor, sources: Sequence[torch.Tensor], out: torch.Tensor) -> None:
        """Run kernel `name` (leaf_map or leaf_chain), one thread per word of `out`. sources: three."""


class DeviceMachine:
    """A program made ready for a device. One instance serves one step at a time."""

    def __init__(self, program: ExactProgram, launcher: Launcher) -> None:
        self.program, self._launcher = program, launcher
        self._tables = [torch.from_numpy(table_of(leaf)).to(launcher.device) for leaf in program.leaves]
        self._last = _last_readers(program)

    def step(
        self, state: Sequence[torch.Tensor], batch: torch.Tensor, number: int
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return the new state and the loss, on the device. state: float32 or int32 tensors in the slots' order; batch:
        integers [batch, window]; number: the global step, from 1."""
        device, inputs = self._launcher.device, self.program.inputs
        step = torch.tensor(float(number), dtype=torch.float32)
        given = [tensor.to(device).contiguous() for tensor in (*state, batch.to(torch.int32), step)]
        values: list[torch.Tensor | None] = [tensor.reshape(-1).view(torch.int32) for tensor in given]
        for at, leaf in enumerate(self.program.leaves):
            values.append(self._make(at, leaf, values))
            for value in self._last.get(at, ()):
                values[value] = None
        slots = zip(self.program.outputs, inputs, given, strict=False)
        renewed = [_held(values, value).view(like.dtype).reshape(slot.shape) for value, slot, like in slots]
        return renewed, _held(values, self.program.loss).view(torch.float32).reshape(())

    def _make(self, at: int, leaf: Leaf, values: Sequence[torch.Tensor | None]) -> torch.Tensor:
        out = torch.empty(leaf.elements, dtype=torch.int32, device=self._launcher.device)
        read = [_held(values, o.source) if o.kind is Kind.VALUE else out for o in leaf.operands]
        name = "leaf_chain" if leaf.op in CHAINS else "leaf_map"
        self._launcher.launch(name, self._tables[at], (*read, out, out, out)[:3], out)
        return out


def _held(values: Sequence[torch.Tensor | None], value: int) -> torch.Tensor:
    tensor = values[value]
    assert tensor is not None, "a value is kept until its last reader"
    return tensor


def _last_readers(program: ExactProgram) -> dict[int, list[int]]:
    """Return the values that no leaf after `at` reads, by `at`; inputs and outputs are kept."""
    first = len(program.inputs)
    last = {
        operand.source: at
        for at, leaf in enumerate(program.leaves)
        for operand in leaf.operands
        if operand.kind is Kind.VALUE
    }
    over: dict[int, list[int]] = {}
    for value, at in last.items():
        if value >= first and value not in {*program.outputs, program.loss}:
            over.setdefault(at, []).append(value)
    return over
