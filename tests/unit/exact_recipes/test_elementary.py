"""Elementary functions against float64: units in the last place over dense sweeps, special values, order, leaves."""

from collections.abc import Callable
from math import erf as true_erf
from typing import Any

import numpy as np
import pytest
import torch

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import Slot, WordType
from market.protocol.exact.lower import NoRecipe
from market.protocol.exact.recipes import elementary
from tests.support.exact_numpy import evaluate
from tests.unit.exact_recipes.recipe_samples import differing

F = np.float32
Function = Callable[[Builder, Tensor], Tensor]
Real = Callable[[Any], Any]
SPECIAL = np.array(
    [0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1.1754944e-38, 3.4028235e38, -3.4028235e38, 1, -1, 0.5, -0.5],
    F,
)


def by_leaves(function: Callable[..., Tensor], *inputs: np.ndarray) -> tuple[np.ndarray, int]:
    """What the leaves make of the inputs, and how many leaves there are."""
    count = len(inputs[0])
    b = Builder([Slot(name=f"x{at}", type=WordType.F32, shape=(count,)) for at in range(len(inputs))])
    program = b.finish([], function(b, *(b.input(at) for at in range(len(inputs)))))
    return evaluate(program, list(inputs))[program.loss].view(F), len(program.leaves)


def sweep(low: float, high: float) -> np.ndarray:
    """Floats of every size between the bounds, evenly by their bits, and more of them near zero."""
    words = np.arange(0, 0x7F800000, 40009, dtype=np.uint32).view(F)
    both = np.concatenate([words, -words, np.linspace(max(low, -9), min(high, 9), 40001).astype(F)])
    return both[(both >= low) & (both <= high)]


def units(made: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How far results are from the true values, in units in the last place of the nearest float."""
    with np.errstate(all="ignore"):
        nearest = wanted.astype(F)
        step = np.spacing(np.minimum(np.abs(nearest), F(3e38))).astype(np.float64)
        far = np.abs(made.astype(np.float64) - wanted) / step
    return np.where((made == nearest) & ~np.isfinite(nearest), 0.0, far)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


# function, the truth, from, to, units in the last place, leaves
CASES: dict[str, tuple[Function, Real, float, float, float, int]] = {
    "exp": (elementary.exp, np.exp, -105, 90, 1.6, 20),
    "log": (elementary.log, np.log, 1e-45, 3.4e38, 1.2, 28),
    "tanh": (elementary.tanh, np.tanh, -20, 20, 5.0, 17),
    "tanh below 5": (elementary.tanh, np.tanh, -5, 5, 4.5, 17),
    "erf": (elementary.erf, np.vectorize(true_erf), -6, 6, 5.0, 19),
    "sigmoid": (elementary.sigmoid, sigmoid, -88, 105, 2.7, 22),
    "silu": (elementary.silu, lambda x: x * sigmoid(x), -88, 105, 2.7, 22),
    "sin": (elementary.sin, np.sin, -1e5, 1e5, 1.7, 17),
    "cos": (elementary.cos, np.cos, -1e5, 1e5, 1.9, 19),
    "rsqrt": (elementary.rsqrt, lambda x: 1 / np.sqrt(x), 1e-45, 3.4e38, 1.5, 2),
    "reciprocal": (elementary.reciprocal, lambda x: 1 / x, 3e-39, 1e38, 0.5, 1),
}


PLAIN = ["exp", "log", "tanh", "erf", "sigmoid", "silu", "sin", "cos", "rsqrt", "reciprocal", "floor", "ceil", "round"]


@pytest.mark.parametrize("name", CASES)
def test_results_are_within_a_few_units_in_the_last_place(name: str) -> None:
    function, truth, low, high, most, leaves = CASES[name]
    x = sweep(low, high)

    made, count = by_leaves(function, x)

    with np.errstate(all="ignore"):
        assert units(made, truth(x.astype(np.float64))).max() <= most
    assert count == leaves


@pytest.mark.parametrize(
    "name",
    ["exp", "log", "tanh", "erf", "sigmoid", "silu", "sin", "cos", "rsqrt", "reciprocal", "floor", "ceil", "round"],
)
def test_special_values_are_those_of_torch(name: str) -> None:
    x = torch.from_numpy(SPECIAL)
    # Far outside the range of sin and cos only the meaning is fixed.
    x = x[~(x.abs() > 1e38) | x.isinf()] if name in {"sin", "cos"} else x

    assert not differing(f"aten.{name}.default", x, rtol=4e-7)


@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid"])
def test_what_rises_never_falls_by_more_than_its_error(name: str) -> None:
    function, _, low, high, most, _ = CASES[name]
    made, _ = by_leaves(function, np.sort(sweep(low, min(high, 88))))

    fall = made[:-1].astype(np.float64) - made[1:]
    assert (fall <= 2 * most * np.spacing(np.abs(made[1:]))).all()


@pytest.mark.parametrize("function", [elementary.tanh, elementary.erf])
def test_what_ends_at_one_never_passes_it(function: Function) -> None:
    made, _ = by_leaves(function, np.concatenate([np.linspace(3, 12, 90001).astype(F), F([50, 1e20, 3e38, np.inf])]))

    assert made.max() == 1
    assert (made[-4:] == 1).all()


def test_results_of_exp_below_the_normal_floats_are_rounded_once() -> None:
    x = np.linspace(-104, -87, 20001).astype(F)

    made, _ = by_leaves(elementary.exp, x)

    assert np.abs(made.astype(np.float64) - np.exp(x.astype(np.float64))).max() <= 2.0**-149 * 1.01


@pytest.mark.parametrize("base", [0.5, 0.9, 0.98, 0.999, 2.0, 10000.0])
def test_powers_of_a_constant_keep_their_digits(base: float) -> None:
    x = np.concatenate([np.arange(0, 20001), np.linspace(-60, 60, 10001)]).astype(F)

    made, _ = by_leaves(lambda b, item: elementary.power_of_constant(b, base, item), x)

    with np.errstate(over="ignore"):
        assert units(made, np.power(base, x.astype(np.float64))).max() <= 1.5


@pytest.mark.parametrize("base", [0.0, -1.0, float("inf"), float("nan")])
def test_powers_of_other_constants_have_no_recipe(base: float) -> None:
    with pytest.raises(NoRecipe, match="a power of"):
        by_leaves(lambda b, item: elementary.power_of_constant(b, base, item), SPECIAL)


@pytest.mark.parametrize("exponent", [2, 3, 0.5, -0.5, -1, -2, 1, 0, 2.0, 4, 5, 16])
def test_powers_by_products_and_roots_are_those_of_torch(exponent: float) -> None:
    x = torch.from_numpy(np.concatenate([sweep(0, 1e6)[::50], SPECIAL[:2]]))

    assert not differing("aten.pow.Tensor_Scalar", x, exponent, rtol=1e-6)


@pytest.mark.parametrize("exponent", [17, -21, -3, 1.5, -0.25])
def test_other_powers_are_near_those_of_torch(exponent: float) -> None:
    x = torch.from_numpy(np.concatenate([sweep(-1e4, 1e4)[::50], SPECIAL]))

    assert not differing("aten.pow.Tensor_Scalar", x, exponent, rtol=2e-5)


def test_powers_of_two_tensors_are_near_those_of_torch() -> None:
    values = torch.tensor([-3.0, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0, float("inf"), float("nan")])

    assert not differing("aten.pow.Tensor_Tensor", values.unsqueeze(1), values.clone(), rtol=1e-6)


@pytest.mark.parametrize("name", ["floor", "ceil", "round"])
def test_roundings_are_those_of_torch(name: str) -> None:
    x = torch.from_numpy(np.concatenate([sweep(-3e38, 3e38), F([2.5, 3.5, -2.5, 4194304.5, -4194305.5, 2.0**31])]))

    assert not differing(f"aten.{name}.default", x)


@pytest.mark.parametrize("name", ["sigmoid_backward", "tanh_backward", "silu_backward"])
def test_gradients_are_those_of_torch(name: str) -> None:
    chance = torch.Generator().manual_seed(1)
    grad, y = torch.randn(4, 50, generator=chance), torch.rand(4, 50, generator=chance) * 2 - 1

    assert not differing(f"aten.{name}.default", grad, y, rtol=1e-6, atol=1e-6)
