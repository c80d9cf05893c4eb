"""Every operator's recipe against PyTorch on arguments drawn at random: shapes, broadcasts, dtypes, strides."""

from random import Random
from typing import Any

import pytest

from market.protocol.exact.lower import NoRecipe
from market.protocol.exact.recipes import indexing, losses, pointwise, products, reductions, shaping
from market.protocol.exact.recipes.table import RECIPES
from market.protocol.operators import OPERATORS
from market.protocol.shapes import DType, TensorType, Unfit
from tests.unit.exact_recipes.recipe_samples import differing, real
from tests.unit.protocol.operator_samples import anything

DRAWS = 80
MODULES = (indexing, losses, pointwise, products, reductions, shaping)
NAMES = sorted(name for module in MODULES for name in module.RECIPES)
# Their integers are places in a tensor; the sweep gives them 0, their own tests give them all.
INDEXED = {*indexing.RECIPES, "aten.nll_loss_forward.default", "aten.nll_loss_backward.default"}
# Three roundings more or fewer than ATen's own order of the same operations.
RTOL, ATOL = 4e-6, 1e-6


def speaks_f64(argument: Any) -> bool:
    if isinstance(argument, tuple):
        return any(speaks_f64(item) for item in argument)
    return argument is DType.F64 or (isinstance(argument, TensorType) and argument.dtype is DType.F64)


def drawn(name: str, random: Random) -> list[Any] | None:
    """Fitting arguments without float64, as tensors; None where this draw has none."""
    arguments = anything(name, random)
    try:
        OPERATORS[name].infer(*arguments)
    except (Unfit, IndexError):
        return None
    integers = 1 if name in INDEXED else 5
    return None if speaks_f64(tuple(arguments)) else [real(item, random, integers=integers) for item in arguments]


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_gives_what_torch_gives(name: str) -> None:
    random, tried, faults = Random(name), 0, []
    for _ in range(DRAWS):
        arguments = drawn(name, random)
        if arguments is None:
            continue
        try:
            faults.append(differing(name, *arguments, rtol=RTOL, atol=ATOL))
            tried += 1
        except NoRecipe as refusal:
            assert "integers are not added by an index" in str(refusal)
    assert [fault for fault in faults if fault] == []
    assert tried >= 5


def test_every_allowed_operator_has_a_recipe() -> None:
    assert set(RECIPES) == set(OPERATORS)


def test_no_operator_has_two_recipes() -> None:
    assert len(NAMES) == len(set(NAMES))
