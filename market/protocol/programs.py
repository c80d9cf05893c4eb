"""May this program run, and what does one step of it cost? Answered without torch, before money moves.

Decides whether every operator is allowed, every argument of its kind, every declared shape what the operator's rule
says, every limit kept; and counts FLOPs and peak memory. Buyer, market and worker call the same functions and get the
same numbers, so a price can be checked by all. Peak memory is that of running the nodes in order and dropping each
value after its last use, inputs kept; views share their base's memory, except where a view of a reordered tensor may
have to copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from market.protocol.errors import CommonwattError
from market.protocol.graph import Argument, Node, Program, ProgramMalformed, Ref, Role
from market.protocol.operators import OPERATORS, Kind, Operator, Parameter, Storage
from market.protocol.shapes import DType, TensorType, Unfit
from market.protocol.specs import TrainSpec
from market.protocol.tensors import TensorEntry

__all__ = [
    "OperatorNotAllowed",
    "Program",
    "ProgramCost",
    "ProgramDoesNotFitJob",
    "ProgramLimits",
    "ProgramMalformed",
    "ProgramTooCostly",
    "ProgramTooLarge",
    "ProgramTooLong",
    "ShapesDoNotFit",
    "check",
    "check_fits",
    "unit_gigaflops",
]

_COPYING_VIEWS = frozenset({"aten.view.default", "aten._unsafe_view.default"})
_LOSS = TensorType(DType.F32, ())
_STEP = TensorType(DType.F32, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorNotAllowed(CommonwattError):
    """The program names an operator that is not on the allow-list."""

    operator: str
    node: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapesDoNotFit(CommonwattError):
    """An operator cannot take the arguments that the program gives it."""

    node: int
    operator: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramTooLarge(CommonwattError):
    """The program would need more memory than the limit."""

    peak_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramTooCostly(CommonwattError):
    """One step of the program would take more floating-point operations than the limit."""

    flops: int
    limit_flops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramTooLong(CommonwattError):
    """The program has more nodes than the limit."""

    nodes: int
    limit_nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramDoesNotFitJob(CommonwattError):
    """The program, the state or the dataset do not belong to this job specification."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramLimits:
    """What one step may take at most. max_bytes: peak memory of the step's tensors."""

    max_bytes: int
    max_flops: int = 10**15
    max_nodes: int = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramCost:
    """What one step takes: floating-point operations, and the most bytes of tensors alive at once."""

    flops: int
    peak_bytes: int


def check(program: Program, limits: ProgramLimits) -> ProgramCost:
    """Return what one step costs; raises a named error for the first thing that may not be."""
    if len(program.nodes) > limits.max_nodes:
        raise ProgramTooLong(nodes=len(program.nodes), limit_nodes=limits.max_nodes)
    _check_inputs(program)
    flops, known = 0, [item.type for item in program.inputs]
    for index, node in enumerate(program.nodes):
        flops += _check_node(index, node, known)
        known.extend(node.outputs)
    _check_outputs(program, known)
    peak = _peak_bytes(program, known)
    if peak > limits.max_bytes:
        raise ProgramTooLarge(peak_bytes=peak, limit_bytes=limits.max_bytes)
    if flops > limits.max_flops:
        raise ProgramTooCostly(flops=flops, limit_flops=limits.max_flops)
    return ProgramCost(flops=flops, peak_bytes=peak)


def unit_gigaflops(cost: ProgramCost, spec: TrainSpec) -> int:
    """Return what a bid must state for one unit: its FLOPs in thousands of millions, rounded up, at least one."""
    return max(1, -(-cost.flops * spec.steps_per_unit // 10**9))


def check_fits(program: Program, spec: TrainSpec, state: Sequence[TensorEntry], dataset: Sequence[TensorEntry]) -> None:
    """Raise ProgramDoesNotFitJob unless the program's inputs are this job's: its state, its windows, its dataset."""
    wanted = {item.name: item.type for item in program.inputs_of(Role.STATE)}
    held = {entry.name: entry.type for entry in state}
    for name in sorted(wanted.keys() | held.keys()):
        if wanted.get(name) != held.get(name):
            program_has, state_has = wanted.get(name, "nothing"), held.get(name, "nothing")
            _misfit("state", f"{name}: the program wants {program_has}, the state holds {state_has}")
    batch = program.inputs_of(Role.BATCH)[0].type
    if batch.shape != (spec.batch, spec.window):
        _misfit("batch", f"the program reads {batch}, the job feeds [{spec.batch}, {spec.window}]")
    _check_dataset(spec, {entry.name: entry.type for entry in dataset})


def _check_dataset(spec: TrainSpec, held: dict[str, TensorType]) -> None:
    tokens = held.get(spec.dataset_tensor)
    if tokens is None:
        _misfit("dataset_tensor", f"the dataset holds {sorted(held)[:10]}, not {spec.dataset_tensor}")
    elif len(tokens.shape) != 1 or tokens.dtype.is_float or tokens.dtype is DType.BOOL:
        _misfit("dataset_tensor", f"{spec.dataset_tensor} is {tokens}, not a list of integers")
    elif tokens.elements // max(spec.rounds) < spec.window:
        _misfit("window", f"{tokens.elements} items in {max(spec.rounds)} shards leave no window of {spec.window}")


def _misfit(field: str, reason: str) -> None:
    raise ProgramDoesNotFitJob(field=field, reason=reason)


def _check_inputs(program: Program) -> None:
    names = [item.name for item in program.inputs]
    if len(set(names)) != len(names):
        raise ProgramMalformed(where="$.inputs", reason="two inputs bear one name")
    batches, steps = program.inputs_of(Role.BATCH), program.inputs_of(Role.STEP)
    if len(batches) != 1 or batches[0].type.dtype is not DType.I64 or len(batches[0].type.shape) != 2:
        raise ProgramMalformed(where="$.inputs", reason="there must be one batch, I64 with two dimensions")
    if len(steps) != 1 or steps[0].type != _STEP:
        raise ProgramMalformed(where="$.inputs", reason="there must be one step, F32 without dimensions")
    if not program.inputs_of(Role.STATE):
        raise ProgramMalformed(where="$.inputs", reason="there is no state to train")


def _check_outputs(program: Program, known: Sequence[TensorType]) -> None:
    wanted = [item.type for item in program.inputs_of(Role.STATE)] + [_LOSS]
    if len(program.outputs) != len(wanted):
        raise ProgramMalformed(where="$.outputs", reason=f"{len(program.outputs)} values instead of {len(wanted)}")
    for place, (value, kind) in enumerate(zip(program.outputs, wanted, strict=True)):
        found = known[value] if value < len(known) else "nothing"
        if found != kind:
            raise ProgramMalformed(where=f"$.outputs[{place}]", reason=f"value {value} is {found}, not {kind}")


def _check_node(index: int, node: Node, known: Sequence[TensorType]) -> int:
    operator = OPERATORS.get(node.operator)
    if operator is None:
        raise OperatorNotAllowed(operator=node.operator, node=index)
    try:
        resolved = _resolve_arguments(operator, node, known)
        inferred = operator.infer(*resolved)
        if inferred != node.outputs:
            made, declared = (", ".join(map(str, kinds[:4])) for kinds in (inferred, node.outputs))
            raise Unfit(f"makes {made}, but {declared or 'nothing'} is declared")
    except Unfit as error:
        raise ShapesDoNotFit(node=index, operator=node.operator, reason=str(error)) from error
    return operator.cost(resolved, node.outputs)


def _resolve_arguments(operator: Operator, node: Node, known: Sequence[TensorType]) -> list[Any]:
    if len(node.arguments) != len(operator.parameters):
        raise Unfit(f"takes {len(operator.parameters)} arguments, not {len(node.arguments)}")
    pairs = zip(operator.parameters, node.arguments, strict=True)
    return [_resolve(parameter, argument, known) for parameter, argument in pairs]


def _resolve(parameter: Parameter, argument: Argument, known: Sequence[TensorType]) -> Any:
    if argument is None and parameter.optional:
        return None
    if isinstance(argument, tuple):
        kind = {Kind.TENSORS: Kind.TENSOR, Kind.INTS: Kind.INT, Kind.BOOLS: Kind.BOOL}.get(parameter.kind)
        if kind is not None:
            return tuple(_resolve_one(kind, parameter.name, item, known) for item in argument)
    return _resolve_one(parameter.kind, parameter.name, argument, known)


def _resolve_one(kind: Kind, name: str, argument: Argument, known: Sequence[TensorType]) -> Any:
    if isinstance(argument, Ref):
        if kind not in (Kind.TENSOR, Kind.OPERAND):
            raise Unfit(f"{name} is not a tensor's place")
        if argument.value >= len(known):
            raise Unfit(f"{name} refers to value {argument.value}, of which only {len(known)} exist by then")
        return known[argument.value]
    if not _is_of(kind, argument):
        raise Unfit(f"{name} does not take {str(argument)[:80]}")
    return argument


def _is_of(kind: Kind, argument: Argument) -> bool:
    if isinstance(argument, bool):
        return kind is Kind.BOOL
    if isinstance(argument, int):
        return kind in (Kind.INT, Kind.NUMBER, Kind.OPERAND)
    if isinstance(argument, float):
        return kind in (Kind.NUMBER, Kind.OPERAND)
    return isinstance(argument, DType) and kind is Kind.DTYPE


def _peak_bytes(program: Program, known: Sequence[TensorType]) -> int:
    """Walk the nodes in order; a storage is alive from its making until the last use of any value that lies in it."""
    homes, storages = _storages(program, known)
    last: dict[int, int] = {}
    for at, node in enumerate(program.nodes):
        last.update({homes[value]: at for value in node.references()})
    kept = [*range(len(program.inputs)), *(homes[value] for value in program.outputs)]
    last.update(dict.fromkeys(kept, len(program.nodes)))
    alive = peak = sum(storages[homes[value]] for value in range(len(program.inputs)))
    dying: dict[int, list[int]] = {}
    for home, at in last.items():
        dying.setdefault(at, []).append(home)
    value = len(program.inputs)
    for at, node in enumerate(program.nodes):
        born = [number for number in range(value, value + len(node.outputs)) if homes[number] == number]
        value += len(node.outputs)
        alive += sum(storages[number] for number in born)
        peak = max(peak, alive)
        unused = sum(storages[number] for number in born if number not in last)
        alive -= unused + sum(storages[home] for home in dying.get(at, ()))
    return peak


def _storages(program: Program, known: Sequence[TensorType]) -> tuple[list[int], dict[int, int]]:
    """Return for every value the value in whose memory it lies, and for each of those its bytes."""
    homes = list(range(len(program.inputs)))
    dense = [True] * len(homes)
    for node in program.nodes:
        storage = OPERATORS[node.operator].storage
        sources = list(node.references())
        in_order = storage is Storage.FRESH or all(dense[source] for source in sources)
        shares = storage is Storage.VIEW and (in_order or node.operator not in _COPYING_VIEWS)
        kept = in_order and (storage is not Storage.VIEW or node.operator in _COPYING_VIEWS)
        for _ in node.outputs:
            homes.append(homes[sources[0]] if shares else len(homes))
            dense.append(kept or (not shares and storage is Storage.VIEW))
    return homes, {home: known[home].bytes for home in set(homes)}
