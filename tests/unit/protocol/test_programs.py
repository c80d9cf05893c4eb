"""A program is refused by name, with facts, before anything runs."""

from dataclasses import replace
from typing import Any

import pytest

from market.protocol.graph import Input, Node, Ref, Role
from market.protocol.programs import (
    OperatorNotAllowed,
    ProgramCost,
    ProgramDoesNotFitJob,
    ProgramLimits,
    ProgramMalformed,
    ProgramTooCostly,
    ProgramTooLarge,
    ProgramTooLong,
    ShapesDoNotFit,
    check,
    check_fits,
    unit_gigaflops,
)
from market.protocol.shapes import DType, TensorType
from market.protocol.tensors import TensorEntry
from tests.unit.protocol.program_samples import I64, small, spec, tensor, with_node

LIMITS = ProgramLimits(max_bytes=1 << 20)


def entry(name: str, kind: TensorType) -> TensorEntry:
    return TensorEntry(name=name, type=kind, begin=0, end=kind.bytes)


STATE = [entry("weight", tensor(2, 2))]
DATASET = [entry("tokens", tensor(100, dtype=DType.U8))]


def test_a_sound_program_costs_what_its_nodes_cost() -> None:
    assert check(small(), LIMITS).flops == 2 * 2 * 2 * 2 + 4 + 4


def test_peak_memory_counts_what_is_alive_at_once() -> None:
    inputs, product, renewed = 16 + 48 + 4, 16, 16

    assert check(small(), LIMITS).peak_bytes == inputs + product + renewed


def test_a_view_shares_the_memory_of_its_base() -> None:
    view = Node(operator="aten.view.default", arguments=(Ref(4), (4,)), outputs=(tensor(4),))
    mean = Node(operator="aten.mean.default", arguments=(Ref(5), None), outputs=(tensor(),))
    program = replace(small(), nodes=(*small().nodes[:2], view, mean), outputs=(4, 6))

    assert check(program, LIMITS).peak_bytes == check(small(), LIMITS).peak_bytes


def test_an_operator_that_is_not_allowed_is_named() -> None:
    with pytest.raises(OperatorNotAllowed) as refused:
        check(with_node(1, operator="aten.bernoulli.p"), LIMITS)

    assert refused.value.facts() == {"operator": "aten.bernoulli.p", "node": 1}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"arguments": (Ref(0), Ref(1))}, "wants one floating dtype|do not multiply"),
        ({"arguments": (Ref(0),)}, "takes 2 arguments, not 1"),
        ({"arguments": (Ref(0), Ref(3))}, "refers to value 3, of which only 3 exist"),
        ({"arguments": (Ref(0), 2.0)}, "mat2 does not take 2.0"),
        ({"arguments": (Ref(0), None)}, "mat2 does not take None"),
        ({"arguments": (Ref(0), (Ref(0), Ref(0)))}, "mat2 does not take"),
        ({"outputs": (tensor(2, 3),)}, r"makes F32\[2, 2\], but F32\[2, 3\] is declared"),
        ({"outputs": ()}, "but nothing is declared"),
        ({"outputs": (tensor(2, 2), tensor(2, 2))}, "is declared"),
        ({"outputs": (tensor(2, 2, dtype=DType.F64),)}, "is declared"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_with_the_node(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ShapesDoNotFit, match=reason) as refused:
        check(with_node(0, **changes), LIMITS)

    assert (refused.value.node, refused.value.operator) == (0, "aten.mm.default")


def test_a_true_is_not_a_number() -> None:
    with pytest.raises(ShapesDoNotFit, match="alpha does not take True"):
        check(with_node(1, arguments=(Ref(3), 0.5, True)), LIMITS)


def test_too_much_memory_is_refused_with_both_figures() -> None:
    cost = check(small(), LIMITS)

    with pytest.raises(ProgramTooLarge) as refused:
        check(small(), ProgramLimits(max_bytes=cost.peak_bytes - 1))

    assert refused.value.facts() == {"peak_bytes": cost.peak_bytes, "limit_bytes": cost.peak_bytes - 1}


def test_too_many_operations_are_refused() -> None:
    with pytest.raises(ProgramTooCostly):
        check(small(), ProgramLimits(max_bytes=1 << 20, max_flops=23))


def test_too_many_nodes_are_refused() -> None:
    with pytest.raises(ProgramTooLong):
        check(small(), ProgramLimits(max_bytes=1 << 20, max_nodes=2))


def test_one_node_cannot_make_a_billion_tensors() -> None:
    huge = Node(operator="aten.full.default", arguments=((1 << 30,), 0.0, None), outputs=(tensor(1 << 30),))
    unbound = Node(operator="aten.unbind.int", arguments=(Ref(3), 0), outputs=(tensor(),))
    program = replace(small(), nodes=(huge, unbound), outputs=(0, 4))

    with pytest.raises(ShapesDoNotFit, match="more than 1024"):
        check(program, ProgramLimits(max_bytes=1 << 50))


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (small().inputs[1:], "no state"),
        (small().inputs[:2], "one step"),
        ((small().inputs[0], small().inputs[2]), "one batch"),
        ((*small().inputs, Input(role=Role.STATE, name="weight", type=tensor(2))), "two inputs bear one name"),
        ((small().inputs[0], replace(small().inputs[1], type=tensor(2, 3)), small().inputs[2]), "one batch, I64"),
        ((*small().inputs[:2], replace(small().inputs[2], type=tensor(1))), "one step, F32 without"),
    ],
)
def test_inputs_that_are_no_training_step_are_refused(inputs: tuple[Input, ...], reason: str) -> None:
    with pytest.raises(ProgramMalformed, match=reason):
        check(replace(small(), inputs=inputs), LIMITS)


@pytest.mark.parametrize("outputs", [(4,), (5, 4), (4, 5, 5), (4, 99), ()])
def test_outputs_must_be_every_new_state_and_the_loss(outputs: tuple[int, ...]) -> None:
    with pytest.raises(ProgramMalformed, match="outputs"):
        check(replace(small(), outputs=outputs), LIMITS)


def test_a_program_fits_the_job_it_was_made_for() -> None:
    check_fits(small(), spec(), STATE, DATASET)


@pytest.mark.parametrize(
    ("job", "state", "dataset", "field"),
    [
        (spec(), [entry("weight", tensor(2, 3))], DATASET, "state"),
        (spec(), [entry("weight", tensor(2, 2, dtype=I64))], DATASET, "state"),
        (spec(), [*STATE, entry("extra", tensor(1))], DATASET, "state"),
        (spec(), [], DATASET, "state"),
        (spec(batch=3), STATE, DATASET, "batch"),
        (spec(window=4), STATE, DATASET, "batch"),
        (spec(dataset_tensor="text"), STATE, DATASET, "dataset_tensor"),
        (spec(), STATE, [entry("tokens", tensor(10, 10, dtype=DType.U8))], "dataset_tensor"),
        (spec(), STATE, [entry("tokens", tensor(100))], "dataset_tensor"),
        (spec(), STATE, [entry("tokens", tensor(5, dtype=DType.U8))], "window"),
    ],
)
def test_a_job_that_does_not_fit_its_program_is_refused(
    job: Any, state: list[TensorEntry], dataset: list[TensorEntry], field: str
) -> None:
    with pytest.raises(ProgramDoesNotFitJob) as refused:
        check_fits(small(), job, state, dataset)

    assert refused.value.field == field


@pytest.mark.parametrize(("flops", "gigaflops"), [(1, 1), (250_000_000, 1), (250_000_001, 2), (10**9, 4)])
def test_gigaflops_of_a_unit_are_rounded_up(flops: int, gigaflops: int) -> None:
    assert unit_gigaflops(ProgramCost(flops=flops, peak_bytes=0), spec(steps_per_unit=4)) == gigaflops
