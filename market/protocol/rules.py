"""What each allowed operator makes of its arguments: one shape-and-dtype rule per family.

Decides the output types of an operator from the types of its tensors and the values of its other arguments, as ATen
would on CPU. Stricter than ATen where ATen converts quietly (integers into `exp`, two float widths into `mm`).
Argument kinds have been checked by then, so a rule speaks of shapes and dtypes only. Raises `Unfit`; touches no
content.
"""

from collections.abc import Sequence

from market.protocol.shapes import (
    DType,
    Number,
    TensorType,
    broadcast,
    check_shape,
    dimension,
    floats,
    promote,
    reduced,
    replaced,
    require,
    same,
)

Types = tuple[TensorType, ...]
Operand = TensorType | Number
_SCALAR = TensorType(DType.F32, ())
_NONE, _MEAN, _SUM = 0, 1, 2


# --- element by element


def float_unary(x: TensorType, *_: Number) -> Types:
    floats(x)
    return (x,)


def number_unary(x: TensorType) -> Types:
    require(x.dtype is not DType.BOOL, "wants numbers, not BOOL")
    return (x,)


def logical_not(x: TensorType) -> Types:
    return (TensorType(DType.BOOL, x.shape),)


def integral_unary(x: TensorType) -> Types:
    require(not x.dtype.is_float, f"wants integers or BOOL, not {x.dtype}")
    return (x,)


def arithmetic(a: Operand, b: Operand, alpha: Number = 1) -> Types:
    out = _elementwise(a, b)
    require(out.dtype is not DType.BOOL, "wants a number among its operands, not only BOOL")
    require(out.dtype.is_float or isinstance(alpha, int), f"a factor of {alpha} does not fit {out.dtype}")
    return (out,)


def subtraction(a: Operand, b: Operand, alpha: Number = 1) -> Types:
    require(DType.BOOL not in {x.dtype for x in (a, b) if isinstance(x, TensorType)}, "does not subtract BOOL")
    return arithmetic(a, b, alpha)


def division(a: Operand, b: Operand) -> Types:
    out = _elementwise(a, b)
    return (out if out.dtype.is_float else TensorType(DType.F32, out.shape),)


def extremum(a: TensorType, b: TensorType) -> Types:
    return (_elementwise(a, b),)


def power(a: Operand, b: Operand) -> Types:
    tensors = [x for x in (a, b) if isinstance(x, TensorType)]
    require(all(tensor.dtype.is_float for tensor in tensors), "wants floating tensors")
    return (_elementwise(a, b),)


def comparison(a: TensorType, b: Operand) -> Types:
    return (TensorType(DType.BOOL, _elementwise(a, b).shape),)


def bitwise(a: TensorType, b: TensorType) -> Types:
    out = _elementwise(a, b)
    require(not out.dtype.is_float, "wants integers or BOOL")
    return (out,)


def where(condition: TensorType, a: Operand, b: Operand) -> Types:
    require(condition.dtype is DType.BOOL, f"wants a BOOL condition, not {condition.dtype}")
    tensors = [x.shape for x in (condition, a, b) if isinstance(x, TensorType)]
    return (TensorType(promote(a, b), broadcast(*tensors)),)


def masked_fill(x: TensorType, mask: TensorType, value: Number) -> Types:
    require(mask.dtype is DType.BOOL, f"wants a BOOL mask, not {mask.dtype}")
    require(x.dtype.is_float, f"fills floating tensors, not {x.dtype}")
    return (x.with_shape(broadcast(x.shape, mask.shape)),)


def clamp(x: TensorType, low: Number | None, high: Number | None) -> Types:
    floats(x)
    require(low is not None or high is not None, "wants at least one bound")
    return (x,)


def float_family(*operands: Operand) -> Types:
    """Tensors of one floating dtype, broadcast together; numbers beside them change nothing."""
    tensors = [operand for operand in operands if isinstance(operand, TensorType)]
    return (TensorType(floats(*tensors), broadcast(*(tensor.shape for tensor in tensors))),)


def cast(x: TensorType, dtype: DType | None) -> Types:
    return (TensorType(dtype or x.dtype, x.shape),)


def identity(x: TensorType) -> Types:
    return (x,)


# --- reductions


def summed(x: TensorType, dims: Sequence[int] | None, keepdim: bool, dtype: DType | None) -> Types:
    accumulated = dtype or (x.dtype if x.dtype.is_float else DType.I64)
    require(accumulated.is_float or not x.dtype.is_float, f"does not sum {x.dtype} into {accumulated}")
    require(accumulated is not DType.BOOL, "does not sum into BOOL")
    return (TensorType(accumulated, reduced(x.shape, dims, keepdim)),)


def sum_all(x: TensorType, dtype: DType | None) -> Types:
    return summed(x, None, False, dtype)


def averaged(x: TensorType, dims: Sequence[int] | None, keepdim: bool, dtype: DType | None) -> Types:
    out = dtype or x.dtype
    require(x.dtype.is_float and out.is_float, "averages floating tensors only")
    return (TensorType(out, reduced(x.shape, dims, keepdim)),)


def mean_all(x: TensorType, dtype: DType | None) -> Types:
    return averaged(x, None, False, dtype)


def extreme(x: TensorType, dims: Sequence[int] | None, keepdim: bool) -> Types:
    return (x.with_shape(reduced(x.shape, dims, keepdim)),)


def cumulative(x: TensorType, dim: int, dtype: DType | None) -> Types:
    dimension(dim, len(x.shape))
    require(x.dtype.is_float and dtype in (None, x.dtype), "accumulates floating tensors in their own dtype")
    return (x,)


# --- matrices


def mm(a: TensorType, b: TensorType) -> Types:
    require(len(a.shape) == len(b.shape) == 2, f"wants two matrices, not {a} and {b}")
    require(a.shape[1] == b.shape[0], f"{a} and {b} do not multiply")
    return (TensorType(floats(a, b), (a.shape[0], b.shape[1])),)


def bmm(a: TensorType, b: TensorType) -> Types:
    require(len(a.shape) == len(b.shape) == 3, f"wants two batches of matrices, not {a} and {b}")
    require(a.shape[0] == b.shape[0] and a.shape[2] == b.shape[1], f"{a} and {b} do not multiply")
    return (TensorType(floats(a, b), (a.shape[0], a.shape[1], b.shape[2])),)


def addmm(bias: TensorType, a: TensorType, b: TensorType, beta: Number, alpha: Number) -> Types:
    return _biased(bias, a, mm(a, b)[0])


def baddbmm(bias: TensorType, a: TensorType, b: TensorType, beta: Number, alpha: Number) -> Types:
    return _biased(bias, a, bmm(a, b)[0])


# --- probabilities and lookups


def softmax(x: TensorType, dim: int, half_to_float: bool) -> Types:
    floats(x)
    dimension(dim, len(x.shape))
    require(not half_to_float, "half_to_float is not served")
    return (x,)


def softmax_backward(grad: TensorType, output: TensorType, dim: int, dtype: DType) -> Types:
    floats(same(grad, output))
    dimension(dim, len(grad.shape))
    require(dtype is grad.dtype, f"wants input_dtype {grad.dtype}, not {dtype}")
    return (grad,)


def nll_loss(x: TensorType, target: TensorType, weight: TensorType | None, reduction: int, ignore_index: int) -> Types:
    _check_nll(x, target, weight, reduction)
    return (x.with_shape(target.shape if reduction == _NONE else ()), x.with_shape(()))


def nll_loss_backward(  # noqa: PLR0917 ATen's own order
    grad: TensorType,
    x: TensorType,
    target: TensorType,
    weight: TensorType | None,
    reduction: int,
    ignore_index: int,
    total_weight: TensorType,
) -> Types:
    _check_nll(x, target, weight, reduction)
    wanted = x.with_shape(target.shape if reduction == _NONE else ())
    require(grad == wanted, f"wants a gradient of {wanted}, not {grad}")
    require(total_weight == x.with_shape(()), f"wants a total weight of {x.with_shape(())}, not {total_weight}")
    return (x,)


def embedding(weight: TensorType, indices: TensorType, padding_idx: int, scale: bool, sparse: bool) -> Types:
    require(len(weight.shape) == 2, f"wants a matrix of weights, not {weight}")
    _check_indices(indices)
    require(not scale and not sparse, "scaled and sparse gradients are not served")
    require(-1 <= padding_idx < weight.shape[0], f"padding index {padding_idx} is not in -1..{weight.shape[0] - 1}")
    return (TensorType(floats(weight), check_shape((*indices.shape, weight.shape[1]))),)


def embedding_backward(grad: TensorType, indices: TensorType, rows: int, padding_idx: int, scale: bool) -> Types:
    _check_indices(indices)
    require(not scale, "scaled gradients are not served")
    require(rows > 0 and -1 <= padding_idx < rows, f"padding index {padding_idx} is not in -1..{rows - 1}")
    require(grad.shape[:-1] == indices.shape and len(grad.shape) > 0, f"{grad} has no row for each of {indices}")
    return (TensorType(floats(grad), check_shape((rows, grad.shape[-1]))),)


def gather(x: TensorType, dim: int, index: TensorType, sparse_grad: bool) -> Types:
    _check_beside(x, dim, index)
    require(not sparse_grad, "sparse gradients are not served")
    return (x.with_shape(index.shape),)


def scatter_add(x: TensorType, dim: int, index: TensorType, source: TensorType) -> Types:
    _check_beside(x, dim, index)
    require(len(source.shape) == len(index.shape), f"{source} and {index} differ in dimensions")
    fits = all(size <= room for size, room in zip(index.shape, source.shape, strict=True))
    require(fits and source.dtype is x.dtype, f"{index} does not choose from {source} into {x}")
    return (x,)


def index_select(x: TensorType, dim: int, index: TensorType) -> Types:
    require(len(index.shape) == 1, f"wants a list of indices, not {index}")
    _check_indices(index)
    return (x.with_shape(replaced(x.shape, dimension(dim, len(x.shape)), index.shape[0])),)


# --- helpers


def _elementwise(a: Operand, b: Operand) -> TensorType:
    shapes = [x.shape for x in (a, b) if isinstance(x, TensorType)]
    return TensorType(promote(a, b), broadcast(*shapes))


def _biased(bias: TensorType, a: TensorType, product: TensorType) -> Types:
    floats(bias, a)
    require(broadcast(bias.shape, product.shape) == product.shape, f"{bias} does not spread over {product}")
    return (product,)


def _check_nll(x: TensorType, target: TensorType, weight: TensorType | None, reduction: int) -> None:
    require(reduction in (_NONE, _MEAN, _SUM), f"reduction {reduction} is not in 0..2")
    require(len(x.shape) == 2, f"wants a matrix of log-probabilities, not {x}")
    require(target == TensorType(DType.I64, x.shape[:1]), f"wants a target of I64[{x.shape[0]}], not {target}")
    require(weight is None or weight == x.with_shape(x.shape[1:]), f"{weight} is not a weight for each class of {x}")
    floats(x)


def _check_indices(indices: TensorType) -> None:
    require(indices.dtype in (DType.I64, DType.I32), f"wants indices of I64 or I32, not {indices.dtype}")


def _check_beside(x: TensorType, dim: int, index: TensorType) -> None:
    require(index.dtype is DType.I64, f"wants indices of I64, not {index.dtype}")
    require(len(index.shape) == len(x.shape) > 0, f"{index} and {x} differ in dimensions")
    along = dimension(dim, len(x.shape))
    fits = all(size <= room for at, (size, room) in enumerate(zip(index.shape, x.shape, strict=True)) if at != along)
    require(fits, f"{index} reaches beyond {x}")
