"""Lowering refuses by name: the node, the operator, the reason."""

from dataclasses import replace

import pytest

from market.protocol.exact.lower import CannotLower, lower
from market.protocol.exact.recipes.table import RECIPES, exact_program
from market.protocol.graph import Program, Ref
from market.protocol.shapes import DType
from tests.unit.protocol.program_samples import small, tensor, with_node


def refusal(program: Program) -> CannotLower:
    with pytest.raises(CannotLower) as caught:
        exact_program(program)
    return caught.value


def test_the_small_program_becomes_leaves() -> None:
    program = exact_program(small())

    assert [slot.name for slot in program.inputs] == ["weight", "batch", "step"]
    assert program.elements_of(program.loss) == 1


def test_an_operator_without_a_recipe_is_named() -> None:
    error = refusal(with_node(1, operator="aten.svd.default"))

    assert (error.node, error.operator, error.reason) == (1, "aten.svd.default", "it has no recipe")


def test_a_recipe_that_is_taken_away_is_missed() -> None:
    fewer = {name: recipe for name, recipe in RECIPES.items() if name != "aten.mm.default"}

    with pytest.raises(CannotLower) as caught:
        lower(small(), fewer)

    assert (caught.value.node, caught.value.operator) == (0, "aten.mm.default")


def test_a_node_that_makes_float64_is_named() -> None:
    error = refusal(
        with_node(
            1, operator="aten._to_copy.default", arguments=(Ref(3), DType.F64), outputs=(tensor(dtype=DType.F64),)
        )
    )

    assert (error.node, error.operator) == (1, "aten._to_copy.default")
    assert "F64" in error.reason


def test_a_state_of_float64_is_named() -> None:
    program = small()
    state = replace(program.inputs[0], type=tensor(2, 2, dtype=DType.F64))

    error = refusal(replace(program, inputs=(state, *program.inputs[1:])))

    assert (error.operator, "weight" in error.reason) == ("inputs", True)


def test_an_argument_that_words_cannot_hold_is_named_with_its_node() -> None:
    error = refusal(
        with_node(
            1, operator="aten.add.Tensor", arguments=(Ref(1), 1 << 40, 1), outputs=(tensor(2, 3, dtype=DType.I64),)
        )
    )

    assert (error.node, error.operator) == (1, "aten.add.Tensor")
    assert "32-bit" in error.reason


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 1, 0), (0, 1), (0, 2), (0, 1, 1), (0, 1, 2, 2), ()])
def test_inputs_in_other_roles_are_refused(order: tuple[int, ...]) -> None:
    program = small()

    assert refusal(replace(program, inputs=tuple(program.inputs[at] for at in order))).operator == "inputs"


def test_outputs_that_are_not_state_and_loss_are_refused() -> None:
    assert refusal(replace(small(), outputs=(5,))).operator == "outputs"


def test_a_step_that_becomes_the_state_is_copied_first() -> None:
    program = small()
    state = replace(program.inputs[0], type=tensor())
    only = replace(program, inputs=(state, *program.inputs[1:]), nodes=(), outputs=(2, 2))

    exact = exact_program(only)

    assert exact.outputs[0] >= len(exact.inputs)


def test_state_slots_come_in_the_order_of_their_names() -> None:
    program = small()
    extra = replace(program.inputs[0], name="bias")
    weight, batch, step = program.inputs
    nodes = (
        replace(program.nodes[0], arguments=(Ref(0), Ref(1))),
        replace(program.nodes[1], arguments=(Ref(4), 0.5, 1)),
        replace(program.nodes[2], arguments=(Ref(5), None)),
    )

    exact = exact_program(replace(program, inputs=(weight, extra, batch, step), nodes=nodes, outputs=(5, 1, 6)))

    assert [slot.name for slot in exact.state_slots] == ["bias", "weight"]
    assert exact.outputs[0] == 0
    assert exact.outputs[1] > 3


def test_leaves_of_too_many_dimensions_are_refused() -> None:
    program, shape = small(), (2, 2, 2, 2, 2, 2, 2, 16)
    state = replace(program.inputs[0], type=tensor(*shape))
    turned = (6, 5, 4, 3, 2, 1, 0, 7)
    nodes = (
        replace(
            program.nodes[0], operator="aten.permute.default", arguments=(Ref(0), turned), outputs=(tensor(*shape),)
        ),
        replace(
            program.nodes[0],
            operator="aten.sum.dim_IntList",
            arguments=(Ref(3), (7,), True, None),
            outputs=(tensor(*shape[:7], 1),),
        ),
        replace(program.nodes[0], operator="aten.mul.Tensor", arguments=(Ref(0), Ref(4)), outputs=(tensor(*shape),)),
        replace(program.nodes[2], arguments=(Ref(5), None)),
    )

    error = refusal(replace(program, inputs=(state, *program.inputs[1:]), nodes=nodes, outputs=(5, 6)))

    assert error.operator == "program"
    assert "9 dimensions" in error.reason
