"""Shapes and dtypes without torch: what a tensor is to the market, and how tensors combine.

Decides the dtypes a program may speak, how two dtypes promote, how shapes broadcast and reduce. The rules are those of
ATen on CPU, narrowed where ATen is lax: every dimension has at least one element. Never touches a tensor's content.
A rule that does not hold raises `Unfit`; `market.protocol.programs` turns it into an error that names the node.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import Self

MAX_DIMENSIONS = 8
MAX_ELEMENTS = 1 << 33


class Unfit(ValueError):
    """Arguments that an operator cannot take; the message says why."""


class DType(StrEnum):
    """Element types, in the safetensors spelling, from lowest to highest in promotion."""

    BOOL = "BOOL"
    U8 = "U8"
    I32 = "I32"
    I64 = "I64"
    F32 = "F32"
    F64 = "F64"

    @property
    def bytes(self) -> int:
        return {"BOOL": 1, "U8": 1, "I32": 4, "F32": 4, "I64": 8, "F64": 8}[self.value]

    @property
    def is_float(self) -> bool:
        return self in {DType.F32, DType.F64}


_ORDER = {dtype: rank for rank, dtype in enumerate(DType)}

Number = int | float


@dataclass(frozen=True, slots=True)
class TensorType:
    """What is known of a tensor before it exists."""

    dtype: DType
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.elements * self.dtype.bytes

    def with_shape(self, shape: Iterable[int]) -> Self:
        return type(self)(self.dtype, tuple(shape))

    def __str__(self) -> str:
        return f"{self.dtype.value}{list(self.shape)}"


def require(condition: bool, reason: str) -> None:
    if not condition:
        raise Unfit(reason)


def check_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape; raises Unfit when it has too many dimensions, an empty one, or too many elements."""
    require(len(shape) <= MAX_DIMENSIONS, f"{len(shape)} dimensions exceed the limit of {MAX_DIMENSIONS}")
    require(all(size > 0 for size in shape), f"a dimension of {list(shape)} is not positive")
    require(prod(shape) <= MAX_ELEMENTS, f"{prod(shape)} elements exceed the limit of {MAX_ELEMENTS}")
    return tuple(shape)


def higher(*dtypes: DType) -> DType:
    """Return the dtype that can stand for all of these."""
    return max(dtypes, key=_ORDER.__getitem__)


def promote(*operands: TensorType | Number) -> DType:
    """Return ATen's result type: tensors with dimensions first, then tensors without, then plain numbers."""
    tensors = [operand for operand in operands if isinstance(operand, TensorType)]
    numbers = [
        DType.F32 if isinstance(operand, float) else DType.I64 for operand in operands if not _is_tensor(operand)
    ]
    groups = ([t.dtype for t in tensors if t.shape], [t.dtype for t in tensors if not t.shape], numbers)
    result: DType | None = None
    for group in reversed(groups):
        if group:
            result = _combine(higher(*group), result)
    if result is None:
        raise Unfit("there is nothing to take a dtype from")
    return result


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the common shape; raises Unfit when two sizes differ and neither is one."""
    width = max(len(shape) for shape in shapes)
    padded = [(1,) * (width - len(shape)) + shape for shape in shapes]
    result = tuple(max(sizes) for sizes in zip(*padded, strict=True))
    for shape in padded:
        fits = all(size in (1, wanted) for size, wanted in zip(shape, result, strict=True))
        require(fits, f"shapes {' and '.join(str(list(s)) for s in shapes)} do not broadcast")
    return result


def dimension(dim: int, count: int) -> int:
    """Return a dimension counted from the front; a negative one counts from the back."""
    require(-count <= dim < count, f"dimension {dim} is not among {count}")
    return dim % count


def dimensions(dims: Sequence[int] | None, count: int) -> tuple[int, ...]:
    """Return the distinct dimensions named; none named means all of them."""
    if not dims:
        return tuple(range(count))
    found = tuple(dimension(dim, count) for dim in dims)
    require(len(set(found)) == len(found), f"dimensions {list(dims)} name one twice")
    return found


def reduced(shape: tuple[int, ...], dims: Sequence[int] | None, keepdim: bool) -> tuple[int, ...]:
    """Return the shape after a reduction over `dims`."""
    gone = set(dimensions(dims, len(shape)))
    if keepdim:
        return tuple(1 if index in gone else size for index, size in enumerate(shape))
    return tuple(size for index, size in enumerate(shape) if index not in gone)


def resized(shape: tuple[int, ...], size: Sequence[int]) -> tuple[int, ...]:
    """Return `size` with one -1 worked out so that the element count stays the same."""
    require(list(size).count(-1) <= 1, f"{list(size)} leaves more than one size open")
    require(all(item > 0 or item == -1 for item in size), f"{list(size)} has a size that is not positive")
    known, elements = prod(item for item in size if item != -1), prod(shape)
    require(elements % known == 0 and (-1 in size or elements == known), f"{list(shape)} cannot become {list(size)}")
    return check_shape([elements // known if item == -1 else item for item in size])


def replaced(shape: tuple[int, ...], dim: int, *sizes: int) -> tuple[int, ...]:
    """Return the shape with one dimension replaced by the given sizes (none removes it)."""
    return (*shape[:dim], *sizes, *shape[dim + 1 :])


def sliced(length: int, start: int | None, end: int | None, step: int) -> int:
    """Return how many elements a slice takes; raises Unfit when it takes none."""
    require(step > 0, f"step {step} is not positive")
    count = len(range(length)[slice(start, end, step)])
    require(count > 0, f"slice {start}:{end}:{step} of {length} elements is empty")
    return count


def floats(*tensors: TensorType) -> DType:
    """Return the one floating dtype that all these tensors share."""
    names = sorted({tensor.dtype.value for tensor in tensors})
    require(len(names) == 1 and tensors[0].dtype.is_float, f"wants one floating dtype, not {' and '.join(names)}")
    return tensors[0].dtype


def same(*tensors: TensorType) -> TensorType:
    """Return the one type that all these tensors share."""
    require(len(set(tensors)) == 1, f"wants equal types, not {' and '.join(str(t) for t in tensors)}")
    return tensors[0]


def _is_tensor(operand: TensorType | Number) -> bool:
    return isinstance(operand, TensorType)


def _combine(upper: DType, lower: DType | None) -> DType:
    if lower is None or upper.is_float:
        return upper
    return higher(upper, lower) if upper is DType.BOOL or lower.is_float else upper
