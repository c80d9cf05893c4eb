"""The operator table against torch itself: what the market works out without torch is what torch would do."""

from random import Random
from typing import Any

import pytest
import torch

from market.protocol.operators import OPERATORS
from market.protocol.shapes import DType, TensorType, Unfit
from tests.unit.protocol.operator_samples import FITTING, anything, fitting
from worker.engine import aten

DRAWS = 150
IMAGE, FILTERS = TensorType(DType.F32, (2, 3, 8, 8)), TensorType(DType.F32, (5, 3, 3, 3))
CONVOLUTION: list[Any] = [IMAGE, FILTERS, None, (2, 2), (1, 1), (1, 1), False, (0, 0), 1]
NAMES = sorted(OPERATORS)
MASKED = "aten.convolution_backward.default"  # torch gives something for every gradient, asked for or not


def real(argument: Any, *, seed: int = 0) -> Any:
    """The argument as torch takes it; integers are small enough to be an index of anything."""
    if isinstance(argument, TensorType):
        chance = torch.Generator().manual_seed(seed)
        if argument.dtype.is_float:
            made = torch.rand(argument.shape, generator=chance) + 0.1
            return made.to(aten.DTYPES[argument.dtype])
        return torch.zeros(argument.shape, dtype=aten.DTYPES[argument.dtype])
    if isinstance(argument, DType):
        return aten.DTYPES[argument]
    return [real(item) for item in argument] if isinstance(argument, tuple) else argument


def by_torch(name: str, arguments: list[Any]) -> tuple[TensorType, ...]:
    """The output types that torch gives, through the full overload."""
    results = called(aten.overload(name), name, arguments)
    return tuple(aten.type_of(result) for result in results)


def called(call: Any, name: str, arguments: list[Any]) -> tuple[torch.Tensor, ...]:
    bound, places = aten.binding(name), OPERATORS[name].parameters
    values = [real(argument, seed=at) for at, argument in enumerate(arguments)]
    named = {place.name: value for place, value in list(zip(places, values, strict=True))[bound.positional :]}
    results = call(*values[: bound.positional], **named)
    every = tuple(results) if isinstance(results, tuple | list) else (results,)
    if name == MASKED and call is aten.overload(name):
        return tuple(item for item, wanted in zip(every, arguments[-1], strict=True) if wanted)
    return every


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().numpy().tobytes()


def inferred(name: str, arguments: list[Any]) -> tuple[TensorType, ...] | None:
    try:
        return OPERATORS[name].infer(*arguments)
    except Unfit:
        return None


@pytest.mark.parametrize("name", NAMES)
def test_what_a_rule_accepts_torch_computes_with_the_same_types(name: str) -> None:
    random, accepted = Random(name), 0
    for _ in range(DRAWS):
        arguments = anything(name, random)
        types = inferred(name, arguments)
        if types is not None:
            accepted += 1
            assert types == by_torch(name, arguments), arguments

    assert accepted >= 3


@pytest.mark.parametrize("name", sorted(FITTING))
def test_what_fits_by_construction_is_accepted(name: str) -> None:
    random = Random(name)
    for _ in range(DRAWS // 5):
        arguments = FITTING[name](random)
        assert inferred(name, arguments) == by_torch(name, arguments), arguments


@pytest.mark.parametrize("name", [name for name in NAMES if name in aten.QUICK])
def test_the_short_way_into_a_kernel_gives_the_same_bits(name: str) -> None:
    random, compared = Random(name), 0
    for _ in range(DRAWS):
        arguments = fitting(name, random) or anything(name, random)
        if inferred(name, arguments) is not None:
            compared += 1
            pairs = zip(
                called(aten.QUICK[name], name, arguments),
                called(aten.overload(name), name, arguments),
                strict=True,
            )
            assert all(bits(ours) == bits(theirs) for ours, theirs in pairs), arguments

    assert compared >= 3


def test_no_operator_draws_random_numbers_or_writes_into_its_arguments() -> None:
    for name in NAMES:
        overload = aten.overload(name)
        tags = set(overload.tags)
        assert torch.Tag.nondeterministic_seeded not in tags, name
        assert not overload._schema.is_mutable, name


def test_every_argument_that_a_program_leaves_out_has_a_default() -> None:
    for name in NAMES:
        said = {parameter.name for parameter in OPERATORS[name].parameters}
        unsaid = [item for item in aten.overload(name)._schema.arguments if item.name not in said]
        assert all(item.has_default_value() and item.kwarg_only for item in unsaid), name


@pytest.mark.parametrize(
    ("name", "arguments", "flops"),
    [
        ("aten.mm.default", [TensorType(DType.F32, (3, 5)), TensorType(DType.F32, (5, 7))], 2 * 3 * 5 * 7),
        ("aten.bmm.default", [TensorType(DType.F32, (2, 3, 5)), TensorType(DType.F32, (2, 5, 7))], 2 * 2 * 3 * 5 * 7),
        ("aten.mul.Tensor", [TensorType(DType.F32, (4, 6)), 2.0], 24),
        ("aten.view.default", [TensorType(DType.F32, (4, 6)), (24,)], 0),
        ("aten.sum.default", [TensorType(DType.F32, (4, 6)), None], 24),
        ("aten.convolution.default", CONVOLUTION, 2 * (2 * 5 * 4 * 4) * 3 * 9),
        (
            "aten.max_pool2d_with_indices.default",
            [TensorType(DType.F32, (1, 2, 6, 6)), (3, 3), (), (0, 0), (1, 1), False],
            72,
        ),
    ],
)
def test_flops_are_those_of_the_textbook(name: str, arguments: list[Any], flops: int) -> None:
    operator = OPERATORS[name]

    assert operator.cost(arguments, operator.infer(*arguments)) == flops


@pytest.mark.parametrize(
    ("at", "argument", "reason"),
    [
        (0, TensorType(DType.F32, (3, 8, 8)), "does not filter"),
        (2, TensorType(DType.F32, (3,)), "not a bias"),
        (3, (0, 1), "stride"),
        (4, (-1, 0), "padding"),
        (5, (5, 5), "larger than"),
        (6, True, "transposed"),
        (7, (1, 0), "output_padding"),
        (8, 2, "groups"),
        (8, 0, "groups"),
    ],
)
def test_a_convolution_that_does_not_fit_says_why(at: int, argument: Any, reason: str) -> None:
    arguments = [*CONVOLUTION[:at], argument, *CONVOLUTION[at + 1 :]]

    with pytest.raises(Unfit, match=reason):
        OPERATORS["aten.convolution.default"].infer(*arguments)


def test_a_single_part_is_no_list() -> None:
    x = torch.arange(6.0).view(1, 6)

    for name, how in (
        ("aten.unbind.int", 0),
        ("aten.split.Tensor", 6),
        ("aten.split_with_sizes.default", [1]),
    ):
        assert isinstance(aten.binding(name).call(x, how), torch.Tensor), name


def test_an_index_outside_its_plane_never_reaches_torch() -> None:
    x, grad = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)

    for place in (-1, 16):
        indices = torch.full((1, 1, 2, 2), place)
        with pytest.raises(IndexError, match="outside its plane"):
            aten.binding("aten.max_pool2d_with_indices_backward.default").call(
                grad, x, [2, 2], [2, 2], [0, 0], [1, 1], False, indices
            )
