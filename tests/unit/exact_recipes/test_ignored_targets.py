"""A target to be ignored names no class: the loss and its gradient are PyTorch's, and nothing is read for it."""

from itertools import product
from typing import Any

import pytest
import torch
from torch.nn import functional

from market.protocol.exact.leaf import Op
from tests.unit.exact_recipes.recipe_samples import by_recipe, differing, recipe_program

IGNORED = -100
GENERATOR = torch.Generator().manual_seed(4)
LOGITS = torch.randn((6, 5), generator=GENERATOR).log_softmax(1)
CLASSES = torch.rand(5, generator=GENERATOR)
TARGETS = torch.tensor([1, IGNORED, 4, 0, IGNORED, 2])
NONE, MEAN, SUM = 0, 1, 2
EVERY = list(product((None, CLASSES), (NONE, MEAN, SUM)))


@pytest.mark.parametrize(("weight", "reduction"), EVERY)
def test_a_loss_with_ignored_targets_is_that_of_torch(weight: torch.Tensor | None, reduction: int) -> None:
    arguments = (LOGITS, TARGETS, weight, reduction, IGNORED)
    assert differing("aten.nll_loss_forward.default", *arguments, rtol=4e-6, atol=1e-6) == ""


@pytest.mark.parametrize(("weight", "reduction"), EVERY)
def test_a_gradient_with_ignored_targets_is_that_of_torch(weight: torch.Tensor | None, reduction: int) -> None:
    gradient = torch.randn(6, generator=GENERATOR) if reduction == NONE else torch.tensor(0.7)
    _, total = torch.ops.aten.nll_loss_forward(LOGITS, TARGETS, weight, reduction, IGNORED)
    arguments = (gradient, LOGITS, TARGETS, weight, reduction, IGNORED, total)
    assert differing("aten.nll_loss_backward.default", *arguments, rtol=4e-6, atol=1e-6) == ""


def test_a_loss_whose_targets_are_all_ignored_is_that_of_torch() -> None:
    targets = torch.full((6,), IGNORED)
    loss, total = by_recipe("aten.nll_loss_forward.default", LOGITS, targets, None, MEAN, IGNORED)
    wanted = functional.nll_loss(LOGITS, targets, ignore_index=IGNORED)
    assert (bool(loss.isnan()), bool(wanted.isnan()), total.item()) == (True, True, 0.0)


def test_a_class_can_be_the_ignored_one() -> None:
    targets = torch.tensor([1, 3, 4, 0, 3, 2])
    assert differing("aten.nll_loss_forward.default", LOGITS, targets, CLASSES, MEAN, 3, rtol=4e-6) == ""


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("aten.nll_loss_forward.default", (LOGITS, TARGETS, CLASSES, MEAN, IGNORED)),
        (
            "aten.nll_loss_backward.default",
            (torch.tensor(1.0), LOGITS, TARGETS, CLASSES, MEAN, IGNORED, torch.tensor(4.0)),
        ),
    ],
)
def test_nothing_is_read_by_a_target_that_names_no_class(name: str, arguments: tuple[Any, ...]) -> None:
    """A machine stops where an index lies outside its table, as PyTorch does."""
    program, _ = recipe_program(name, *arguments)
    first = len(program.inputs)
    for leaf in program.leaves:
        if leaf.op is Op.GATHER:
            index = program.leaves[leaf.operands[1].source - first]
            assert index.op is Op.SELECT
