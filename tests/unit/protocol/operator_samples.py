"""Arguments for every allowed operator, drawn at random: ones that must fit, and ones that may not."""

from collections.abc import Callable
from random import Random
from typing import Any

from market.protocol.operators import OPERATORS, Kind, Parameter
from market.protocol.shapes import DType, TensorType

FLOATS = (DType.F32, DType.F64)
Sample = list[Any]


def tensor(random: Random, *shape: int, dtype: DType = DType.F32) -> TensorType:
    return TensorType(dtype, shape)


def shape(random: Random, *, low: int = 0, high: int = 4) -> tuple[int, ...]:
    return tuple(random.randint(1, 4) for _ in range(random.randint(low, high)))


def narrowed(random: Random, full: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to `full`."""
    cut = full[random.randint(0, len(full)) :] if random.random() < 0.3 else full
    return tuple(1 if random.random() < 0.2 else size for size in cut)


def any_argument(random: Random, parameter: Parameter, base: tuple[int, ...], dtype: DType) -> Any:
    if parameter.optional and random.random() < 0.3:
        return None
    if parameter.kind is Kind.OPERAND and random.random() < 0.4:
        return random.choice([2, -1, 0.5])
    if parameter.kind in (Kind.TENSOR, Kind.OPERAND):
        kind = dtype if random.random() < 0.8 else random.choice(list(DType))
        return TensorType(kind, narrowed(random, base) if random.random() < 0.85 else shape(random))
    if parameter.kind is Kind.TENSORS:
        count = random.randint(1, 3)
        return tuple(TensorType(dtype, base if random.random() < 0.9 else shape(random)) for _ in range(count))
    return _plain(random, parameter.kind, base, dtype)


def _plain(random: Random, kind: Kind, base: tuple[int, ...], dtype: DType) -> Any:
    if kind is Kind.NUMBER:
        return random.choice([1, 2, 3, 0.5, 1.5])
    if kind is Kind.INT:
        return random.randint(-3, 4)
    if kind is Kind.BOOL:
        return random.random() < 0.3
    if kind is Kind.DTYPE:
        return random.choice([dtype, DType.F32, DType.I64])
    if kind is Kind.BOOLS:
        return tuple(random.random() < 0.5 for _ in range(3))
    choices = [list(base), list(range(len(base))), [random.randint(-3, 4) for _ in range(random.randint(0, 3))], [-1]]
    drawn = list(random.choice(choices))
    random.shuffle(drawn)
    return tuple(drawn)


def _mm(r: Random) -> Sample:
    m, k, n = (r.randint(1, 5) for _ in range(3))
    return [tensor(r, m, k), tensor(r, k, n)]


def _bmm(r: Random) -> Sample:
    b, m, k, n = (r.randint(1, 5) for _ in range(4))
    return [tensor(r, b, m, k), tensor(r, b, k, n)]


def _biased(r: Random, product: Sample) -> Sample:
    full = (*product[0].shape[:-1], product[1].shape[-1])
    return [TensorType(DType.F32, narrowed(r, full)), *product, r.choice([1, 0.5]), 1]


def _nll(r: Random) -> Sample:
    n, c = r.randint(1, 5), r.randint(1, 5)
    weight = r.choice([None, tensor(r, c)])
    return [tensor(r, n, c), tensor(r, n, dtype=DType.I64), weight, r.randint(0, 2), -100]


def _nll_backward(r: Random) -> Sample:
    x, target, weight, reduction, ignored = _nll(r)
    grad = TensorType(DType.F32, target.shape if reduction == 0 else ())
    return [grad, x, target, weight, reduction, ignored, tensor(r)]


def _embedding_backward(r: Random) -> Sample:
    indices = TensorType(r.choice([DType.I64, DType.I32]), shape(r, low=1, high=3))
    return [tensor(r, *indices.shape, 3), indices, r.randint(1, 6), -1, False]


def _beside(r: Random) -> tuple[TensorType, int, TensorType]:
    full = shape(r, low=1, high=3)
    dim = r.randrange(len(full))
    index = tuple(r.randint(1, 6) if at == dim else r.randint(1, size) for at, size in enumerate(full))
    return TensorType(r.choice(list(DType)[1:]), full), dim, TensorType(DType.I64, index)


def _scatter(r: Random) -> Sample:
    x, dim, index = _beside(r)
    source = TensorType(x.dtype, tuple(size + r.randint(0, 2) for size in index.shape))
    return [x, dim, index, source]


def _view(r: Random) -> Sample:
    size = list(shape(r))
    x = TensorType(r.choice(list(DType)), tuple(size))
    r.shuffle(size)
    if size and r.random() < 0.3:
        size[r.randrange(len(size))] = -1
    return [x, tuple(size)]


def _expand(r: Random) -> Sample:
    full = shape(r)
    return [TensorType(DType.F32, narrowed(r, full)), full, False]


def _permute(r: Random) -> Sample:
    full = shape(r)
    order = list(range(len(full)))
    r.shuffle(order)
    return [TensorType(DType.F32, full), tuple(at - len(full) if r.random() < 0.3 else at for at in order)]


def _slice(r: Random) -> Sample:
    full = shape(r, low=1)
    dim = r.randrange(len(full))
    return [TensorType(DType.F32, full), dim, r.choice([None, 0, -1]), r.choice([None, full[dim], 2**63 - 1]), 1]


def _slice_backward(r: Random) -> Sample:
    full = shape(r, low=1)
    dim = r.randrange(len(full))
    start = r.randrange(full[dim])
    end, step = r.randint(start + 1, full[dim]), r.randint(1, 2)
    part = (*full[:dim], len(range(start, end, step)), *full[dim + 1 :])
    return [tensor(r, *part), full, dim, start, end, step]


def _select_backward(r: Random) -> Sample:
    full = shape(r, low=1)
    dim = r.randrange(len(full))
    return [tensor(r, *full[:dim], *full[dim + 1 :]), full, dim, r.randrange(full[dim])]


def _parts(r: Random) -> Sample:
    sizes = tuple(r.randint(1, 3) for _ in range(r.randint(1, 3)))
    return [tensor(r, sum(sizes), 2), sizes, 0]


def _cat(r: Random) -> Sample:
    full = shape(r, low=1)
    dim = r.randrange(len(full))
    parts = ((*full[:dim], r.randint(1, 3), *full[dim + 1 :]) for _ in range(r.randint(1, 3)))
    return [tuple(tensor(r, *part) for part in parts), dim]


def _pad(r: Random) -> Sample:
    full = shape(r, low=1)
    return [tensor(r, *full), tuple(r.randint(0, 2) for _ in range(2 * r.randint(1, len(full)))), 0.5]


def _softmax_backward(r: Random) -> Sample:
    full = shape(r, low=1)
    return [tensor(r, *full), tensor(r, *full), r.randrange(len(full)), DType.F32]


def _convolution(r: Random) -> Sample:
    space, groups = r.randint(1, 2), r.randint(1, 2)
    kernel = [r.randint(1, 3) for _ in range(space)]
    dilation = [r.randint(1, 2) for _ in range(space)]
    sizes = [k * d + r.randint(0, 4) for k, d in zip(kernel, dilation, strict=True)]
    depth, filters = r.randint(1, 3), groups * r.randint(1, 2)
    bias = r.choice([None, tensor(r, filters)])
    stride, padding = tuple(r.randint(1, 3) for _ in kernel), tuple(r.randint(0, 2) for _ in kernel)
    x, weight = tensor(r, r.randint(1, 2), depth * groups, *sizes), tensor(r, filters, depth, *kernel)
    return [x, weight, bias, stride, padding, tuple(dilation), False, (0,) * space, groups]


def _convolution_backward(r: Random) -> Sample:
    x, weight, _, *settings = _convolution(r)
    grad = OPERATORS["aten.convolution.default"].infer(x, weight, None, *settings)[0]
    mask = r.choice([(True, True, True), (False, True, True), (True, True, False), (False, True, False)])
    return [grad, x, weight, r.choice([weight.shape[:1], None][: 1 + (not mask[2])]), *settings, mask]


def _pool(r: Random) -> tuple[Sample, bool]:
    kernel = (r.randint(1, 3), r.randint(1, 3))
    stride = (r.randint(1, 3), r.randint(1, 3))
    padding = tuple(r.randint(0, size // 2) for size in kernel)
    return [tensor(r, r.randint(1, 2), 2, r.randint(5, 8), r.randint(5, 8)), kernel, stride, padding], r.random() < 0.5


def _max_pool(r: Random) -> Sample:
    settings, ceil = _pool(r)
    return [*settings, (r.randint(1, 2), 1), ceil]


def _max_pool_backward(r: Random) -> Sample:
    settings = _max_pool(r)
    grad, indices = OPERATORS["aten.max_pool2d_with_indices.default"].infer(*settings)
    return [grad, *settings, indices]


def _avg_pool(r: Random) -> Sample:
    settings, ceil = _pool(r)
    return [*settings, ceil, r.random() < 0.5, r.choice([None, 3])]


def _avg_pool_backward(r: Random) -> Sample:
    settings = _avg_pool(r)
    return [OPERATORS["aten.avg_pool2d.default"].infer(*settings)[0], *settings]


# Operators whose arguments must agree in ways that chance would rarely hit.
FITTING: dict[str, Callable[[Random], Sample]] = {
    "aten.mm.default": _mm,
    "aten.bmm.default": _bmm,
    "aten.convolution.default": _convolution,
    "aten.convolution_backward.default": _convolution_backward,
    "aten.max_pool2d_with_indices.default": _max_pool,
    "aten.max_pool2d_with_indices_backward.default": _max_pool_backward,
    "aten.avg_pool2d.default": _avg_pool,
    "aten.avg_pool2d_backward.default": _avg_pool_backward,
    "aten.addmm.default": lambda r: _biased(r, _mm(r)),
    "aten.baddbmm.default": lambda r: _biased(r, _bmm(r)),
    "aten._softmax.default": lambda r: [tensor(r, *shape(r, low=1)), -1, False],
    "aten._log_softmax.default": lambda r: [tensor(r, *shape(r, low=1)), 0, False],
    "aten._softmax_backward_data.default": _softmax_backward,
    "aten._log_softmax_backward_data.default": _softmax_backward,
    "aten.nll_loss_forward.default": _nll,
    "aten.nll_loss_backward.default": _nll_backward,
    "aten.embedding.default": lambda r: [tensor(r, 5, 3), tensor(r, *shape(r), dtype=DType.I64), -1, False, False],
    "aten.embedding_dense_backward.default": _embedding_backward,
    "aten.gather.default": lambda r: [*_beside(r), False],
    "aten.scatter_add.default": _scatter,
    "aten.index_select.default": lambda r: [tensor(r, *shape(r, low=1)), 0, tensor(r, 3, dtype=DType.I64)],
    "aten.view.default": _view,
    "aten._unsafe_view.default": _view,
    "aten.permute.default": _permute,
    "aten.expand.default": _expand,
    "aten.slice.Tensor": _slice,
    "aten.split_with_sizes.default": _parts,
    "aten.cat.default": _cat,
    "aten.constant_pad_nd.default": _pad,
    "aten.slice_backward.default": _slice_backward,
    "aten.select_backward.default": _select_backward,
    "aten.where.self": lambda r: [tensor(r, 2, 1, dtype=DType.BOOL), tensor(r, 3), tensor(r)],
    "aten.where.ScalarOther": lambda r: [tensor(r, 2, 1, dtype=DType.BOOL), tensor(r, 3), 0.5],
    "aten.where.ScalarSelf": lambda r: [tensor(r, 2, 1, dtype=DType.BOOL), 2, tensor(r, 3)],
    "aten.masked_fill.Scalar": lambda r: [tensor(r, 2, 3), tensor(r, 3, dtype=DType.BOOL), -1.0],
}


def fitting(name: str, random: Random) -> Sample | None:
    """Arguments that the operator must take, or None where chance finds them."""
    return FITTING[name](random) if name in FITTING else None


def anything(name: str, random: Random) -> Sample:
    """Arguments of the right kinds, fitting or not: drawn freely, or fitting ones with at most one place redrawn."""
    base, dtype = shape(random), random.choice([*FLOATS, *FLOATS, *DType])
    parameters = OPERATORS[name].parameters
    drawn = [any_argument(random, parameter, base, dtype) for parameter in parameters]
    start = fitting(name, random)
    if start is None or random.random() < 0.2:
        return drawn
    if random.random() < 0.2:
        return start
    place = random.randrange(len(parameters))
    return [*start[:place], drawn[place], *start[place + 1 :]]
