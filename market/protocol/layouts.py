"""What the allowed operators that move, view or create elements make of their arguments.

Decides output types of views, copies, joins and new tensors; `market.protocol.rules` holds those that calculate. The
same contract: argument kinds are checked before, `Unfit` says what does not hold, no content is touched.
"""

from collections.abc import Sequence
from itertools import pairwise

from market.protocol.rules import Types
from market.protocol.shapes import (
    DType,
    Number,
    TensorType,
    broadcast,
    check_shape,
    dimension,
    dimensions,
    replaced,
    require,
    resized,
    sliced,
)

MAX_OUTPUTS = 1024
_MATRIX = 2
_RANGES = {
    DType.BOOL: (0, 1),
    DType.U8: (0, 255),
    DType.I32: (-(1 << 31), (1 << 31) - 1),
    DType.I64: (-(1 << 53), 1 << 53),
}


# --- views


def view(x: TensorType, size: Sequence[int]) -> Types:
    return (x.with_shape(resized(x.shape, size)),)


def t(x: TensorType) -> Types:
    require(len(x.shape) <= _MATRIX, f"wants at most two dimensions, not {x}")
    return (x.with_shape(reversed(x.shape)),)


def transpose(x: TensorType, first: int, second: int) -> Types:
    a, b = dimension(first, len(x.shape)), dimension(second, len(x.shape))
    order = list(x.shape)
    order[a], order[b] = order[b], order[a]
    return (x.with_shape(order),)


def permute(x: TensorType, dims: Sequence[int]) -> Types:
    require(len(dims) == len(x.shape), f"{list(dims)} does not order the dimensions of {x}")
    return (x.with_shape(x.shape[dim] for dim in (dimensions(dims, len(x.shape)) if dims else ())),)


def expand(x: TensorType, size: Sequence[int], implicit: bool) -> Types:
    added = len(size) - len(x.shape)
    require(added >= 0, f"{list(size)} has fewer dimensions than {x}")
    require(all(item > 0 for item in size[:added]), f"{list(size)} leaves a new dimension open")
    wanted = [old if item == -1 else item for item, old in zip(size, (1,) * added + x.shape, strict=True)]
    check_shape(wanted)
    require(broadcast(x.shape, tuple(wanted)) == tuple(wanted), f"{x} does not spread to {list(size)}")
    return (x.with_shape(wanted),)


def unsqueeze(x: TensorType, dim: int) -> Types:
    at = dimension(dim, len(x.shape) + 1)
    return (x.with_shape(check_shape((*x.shape[:at], 1, *x.shape[at:]))),)


def squeeze(x: TensorType, dims: int | Sequence[int]) -> Types:
    named = (dims,) if isinstance(dims, int) else dims
    gone = set(dimensions(named, len(x.shape)) if named else ())
    return (x.with_shape(size for at, size in enumerate(x.shape) if at not in gone or size != 1),)


def slicing(x: TensorType, dim: int, start: int | None, end: int | None, step: int) -> Types:
    at = dimension(dim, len(x.shape))
    return (x.with_shape(replaced(x.shape, at, sliced(x.shape[at], start, end, step))),)


def select(x: TensorType, dim: int, index: int) -> Types:
    at = dimension(dim, len(x.shape))
    dimension(index, x.shape[at])
    return (x.with_shape(replaced(x.shape, at)),)


def unbind(x: TensorType, dim: int) -> Types:
    at = dimension(dim, len(x.shape))
    require(x.shape[at] <= MAX_OUTPUTS, f"makes {x.shape[at]} tensors, more than {MAX_OUTPUTS}")
    return (x.with_shape(replaced(x.shape, at)),) * x.shape[at]


def split(x: TensorType, size: int, dim: int) -> Types:
    at = dimension(dim, len(x.shape))
    require(size > 0, f"parts of {size} elements are not positive")
    require(x.shape[at] <= MAX_OUTPUTS * size, f"makes more than {MAX_OUTPUTS} tensors")
    marks = [*range(0, x.shape[at], size), x.shape[at]]
    return tuple(x.with_shape(replaced(x.shape, at, end - begin)) for begin, end in pairwise(marks))


def split_with_sizes(x: TensorType, sizes: Sequence[int], dim: int) -> Types:
    at = dimension(dim, len(x.shape))
    require(all(size > 0 for size in sizes), f"{list(sizes)} has a part that is not positive")
    require(len(sizes) <= MAX_OUTPUTS, f"makes {len(sizes)} tensors, more than {MAX_OUTPUTS}")
    require(sum(sizes) == x.shape[at], f"{list(sizes)} does not divide {x.shape[at]} elements")
    return tuple(x.with_shape(replaced(x.shape, at, size)) for size in sizes)


# --- moves


def cat(tensors: Sequence[TensorType], dim: int) -> Types:
    at = _joint(tensors, dim, 0)
    rests = {replaced(tensor.shape, at) for tensor in tensors}
    require(len(rests) == 1, f"{' and '.join(str(tensor) for tensor in tensors[:4])} do not join at {dim}")
    return (tensors[0].with_shape(check_shape(replaced(tensors[0].shape, at, sum(x.shape[at] for x in tensors)))),)


def stack(tensors: Sequence[TensorType], dim: int) -> Types:
    at = _joint(tensors, dim, 1)
    require(len({tensor.shape for tensor in tensors}) == 1, "stacks tensors of one shape only")
    shape = tensors[0].shape
    return (tensors[0].with_shape(check_shape((*shape[:at], len(tensors), *shape[at:]))),)


def pad(x: TensorType, margins: Sequence[int], value: Number) -> Types:
    require(len(margins) % 2 == 0 and len(margins) <= 2 * len(x.shape), f"{list(margins)} does not pad {x}")
    require(all(margin >= 0 for margin in margins), f"{list(margins)} cuts instead of padding")
    require(x.dtype.is_float, f"pads floating tensors, not {x.dtype}")
    shape = list(x.shape)
    for place in range(len(margins) // 2):
        shape[-1 - place] += margins[2 * place] + margins[2 * place + 1]
    return (x.with_shape(check_shape(shape)),)


def flip(x: TensorType, dims: Sequence[int]) -> Types:
    dimensions(dims, len(x.shape))
    return (x,)


def triangle(x: TensorType, diagonal: int) -> Types:
    require(len(x.shape) >= _MATRIX, f"wants at least two dimensions, not {x}")
    return (x,)


def slice_backward(  # noqa: PLR0917 ATen's own order
    grad: TensorType, sizes: Sequence[int], dim: int, start: int, end: int, step: int
) -> Types:
    return _undo(grad, sizes, slicing(grad.with_shape(check_shape(sizes)), dim, start, end, step)[0])


def select_backward(grad: TensorType, sizes: Sequence[int], dim: int, index: int) -> Types:
    return _undo(grad, sizes, select(grad.with_shape(check_shape(sizes)), dim, index)[0])


# --- new tensors


def full(size: Sequence[int], value: Number, dtype: DType | None) -> Types:
    made = dtype or (DType.F32 if isinstance(value, float) else DType.I64)
    low, high = _RANGES.get(made, (value, value))
    require(made.is_float or (isinstance(value, int) and low <= value <= high), f"{value} does not fit {made}")
    return (TensorType(made, check_shape(size)),)


def filled(size: Sequence[int], dtype: DType | None) -> Types:
    return (TensorType(dtype or DType.F32, check_shape(size)),)


def filled_like(x: TensorType, dtype: DType | None) -> Types:
    return (TensorType(dtype or x.dtype, x.shape),)


def full_like(x: TensorType, value: Number, dtype: DType | None) -> Types:
    return full(x.shape, value, dtype or x.dtype)


def new_filled(x: TensorType, size: Sequence[int], dtype: DType | None) -> Types:
    return (TensorType(dtype or x.dtype, check_shape(size)),)


def scalar(value: Number, dtype: DType | None) -> Types:
    return full((), value, dtype or DType.F32)


def arange(end: int, dtype: DType | None) -> Types:
    return arange_step(0, end, 1, dtype)


def arange_start(start: int, end: int, dtype: DType | None) -> Types:
    return arange_step(start, end, 1, dtype)


def arange_step(start: int, end: int, step: int, dtype: DType | None) -> Types:
    made = dtype or DType.I64
    require(made in (DType.I64, DType.F32, DType.F64), f"counts in I64, F32 or F64, not {made}")
    require(step != 0, "wants a step other than zero")
    require(max(abs(start), abs(end), abs(step)) < 1 << 24, "counts up to 2^24 only")
    return (TensorType(made, check_shape([len(range(start, end, step))])),)


def _joint(tensors: Sequence[TensorType], dim: int, added: int) -> int:
    require(len(tensors) > 0, "wants at least one tensor")
    require(len({tensor.dtype for tensor in tensors}) == 1, "joins tensors of one dtype only")
    require(len({len(tensor.shape) for tensor in tensors}) == 1, "joins tensors of equally many dimensions only")
    return dimension(dim, len(tensors[0].shape) + added)


def _undo(grad: TensorType, sizes: Sequence[int], part: TensorType) -> Types:
    require(part == grad, f"{grad} is not the gradient of {part}")
    return (grad.with_shape(sizes),)
