"""What chance does not draw: indices of every place, numbers at the edge, long rows, wrapping integers."""

import math
from typing import Any

import pytest
import torch

from market.protocol.exact.build import Builder
from market.protocol.exact.leaf import Op, Slot, WordType
from market.protocol.exact.lower import NoRecipe
from market.protocol.exact.recipes import losses, shaping
from market.protocol.exact.recipes.table import RECIPES
from market.protocol.shapes import DType, TensorType
from tests.unit.exact_recipes.recipe_samples import by_recipe, differing, recipe_program

# Sums of some hundred numbers in another order than ATen's, each rounded once.
RTOL, ATOL = 1e-5, 2e-6
NAN, INF = math.nan, math.inf
EDGES = torch.tensor([0.0, -0.0, 1.0, -1.5, 1e-42, -3e38, 3e38, INF, -INF, NAN])


def numbers(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def places(*shape: int, below: int, seed: int = 2) -> torch.Tensor:
    return torch.randint(0, below, shape, generator=torch.Generator().manual_seed(seed))


def ops(name: str, *arguments: Any) -> list[Op]:
    return [leaf.op for leaf in recipe_program(name, *arguments)[0].leaves]


LOGITS, TARGETS, CLASSES = numbers(9, 5).log_softmax(1), places(9, below=5), numbers(5, seed=3).abs()
CASES: list[tuple[str, tuple[Any, ...]]] = [
    ("aten.embedding.default", (numbers(7, 5), places(2, 3, below=7), -1, False, False)),
    ("aten.embedding.default", (numbers(5, 7).t(), places(4, below=7), 3, False, False)),
    ("aten.embedding.default", (numbers(7, 5), torch.tensor(6), -1, False, False)),
    ("aten.embedding_dense_backward.default", (numbers(4, 30, 5), places(4, 30, below=7), 7, -1, False)),
    ("aten.embedding_dense_backward.default", (numbers(4, 3, 5), places(4, 3, below=7), 7, 2, False)),
    ("aten.gather.default", (numbers(4, 6), 1, places(3, 8, below=6), False)),
    ("aten.gather.default", (numbers(6, 4).t(), -2, places(9, 5, below=4), False)),
    ("aten.index_select.default", (numbers(3, 5, 2), 1, places(7, below=5))),
    ("aten.index_select.default", (places(3, 5, below=100), -1, places(7, below=5))),
    ("aten.scatter_add.default", (numbers(4, 6), 1, places(4, 9, below=6), numbers(4, 9, seed=4))),
    ("aten.scatter_add.default", (numbers(4, 6, 3), 0, places(5, 4, 2, below=4), numbers(7, 5, 3, seed=4))),
    *(
        ("aten.nll_loss_forward.default", (LOGITS, TARGETS, weight, reduction, ignored))
        for weight in (None, CLASSES)
        for reduction in (0, 1, 2)
        for ignored in (-100, 2)
    ),
    ("aten.nll_loss_backward.default", (numbers(9), LOGITS, TARGETS, CLASSES, 0, 2, torch.tensor(0.0))),
    ("aten.nll_loss_backward.default", (torch.tensor(0.7), LOGITS, TARGETS, None, 1, -100, torch.tensor(9.0))),
    ("aten.nll_loss_backward.default", (torch.tensor(0.7), LOGITS, TARGETS, CLASSES, 1, 3, torch.tensor(4.5))),
    ("aten._softmax.default", (numbers(3, 100), 1, False)),
    ("aten._softmax.default", (torch.tensor([[-INF, 1.0, 2.0], [3.0, -INF, -INF]]), 1, False)),
    ("aten._log_softmax.default", (numbers(100, 3) * 30, -2, False)),
    ("aten._log_softmax_backward_data.default", (numbers(3, 40), numbers(3, 40, seed=5), 1, DType.F32)),
    ("aten._softmax_backward_data.default", (numbers(40, 3), numbers(40, 3, seed=5), 0, DType.F32)),
    ("aten.mm.default", (numbers(5, 300), numbers(7, 300, seed=6).t())),
    ("aten.mm.default", (numbers(3, 64), numbers(64, 4))),
    ("aten.bmm.default", (numbers(1, 3, 5).expand(4, 3, 5), numbers(4, 6, 5).transpose(1, 2))),
    ("aten.addmm.default", (numbers(7), numbers(5, 9), numbers(9, 7), 0.5, 2)),
    ("aten.addmm.default", (torch.full((7,), NAN), numbers(5, 9), numbers(9, 7), 0, 1)),
    ("aten.baddbmm.default", (numbers(1, 7), numbers(2, 5, 9), numbers(2, 9, 7), 1, 1)),
    ("aten.sum.dim_IntList", (numbers(20, 3, 40), (0, 2), True, None)),
    ("aten.sum.dim_IntList", (numbers(20, 3, 40), (-1, 1), False, None)),
    ("aten.sum.default", (numbers(33, 40), None)),
    ("aten.sum.default", (numbers(1, 40).expand(30, 40), None)),
    ("aten.sum.dim_IntList", (places(37, 3, below=9), (0,), False, None)),
    ("aten.sum.default", (places(37, 3, below=2) > 0, None)),
    ("aten.mean.dim", (numbers(4, 700), (1,), True, None)),
    ("aten.mean.dim", (numbers(), None, False, None)),
    ("aten.amax.default", (numbers(5, 13), (1, 0), True)),
    ("aten.amin.default", (EDGES.view(2, 5), (0,), False)),
    ("aten.amax.default", (EDGES, (), False)),
    ("aten.cumsum.default", (numbers(3, 19), 1, None)),
    ("aten.cumsum.default", (numbers(19, 3).t(), -2, None)),
    ("aten.cat.default", (tuple(numbers(2, at + 1, 3, seed=at) for at in range(11)), -2)),
    ("aten.cat.default", ((EDGES, EDGES.flip(0)), 0)),
    ("aten.stack.default", (tuple(places(2, 3, below=9, seed=at) for at in range(4)), -1)),
    ("aten.constant_pad_nd.default", (numbers(1, 2, 1, 2, 1, 2), (1, 0, 0, 1, 2, 1, 1, 1, 0, 0, 1, 2), 0.5)),
    ("aten.tril.default", (EDGES.expand(10, 10), -2)),
    ("aten.triu.default", (numbers(2, 4, 6).transpose(1, 2), 20)),
    ("aten.tril.default", (numbers(4, 6), -20)),
    ("aten.triu.default", (numbers(4, 6), -1)),
    ("aten.slice_backward.default", (numbers(2, 3), (2, 9), 1, -8, 2**63 - 1, 3)),
    ("aten.select_backward.default", (numbers(2, 3), (2, 4, 3), -2, -1)),
    ("aten.flip.default", (numbers(2, 3, 4), (0, -1))),
    ("aten.view.default", (numbers(6, 4).t(), (2, 2, -1))),
    ("aten.view.default", (numbers(6, 4).t(), (3, 8))),
    ("aten.slice.Tensor", (numbers(3, 9), -1, -7, 100, 3)),
    ("aten.split.Tensor", (numbers(7, 2), 3, 0)),
    ("aten.unbind.int", (numbers(3, 4).t(), -1)),
    ("aten.arange.start_step", (7, -9, -3, DType.F32)),
    ("aten.full.default", ((2, 3), -INF, None)),
    ("aten.full.default", ((2,), True, DType.BOOL)),
    *((f"aten.{name}.default", (EDGES,)) for name in ("neg", "abs", "relu", "sqrt", "logical_not")),
    *((f"aten.{name}.default", (EDGES[:, None], EDGES)) for name in ("maximum", "minimum")),
    *((f"aten.{name}.Tensor", (EDGES[:, None], EDGES)) for name in ("eq", "ne", "lt", "le", "gt", "ge")),
    *((f"aten.{name}.Scalar", (places(9, below=5), 2.0)) for name in ("eq", "ne", "lt", "le", "gt", "ge")),
    ("aten.clamp.default", (EDGES, -1.0, 1.0)),
    ("aten.clamp.default", (EDGES, 2.0, 1.0)),
    ("aten.threshold_backward.default", (numbers(10), EDGES, 0)),
    ("aten.lerp.Scalar", (numbers(9), numbers(9, seed=8), 1.0)),
    ("aten._to_copy.default", (EDGES, DType.BOOL)),
    ("aten._to_copy.default", (numbers(9) * 100, DType.I64)),
    ("aten._to_copy.default", (places(9, below=1000), DType.U8)),
    ("aten.mul.Tensor", (places(9, below=256).to(torch.uint8), 7)),
    ("aten.neg.default", (places(9, below=256).to(torch.uint8),)),
    ("aten.bitwise_not.default", (places(9, below=256).to(torch.uint8),)),
    ("aten.bitwise_not.default", (places(9, below=2) > 0,)),
    ("aten.div.Tensor", (places(9, below=50), places(9, below=7, seed=9) + 1)),
    ("aten.rsub.Scalar", (places(9, below=50), 3, 2)),
]


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=[f"{at}-{name}" for at, (name, _) in enumerate(CASES)])
def test_a_case_gives_what_torch_gives(name: str, arguments: tuple[Any, ...]) -> None:
    assert differing(name, *arguments, rtol=RTOL, atol=ATOL) == ""


def test_joined_words_keep_the_sign_of_zero() -> None:
    (joined,) = by_recipe("aten.cat.default", (torch.tensor([-0.0, 0.0]), torch.tensor([-0.0])), 0)

    assert torch.signbit(joined).tolist() == [True, False, True]


def test_an_index_outside_reads_zero() -> None:
    (found,) = by_recipe("aten.embedding.default", torch.ones(3, 2), torch.tensor([2, 3, -1]), -1, False, False)

    assert found.tolist() == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]


def test_an_ignored_target_may_lie_outside_the_classes() -> None:
    target = torch.tensor([1, -100])

    loss, total = by_recipe("aten.nll_loss_forward.default", torch.full((2, 3), -2.0), target, None, 1, -100)

    assert (loss.item(), total.item()) == (2.0, 1.0)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("aten.permute.default", (numbers(2, 3, 4), (2, -3, 1))),
        ("aten.transpose.int", (numbers(2, 3), 0, -1)),
        ("aten.view.default", (numbers(2, 3, 4).transpose(0, 1), (3, 2, 2, 2))),
        ("aten.clone.default", (numbers(2, 3),)),
        ("aten.flip.default", (numbers(2, 3), (1,))),
    ],
)
def test_a_view_costs_no_leaf_but_the_copy_that_keeps_it(name: str, arguments: tuple[Any, ...]) -> None:
    assert ops(name, *arguments) in ([], [Op.COPY])


def test_a_join_of_three_is_two_selects() -> None:
    assert ops("aten.cat.default", (numbers(2), numbers(3), numbers(4)), 0) == [Op.SELECT] * 2


def test_a_product_of_strided_rows_is_a_chain_over_one_pack_each() -> None:
    assert ops("aten.mm.default", numbers(30, 5).t(), numbers(30, 7)) == [Op.COPY, Op.COPY, Op.CHAIN]


def test_rows_that_lie_in_blocks_are_not_packed() -> None:
    assert ops("aten.mm.default", numbers(5, 128), numbers(7, 128).t()) == [Op.CHAIN]


def test_a_row_read_by_many_is_packed_once() -> None:
    program, _ = recipe_program("aten.bmm.default", numbers(1, 3, 5).expand(4, 3, 5), numbers(4, 5, 6))

    assert program.leaves[0].elements == 3 * 64


def test_a_product_of_a_constant_keeps_its_rows() -> None:
    builder = Builder([Slot(name="x", type=WordType.F32, shape=(6, 4))])
    ones = shaping.RECIPES["aten.ones.default"](builder, (TensorType(DType.F32, (3, 6)),), (3, 6), None)

    (made,) = RECIPES["aten.mm.default"](builder, (TensorType(DType.F32, (3, 4)),), *ones, builder.input(0))

    assert made.shape == (3, 4)


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("aten.scatter_add.default", (places(3, below=3), 0, places(3, below=3), places(3, below=3)), "by an index"),
        ("aten.add.Scalar", (places(3, below=3), 1 << 40, 1), "not a 32-bit integer"),
        ("aten.full.default", ((2,), -(1 << 31) - 1, DType.I64), "not a 32-bit integer"),
    ],
)
def test_what_words_cannot_hold_is_refused(name: str, arguments: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(NoRecipe, match=reason):
        by_recipe(name, *arguments)


def test_half_precision_is_refused() -> None:
    builder = Builder([Slot(name="x", type=WordType.F32, shape=(4,))])

    with pytest.raises(NoRecipe, match="half_to_float"):
        losses.RECIPES["aten._softmax.default"](builder, (), builder.input(0), 0, True)
