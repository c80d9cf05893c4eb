"""From an operator's allow-listed name to the torch call that performs it.

Decides, once per name, which torch function runs and how our flat argument list reaches it. Names come from the table
in `market.protocol.operators` and nowhere else; a name outside it never reaches torch. For the operators that make up
most of a training step there is a shorter way into the same kernel, and a test holds each of those to the same bits.
Some of these ways guard: results that nobody asked for are dropped, a list of one result becomes that result, indices
that point outside are refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import torch

from market.protocol.errors import CommonwattError
from market.protocol.operators import OPERATORS, Kind, Parameter
from market.protocol.shapes import DType, TensorType

Call = Callable[..., Any]

DTYPES: Final[Mapping[DType, torch.dtype]] = MappingProxyType(
    {
        DType.BOOL: torch.bool,
        DType.U8: torch.uint8,
        DType.I32: torch.int32,
        DType.I64: torch.int64,
        DType.F32: torch.float32,
        DType.F64: torch.float64,
    }
)
WORDS: Final[Mapping[torch.dtype, DType]] = MappingProxyType({value: key for key, value in DTYPES.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownDtype(CommonwattError):
    """A tensor has a dtype that programs have no word for."""

    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """How one operator is called: positional parameters first, then those that torch takes by name only."""

    call: Call
    positional: int
    named: tuple[str, ...]


def type_of(tensor: torch.Tensor) -> TensorType:
    """Return a tensor's type in the program's words; raises UnknownDtype."""
    if tensor.dtype not in WORDS:
        raise UnknownDtype(dtype=str(tensor.dtype))
    return TensorType(WORDS[tensor.dtype], tuple(int(size) for size in tensor.shape))


@cache
def overload(name: str) -> Any:
    """Return the torch overload of an allowed operator; raises KeyError for a name that is not in the table."""
    _, packet, variant = OPERATORS[name].name.split(".")
    return getattr(getattr(torch.ops.aten, packet), variant)


@cache
def binding(name: str) -> Binding:
    """Return how to call an allowed operator; raises KeyError for a name that is not in the table."""
    named = {item.name for item in overload(name)._schema.arguments if item.kwarg_only}
    places = [parameter.name for parameter in OPERATORS[name].parameters]
    positional = next((at for at, place in enumerate(places) if place in named), len(places))
    return Binding(call=QUICK.get(name) or _complete(name), positional=positional, named=tuple(places[positional:]))


def to_torch(parameter: Parameter, argument: Any) -> Any:
    """Return an argument that is no reference as torch wants it."""
    if parameter.kind is Kind.DTYPE and argument is not None:
        return DTYPES[argument]
    return list(argument) if isinstance(argument, tuple) else argument


def is_default(name: str, parameter: Parameter, argument: Any) -> bool:
    """Return whether torch would take this very value if the argument were left out."""
    declared = next(item for item in overload(name)._schema.arguments if item.name == parameter.name)
    if not declared.has_default_value():
        return False
    value = declared.default_value
    return type(value) is type(argument) and bool(value == argument)


def _complete(name: str) -> Call:
    call: Call = overload(name)
    return call


def _clone(x: torch.Tensor) -> torch.Tensor:
    return x.clone(memory_format=torch.contiguous_format)


def _view(x: torch.Tensor, size: list[int]) -> torch.Tensor:
    return x.reshape(size)


def _convolution_backward(*arguments: Any) -> Any:
    """The gradients that the mask asks for; a program has no name for what torch gives in place of the others."""
    every = torch.ops.aten.convolution_backward.default(*arguments)
    made = tuple(item for item, wanted in zip(every, arguments[-1], strict=True) if wanted)
    return made[0] if len(made) == 1 else made


def _max_pool_backward(*arguments: Any) -> Any:
    """torch writes wherever an index points; a stranger's program may have made the indices itself."""
    x, indices = arguments[1], arguments[-1]
    if indices.min() < 0 or indices.max() >= x.shape[-2] * x.shape[-1]:
        raise IndexError("an index points outside its plane")
    return torch.ops.aten.max_pool2d_with_indices_backward.default(*arguments)


def _parts(call: Call) -> Call:
    """A single part stands for itself, as every single result does."""

    def parted(*arguments: Any) -> Any:
        made = call(*arguments)
        return made[0] if len(made) == 1 else made

    return parted


QUICK: Final[Mapping[str, Call]] = MappingProxyType(
    {
        "aten.add.Tensor": torch.add,
        "aten.sub.Tensor": torch.sub,
        "aten.mul.Tensor": torch.mul,
        "aten.mul.Scalar": torch.mul,
        "aten.div.Tensor": torch.div,
        "aten.div.Scalar": torch.div,
        "aten.sqrt.default": torch.sqrt,
        "aten.rsqrt.default": torch.rsqrt,
        "aten.relu.default": torch.relu,
        "aten.pow.Tensor_Scalar": torch.pow,
        "aten.lerp.Scalar": torch.lerp,
        "aten.addcmul.default": torch.addcmul,
        "aten.addcdiv.default": torch.addcdiv,
        "aten.masked_fill.Scalar": torch.masked_fill,
        "aten.mm.default": torch.mm,
        "aten.bmm.default": torch.bmm,
        "aten.sum.dim_IntList": torch.sum,
        "aten.mean.dim": torch.mean,
        "aten.cat.default": torch.cat,
        "aten.stack.default": torch.stack,
        "aten.t.default": torch.t,
        "aten.transpose.int": torch.transpose,
        "aten.permute.default": torch.permute,
        "aten.unsqueeze.default": torch.unsqueeze,
        "aten.clone.default": _clone,
        "aten.view.default": _view,
        "aten._unsafe_view.default": _view,
        "aten.unbind.int": _parts(torch.ops.aten.unbind.int),
        "aten.split.Tensor": _parts(torch.ops.aten.split.Tensor),
        "aten.split_with_sizes.default": _parts(torch.ops.aten.split_with_sizes.default),
        "aten.convolution_backward.default": _convolution_backward,
        "aten.max_pool2d_with_indices_backward.default": _max_pool_backward,
    }
)
