"""Poolings by their recipes beside PyTorch's: overlap, margins, dilation, ceil mode, ties, NaN."""

from typing import Any

import pytest
import torch

from market.protocol.exact.lower import NoRecipe
from tests.unit.exact_recipes.recipe_samples import by_recipe, by_torch

# kernel, stride, padding, dilation, ceil_mode
GREATEST = [
    ((2, 2), (), (0, 0), (1, 1), False),
    ((2, 2), (2, 2), (0, 0), (1, 1), True),
    ((3, 3), (2, 2), (1, 1), (1, 1), False),
    ((3, 2), (1, 2), (1, 0), (2, 1), False),
    ((3, 3), (2, 3), (1, 1), (1, 2), True),
    ((1, 3), (1, 1), (0, 1), (1, 1), False),
]
# kernel, stride, padding, ceil_mode, count_include_pad, divisor
AVERAGES = [
    ((2, 2), (), (0, 0), False, True, None),
    ((3, 3), (2, 2), (1, 1), False, True, None),
    ((3, 3), (2, 2), (1, 1), False, False, None),
    ((3, 2), (2, 2), (1, 1), True, True, None),
    ((3, 2), (2, 3), (1, 1), True, False, None),
    ((2, 2), (1, 2), (0, 0), False, True, 3),
]


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("settings", GREATEST)
def test_the_greatest_of_every_window_and_its_place_are_those_of_torch(settings: Any) -> None:
    name, x = "aten.max_pool2d_with_indices.default", drawn(2, 3, 7, 9)

    ours, theirs = by_recipe(name, x, *settings), by_torch(name, x, *settings)

    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1].long(), theirs[1])


@pytest.mark.parametrize("settings", GREATEST)
def test_the_gradient_of_a_maximum_goes_where_the_maximum_was(settings: Any) -> None:
    name, x = "aten.max_pool2d_with_indices_backward.default", drawn(2, 3, 7, 9)
    made, indices = by_torch("aten.max_pool2d_with_indices.default", x, *settings)
    arguments = [drawn(*made.shape), x, settings[0], settings[1] or settings[0], *settings[2:], indices]

    assert torch.allclose(by_recipe(name, *arguments)[0], by_torch(name, *arguments)[0], rtol=1e-6, atol=1e-6)


def test_the_first_of_equal_maxima_wins_and_a_nan_wins_over_all() -> None:
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 0, 1], x[0, 0, 2, 3] = float("nan"), -1.0
    name, settings = "aten.max_pool2d_with_indices.default", GREATEST[0]

    ours, theirs = by_recipe(name, x, *settings), by_torch(name, x, *settings)

    assert torch.equal(ours[1].long(), theirs[1])
    assert torch.equal(ours[0].isnan(), theirs[0].isnan())
    assert ours[1].flatten().tolist() == [1, 2, 8, 10]


@pytest.mark.parametrize("settings", AVERAGES)
def test_averages_are_those_of_torch(settings: Any) -> None:
    name, x = "aten.avg_pool2d.default", drawn(2, 3, 7, 9)

    assert torch.allclose(by_recipe(name, x, *settings)[0], by_torch(name, x, *settings)[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("settings", AVERAGES)
def test_the_gradient_of_an_average_is_shared_out_as_by_torch(settings: Any) -> None:
    name, x = "aten.avg_pool2d_backward.default", drawn(2, 3, 7, 9)
    grad = drawn(*by_torch("aten.avg_pool2d.default", x, *settings)[0].shape)
    arguments = [grad, x, settings[0], settings[1] or settings[0], *settings[2:]]

    assert torch.allclose(by_recipe(name, *arguments)[0], by_torch(name, *arguments)[0], rtol=1e-6, atol=1e-6)


def test_a_window_of_too_many_places_has_no_recipe() -> None:
    with pytest.raises(NoRecipe, match="more than 1024"):
        by_recipe("aten.avg_pool2d.default", torch.zeros(1, 1, 33, 33), (33, 33), (), (0, 0), False, True, None)
