"""Convolutions by their recipes beside PyTorch's: odd sizes, strides, margins, dilation, groups, one dimension."""

from typing import Any

import pytest
import torch

from tests.unit.exact_recipes.recipe_samples import by_recipe, by_torch, recipe_program

# input, weight, stride, padding, dilation, groups
SHAPES = [
    ((2, 3, 7, 5), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 3, 9, 7), (4, 3, 3, 2), (2, 2), (1, 0), (1, 1), 1),
    ((1, 2, 9, 8), (3, 2, 3, 3), (2, 1), (2, 2), (2, 2), 1),
    ((3, 4, 6, 6), (4, 1, 3, 3), (1, 2), (1, 1), (1, 1), 4),
    ((2, 4, 5, 5), (6, 2, 2, 2), (3, 2), (0, 1), (1, 2), 2),
    ((2, 5, 4, 4), (2, 5, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 3, 11), (4, 3, 3), (2,), (1,), (1,), 1),
    ((1, 4, 8), (4, 2, 3), (1,), (2,), (2,), 2),
]


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def forward(case: Any, bias: bool) -> list[Any]:
    x, weight, stride, padding, dilation, groups = case
    still = (0,) * len(stride)
    given = drawn(weight[0]) if bias else None
    return [drawn(*x), drawn(*weight), given, stride, padding, dilation, False, still, groups]


def backward(case: Any, mask: tuple[bool, bool, bool]) -> list[Any]:
    x, weight, _, *settings = forward(case, bias=False)
    made = by_torch("aten.convolution.default", x, weight, None, *settings)[0]
    return [drawn(*made.shape), x, weight, (weight.shape[0],), *settings, mask]


def close(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> bool:
    return all(torch.allclose(a, b, rtol=1e-5, atol=1e-5) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("case", SHAPES)
def test_a_convolution_is_the_one_of_torch(case: Any, bias: bool) -> None:
    arguments = forward(case, bias)

    assert close(by_recipe("aten.convolution.default", *arguments), by_torch("aten.convolution.default", *arguments))


@pytest.mark.parametrize("case", SHAPES)
def test_its_three_gradients_are_those_of_torch(case: Any) -> None:
    name, arguments = "aten.convolution_backward.default", backward(case, (True, True, True))

    assert close(by_recipe(name, *arguments), by_torch(name, *arguments))


@pytest.mark.parametrize(
    "mask", [(False, True, True), (True, False, False), (False, True, False), (False, False, True)]
)
def test_only_the_gradients_asked_for_are_made(mask: tuple[bool, bool, bool]) -> None:
    name, arguments = "aten.convolution_backward.default", backward(SHAPES[1], mask)

    assert len(by_recipe(name, *arguments)) == sum(mask)
    assert close(by_recipe(name, *arguments), by_torch(name, *arguments))


def test_strided_inputs_are_read_where_they_lie() -> None:
    _, weight, _, *settings = forward(SHAPES[0], bias=False)
    x = drawn(2, 7, 5, 3).permute(0, 3, 1, 2)

    assert close(
        by_recipe("aten.convolution.default", x, weight, None, *settings),
        by_torch("aten.convolution.default", x, weight, None, *settings),
    )


def test_a_convolution_costs_five_leaves_with_its_bias() -> None:
    program, _ = recipe_program("aten.convolution.default", *forward(SHAPES[0], bias=True))

    assert [leaf.op.name for leaf in program.leaves] == ["COPY", "COPY", "COPY", "CHAIN", "ADD"]
