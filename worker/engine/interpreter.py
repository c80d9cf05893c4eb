"""Runs a checked program: the same operators in the same order, on tensors, with nothing else in between.

Decides how a graph becomes a flat list of calls: every constant and every value has a register, a call reads registers
and writes registers, and a register is emptied after its last use. Knows nothing of jobs, units or hashes. Never runs
a program that `market.protocol.programs.check` has not passed, and never looks an operator up while a step runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, Self

import torch

from market.protocol.errors import CommonwattError
from market.protocol.graph import Node, Program, Ref, Role
from market.protocol.operators import OPERATORS
from market.protocol.programs import ProgramCost, ProgramLimits, check
from market.protocol.state import state_root
from worker.engine import aten
from worker.engine.reuse import INTO, Reuse
from worker.engine.tensors import named_bytes

Tensors = Sequence[torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed(CommonwattError):
    """An operator of the program failed on the values that it met."""

    node: int
    operator: str
    reason: str


# One call: the function, the reader of its arguments, the first register it writes and how many, those it empties.
Call = tuple[Callable[..., Any], Callable[[list[Any]], Any], int, int, tuple[int, ...]]


class Executable:
    """A program made ready. One instance serves one step at a time."""

    def __init__(self, program: Program, cost: ProgramCost) -> None:
        self.program, self.cost = program, cost
        self.state_types = {item.name: item.type for item in program.inputs_of(Role.STATE)}
        self._slots = {role: [at for at, item in enumerate(program.inputs) if item.role is role] for role in Role}
        self._blank, self._calls = _compile(program)

    @classmethod
    def load(cls, program: Program, limits: ProgramLimits) -> Self:
        """Return the program made ready; raises whatever `check` finds wrong with it."""
        return cls(program, check(program, limits))

    def step(self, state: Tensors, batch: torch.Tensor, number: int) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return the new state, in the order of `state_types`, and the loss; the given tensors stay as they are.

        batch: int64 [batch, window]. number: the global step, from 1. Raises StepFailed, or MemoryError.
        """
        registers = list(self._blank)
        for slot, tensor in zip(self._slots[Role.STATE], state, strict=True):
            registers[slot] = tensor
        registers[self._slots[Role.BATCH][0]] = batch
        registers[self._slots[Role.STEP][0]] = torch.tensor(float(number), dtype=torch.float32)
        with torch.inference_mode():
            self._run(registers)
        *new_state, loss = (registers[value] for value in self.program.outputs)
        return new_state, loss

    def root(self, state: Tensors) -> bytes:
        """Return the state's Merkle root (`market.protocol.state`)."""
        return state_root(named_bytes(dict(zip(self.state_types, state, strict=True))))

    def _run(self, registers: list[Any]) -> None:
        at = 0
        try:
            for at, (function, read, write, count, drop) in enumerate(self._calls):  # noqa: B007 the handler reads it
                if count == 1:
                    registers[write] = function(*read(registers))
                else:
                    registers[write : write + count] = function(*read(registers))
                for register in drop:
                    registers[register] = None
        except (RuntimeError, IndexError) as error:
            raise failure(at, self.program.nodes[at], error) from error


def failure(at: int, node: Node, error: RuntimeError | IndexError) -> StepFailed | MemoryError:
    """Return what an operator's error means: the limit on memory was met, or the values did not suit the operator."""
    reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    if "can't allocate memory" in reason:
        return MemoryError(reason)
    return StepFailed(node=at, operator=node.operator, reason=reason)


def _compile(program: Program) -> tuple[list[Any], list[Call]]:
    values = len(program.inputs) + sum(len(node.outputs) for node in program.nodes)
    registers: list[Any] = [None] * values
    last_use = {value: at for at, node in enumerate(program.nodes) for value in node.references()}
    kept = {*range(len(program.inputs)), *program.outputs}
    calls: list[Call] = []
    write, reuse = len(program.inputs), Reuse(program)
    for at, node in enumerate(program.nodes):
        made = range(write, write + len(node.outputs))
        over = {value for value in node.references() if last_use[value] == at} | {v for v in made if v not in last_use}
        function, read = _bind(node, registers, reuse.place(at, node))
        calls.append((function, read, write, len(node.outputs), tuple(sorted(over - kept))))
        write += len(node.outputs)
    return registers, calls


def _bind(node: Node, registers: list[Any], over: int | None) -> tuple[Callable[..., Any], Callable[[list[Any]], Any]]:
    """Return the node's function and reader; every argument that is no reference gets a register of its own.

    over: the position of the argument that the result may be written over.
    """
    bound = aten.binding(node.operator)
    parameters = OPERATORS[node.operator].parameters
    reads: list[int] = []
    groups = 0
    for parameter, argument in zip(parameters[: bound.positional], node.arguments[: bound.positional], strict=True):
        if isinstance(argument, Ref):
            reads.append(argument.value)
        elif isinstance(argument, tuple) and any(isinstance(item, Ref) for item in argument):
            reads.extend(item.value for item in argument if isinstance(item, Ref))
            groups = len(argument)
        else:
            reads.append(len(registers))
            registers.append(aten.to_torch(parameter, argument))
    named = zip(parameters[bound.positional :], node.arguments[bound.positional :], strict=True)
    extra = {
        place.name: aten.to_torch(place, argument)
        for place, argument in named
        if not aten.is_default(node.operator, place, argument)
    }
    call = bound.call if over is None else _overwriting(INTO[node.operator], over)
    function = partial(call, **extra) if extra else call
    return (_gathering(function, groups) if groups else function), _reader(reads)


def _overwriting(function: Callable[..., Any], place: int) -> Callable[..., Any]:
    return lambda *arguments, **named: function(*arguments, out=arguments[place], **named)


def _gathering(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """Wrap a function whose first argument is a list of `count` tensors."""
    return lambda *arguments: function(list(arguments[:count]), *arguments[count:])


def _reader(reads: list[int]) -> Callable[[list[Any]], Any]:
    if len(reads) == 1:
        (only,) = reads
        return lambda registers: (registers[only],)
    return itemgetter(*reads) if reads else lambda _: ()
