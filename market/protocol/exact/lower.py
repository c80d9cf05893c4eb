"""From a program of ATen operators to an exact program: every operator by its recipe.

Decides how a graph is walked and how a refusal is named. The meaning of an operator stands in `recipes`; an operator
without a recipe, or arguments that its recipe does not take, refuse the whole program before any money moves. Pure:
market, buyer, worker and verifier lower the same program to the same leaves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from market.protocol.errors import CommonwattError
from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import BadLeaf, ExactProgram, Slot, WordType, check_program
from market.protocol.graph import Argument, Input, Node, Program, Ref, Role
from market.protocol.shapes import DType

MAX_LEAVES = 1 << 17  # seconds of lowering; a language model for text by characters has 687

_WORDS = {
    DType.F32: WordType.F32,
    DType.BOOL: WordType.I32,
    DType.U8: WordType.I32,
    DType.I32: WordType.I32,
    DType.I64: WordType.I32,
}


class NoRecipe(ValueError):
    """What a recipe cannot do; the message says why. `lower` turns it into an error that names the node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotLower(CommonwattError):
    """An operator of the program has no exact meaning as it is used."""

    node: int
    operator: str
    reason: str


# A recipe takes the builder, the node's declared outputs, and its arguments in the table's order: tensors as Tensor,
# the rest as the program has it. It returns one Tensor per output.
Recipe = Callable[..., tuple[Tensor, ...]]


def lower(program: Program, recipes: Mapping[str, Recipe]) -> ExactProgram:
    """Return the exact program; raises CannotLower. The program has passed `market.protocol.programs.check`.

    An exact program has its state slots in the order of their names, so that a state's root follows from the state.
    """
    order = _order(program)
    builder = Builder([_slot(program.inputs[number]) for number in order])
    values = [builder.input(order.index(number)) for number in range(len(program.inputs))]
    for at, node in enumerate(program.nodes):
        values += _apply(builder, at, node, values, recipes)
        if builder.leaf_count > MAX_LEAVES:  # before the list outgrows memory, and not after
            raise CannotLower(node=at, operator=node.operator, reason=f"the program has more than {MAX_LEAVES} leaves")
    *states, loss = (values[value] for value in program.outputs)
    exact = builder.finish([states[number] for number in order[: len(states)]], loss)
    try:
        check_program(exact)
    except BadLeaf as error:
        raise CannotLower(node=0, operator="program", reason=f"leaf {error.at}: {error.reason}") from error
    return exact


def word_type(dtype: DType) -> WordType:
    """Return how a dtype is held in words; raises NoRecipe for float64, which has none."""
    if dtype not in _WORDS:
        raise NoRecipe(f"{dtype.value} has no exact form")
    return _WORDS[dtype]


def _order(program: Program) -> list[int]:
    """Return the numbers of the inputs: state slots by name, then batch and step."""
    states = len(program.inputs) - 2
    wanted = [Role.STATE] * states + [Role.BATCH, Role.STEP]
    if states < 1 or [item.role for item in program.inputs] != wanted:
        raise CannotLower(node=0, operator="inputs", reason="the inputs are not the state, then one batch, one step")
    if len(program.outputs) != states + 1:
        raise CannotLower(node=0, operator="outputs", reason="the outputs are not the renewed state and the loss")
    by_name = sorted(range(states), key=lambda number: program.inputs[number].name)
    return [*by_name, states, states + 1]


def _slot(item: Input) -> Slot:
    dtype = item.type.dtype
    if item.role is Role.STATE and dtype not in {DType.F32, DType.I32}:
        raise CannotLower(node=0, operator="inputs", reason=f"{item.name} is {dtype.value}, and states are F32 or I32")
    return Slot(name=item.name, type=word_type(dtype), shape=item.type.shape)


def _apply(
    builder: Builder, at: int, node: Node, values: list[Tensor], recipes: Mapping[str, Recipe]
) -> tuple[Tensor, ...]:
    if node.operator not in recipes:
        raise CannotLower(node=at, operator=node.operator, reason="it has no recipe")
    try:
        for output in node.outputs:
            word_type(output.dtype)
        arguments = [_argument(argument, values) for argument in node.arguments]
        made = recipes[node.operator](builder, node.outputs, *arguments)
    except NoRecipe as error:
        raise CannotLower(node=at, operator=node.operator, reason=str(error)) from error
    for tensor, output in zip(made, node.outputs, strict=True):
        agrees = tensor.shape == output.shape and tensor.type is word_type(output.dtype)
        assert agrees, f"the recipe of {node.operator} made {tensor.type.name}{list(tensor.shape)}, not {output}"
    return made


def _argument(argument: Argument, values: list[Tensor]) -> Any:
    if isinstance(argument, Ref):
        return values[argument.value]
    return tuple(_argument(item, values) for item in argument) if isinstance(argument, tuple) else argument
