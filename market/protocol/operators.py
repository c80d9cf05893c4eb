"""The allow-list: every operator a program may name, what it takes, what it makes, and what it costs.

Decides which computations a stranger may ask for. An operator that is missing here cannot run anywhere in the market.
None draws random numbers, reads uninitialised memory, allocates by a tensor's content, writes into its arguments or
depends on the order of threads. Parameters carry ATen's names and order; layout, device and memory format are not
parameters: every program is dense and has no device. FLOPs are whole numbers per call: 2mnk for a product of matrices,
about one per element for the rest, none for a view.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from market.protocol import layouts, rules, windows
from market.protocol.shapes import TensorType

Infer = Callable[..., tuple[TensorType, ...]]
Cost = Callable[[Sequence[Any], Sequence[TensorType]], int]


class Kind(StrEnum):
    """What may stand at one place of an operator's arguments."""

    TENSOR = "T"
    TENSORS = "T[]"
    OPERAND = "O"  # a tensor or a number
    NUMBER = "N"
    INT = "I"
    INTS = "I[]"
    BOOL = "B"
    BOOLS = "B[]"
    DTYPE = "D"


class Storage(StrEnum):
    """Where an operator's outputs live: in new memory, in the first argument's, or in new memory laid out as theirs."""

    FRESH = "fresh"
    VIEW = "view"
    ELEMENTWISE = "elementwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One place of an operator's arguments; an optional one takes null."""

    name: str
    kind: Kind
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One allowed operator. `infer` takes the arguments in order, tensors as TensorType, and raises Unfit."""

    name: str
    parameters: tuple[Parameter, ...]
    infer: Infer
    cost: Cost
    storage: Storage


def _per_output(_: Sequence[Any], outputs: Sequence[TensorType]) -> int:
    return sum(output.elements for output in outputs)


def _times(factor: int) -> Cost:
    return lambda _, outputs: factor * outputs[0].elements


def _per_input(arguments: Sequence[Any], _: Sequence[TensorType]) -> int:
    return int(arguments[0].elements)


def _free(_: Sequence[Any], __: Sequence[TensorType]) -> int:
    return 0


def _product(at: int) -> Cost:
    return lambda arguments, outputs: 2 * outputs[0].elements * int(arguments[at].shape[-1])


def _scattered(arguments: Sequence[Any], _: Sequence[TensorType]) -> int:
    return int(arguments[0].elements + arguments[2].elements)


def _parameter(text: str) -> Parameter:
    name, _, kind = text.partition(":")
    return Parameter(name=name, kind=Kind(kind.rstrip("?")), optional=kind.endswith("?"))


_TABLE: dict[str, Operator] = {}


def _allow(names: str, parameters: str, infer: Infer, cost: Cost, storage: Storage = Storage.FRESH) -> None:
    places = tuple(_parameter(text) for text in parameters.split())
    for name in names.split():
        full_name = f"aten.{name}"
        _TABLE[full_name] = Operator(name=full_name, parameters=places, infer=infer, cost=cost, storage=storage)


def _elementwise(names: str, parameters: str, infer: Infer, cost: Cost = _per_output) -> None:
    _allow(names, parameters, infer, cost, Storage.ELEMENTWISE)


def _view(names: str, parameters: str, infer: Infer) -> None:
    _allow(names, parameters, infer, _free, Storage.VIEW)


_MATHS = "exp log sqrt rsqrt reciprocal sin cos tanh sigmoid silu erf floor ceil round"
_elementwise(" ".join(f"{name}.default" for name in _MATHS.split()), "self:T", rules.float_unary)
_elementwise("neg.default abs.default sign.default relu.default", "self:T", rules.number_unary)
_elementwise("logical_not.default", "self:T", rules.logical_not)
_elementwise("bitwise_not.default", "self:T", rules.integral_unary)
_elementwise("add.Tensor", "self:T other:O alpha:N", rules.arithmetic)
_elementwise("sub.Tensor", "self:T other:O alpha:N", rules.subtraction)
_elementwise("add.Scalar", "self:T other:N alpha:N", rules.arithmetic)
_elementwise("sub.Scalar rsub.Scalar", "self:T other:N alpha:N", rules.subtraction)
_elementwise("mul.Tensor", "self:T other:O", rules.arithmetic)
_elementwise("mul.Scalar", "self:T other:N", rules.arithmetic)
_elementwise("div.Tensor", "self:T other:O", rules.division)
_elementwise("div.Scalar", "self:T other:N", rules.division)
_elementwise("maximum.default minimum.default", "self:T other:T", rules.extremum)
_elementwise("pow.Tensor_Tensor", "self:T exponent:T", rules.power)
_elementwise("pow.Tensor_Scalar", "self:T exponent:N", rules.power)
_elementwise("pow.Scalar", "self:N exponent:T", rules.power)
_elementwise("eq.Tensor ne.Tensor lt.Tensor le.Tensor gt.Tensor ge.Tensor", "self:T other:T", rules.comparison)
_elementwise("eq.Scalar ne.Scalar lt.Scalar le.Scalar gt.Scalar ge.Scalar", "self:T other:N", rules.comparison)
_elementwise("logical_and.default logical_or.default logical_xor.default", "self:T other:T", rules.comparison)
_elementwise("bitwise_and.Tensor bitwise_or.Tensor bitwise_xor.Tensor", "self:T other:T", rules.bitwise)
_elementwise("where.self", "condition:T self:T other:T", rules.where)
_elementwise("where.ScalarOther", "condition:T self:T other:N", rules.where)
_elementwise("where.ScalarSelf", "condition:T self:N other:T", rules.where)
_elementwise("masked_fill.Scalar", "self:T mask:T value:N", rules.masked_fill)
_elementwise("clamp.default", "self:T min:N? max:N?", rules.clamp)
_elementwise("lerp.Scalar", "self:T end:T weight:N", rules.float_family)
_elementwise("addcmul.default addcdiv.default", "self:T tensor1:T tensor2:T value:N", rules.float_family)
_elementwise("threshold_backward.default", "grad_output:T self:T threshold:N", rules.float_family)
_elementwise("sigmoid_backward.default tanh_backward.default", "grad_output:T output:T", rules.float_family)
_elementwise("silu_backward.default", "grad_output:T self:T", rules.float_family)
_elementwise("_to_copy.default", "self:T dtype:D?", rules.cast)

_allow("sum.default", "self:T dtype:D?", rules.sum_all, _per_input)
_allow("sum.dim_IntList", "self:T dim:I[]? keepdim:B dtype:D?", rules.summed, _per_input)
_allow("mean.default", "self:T dtype:D?", rules.mean_all, _per_input)
_allow("mean.dim", "self:T dim:I[]? keepdim:B dtype:D?", rules.averaged, _per_input)
_allow("amax.default amin.default", "self:T dim:I[] keepdim:B", rules.extreme, _per_input)
_allow("cumsum.default", "self:T dim:I dtype:D?", rules.cumulative, _per_input)

_allow("mm.default", "self:T mat2:T", rules.mm, _product(0))
_allow("bmm.default", "self:T mat2:T", rules.bmm, _product(0))
_allow("addmm.default", "self:T mat1:T mat2:T beta:N alpha:N", rules.addmm, _product(1))
_allow("baddbmm.default", "self:T batch1:T batch2:T beta:N alpha:N", rules.baddbmm, _product(1))

_SLIDING = "stride:I[] padding:I[] dilation:I[] transposed:B output_padding:I[] groups:I"
_allow(
    "convolution.default",
    f"input:T weight:T bias:T? {_SLIDING}",
    windows.convolution,
    windows.convolution_cost,
)
_allow(
    "convolution_backward.default",
    f"grad_output:T input:T weight:T bias_sizes:I[]? {_SLIDING} output_mask:B[]",
    windows.convolution_backward,
    windows.convolution_backward_cost,
)
_POOLING = "self:T kernel_size:I[] stride:I[] padding:I[]"
_GREATEST, _AVERAGE = f"{_POOLING} dilation:I[] ceil_mode:B", f"{_POOLING} ceil_mode:B count_include_pad:B"
_allow("max_pool2d_with_indices.default", _GREATEST, windows.max_pool, windows.pool_cost)
_allow(
    "max_pool2d_with_indices_backward.default",
    f"grad_output:T {_GREATEST} indices:T",
    windows.max_pool_backward,
    windows.pool_backward_cost,
)
_allow("avg_pool2d.default", f"{_AVERAGE} divisor_override:I?", windows.avg_pool, windows.pool_cost)
_allow(
    "avg_pool2d_backward.default",
    f"grad_output:T {_AVERAGE} divisor_override:I?",
    windows.avg_pool_backward,
    windows.pool_backward_cost,
)

_allow("_softmax.default _log_softmax.default", "self:T dim:I half_to_float:B", rules.softmax, _times(5))
_allow(
    "_softmax_backward_data.default _log_softmax_backward_data.default",
    "grad_output:T output:T dim:I input_dtype:D",
    rules.softmax_backward,
    _times(4),
)
_allow(
    "nll_loss_forward.default",
    "self:T target:T weight:T? reduction:I ignore_index:I",
    rules.nll_loss,
    lambda arguments, _: int(arguments[1].elements),
)
_allow(
    "nll_loss_backward.default",
    "grad_output:T self:T target:T weight:T? reduction:I ignore_index:I total_weight:T",
    rules.nll_loss_backward,
    _per_output,
)
_allow(
    "embedding.default",
    "weight:T indices:T padding_idx:I scale_grad_by_freq:B sparse:B",
    rules.embedding,
    _per_output,
)
_allow(
    "embedding_dense_backward.default",
    "grad_output:T indices:T num_weights:I padding_idx:I scale_grad_by_freq:B",
    rules.embedding_backward,
    lambda arguments, outputs: int(arguments[0].elements) + outputs[0].elements,
)
_allow("gather.default", "self:T dim:I index:T sparse_grad:B", rules.gather, _per_output)
_allow("scatter_add.default", "self:T dim:I index:T src:T", rules.scatter_add, _scattered)
_allow("index_select.default", "self:T dim:I index:T", rules.index_select, _per_output)

_view("view.default _unsafe_view.default", "self:T size:I[]", layouts.view)
_view("t.default", "self:T", layouts.t)
_view("transpose.int", "self:T dim0:I dim1:I", layouts.transpose)
_view("permute.default", "self:T dims:I[]", layouts.permute)
_view("expand.default", "self:T size:I[] implicit:B", layouts.expand)
_view("unsqueeze.default", "self:T dim:I", layouts.unsqueeze)
_view("squeeze.dim", "self:T dim:I", layouts.squeeze)
_view("squeeze.dims", "self:T dim:I[]", layouts.squeeze)
_view("slice.Tensor", "self:T dim:I start:I? end:I? step:I", layouts.slicing)
_view("select.int", "self:T dim:I index:I", layouts.select)
_view("unbind.int", "self:T dim:I", layouts.unbind)
_view("split.Tensor", "self:T split_size:I dim:I", layouts.split)
_view("split_with_sizes.default", "self:T split_sizes:I[] dim:I", layouts.split_with_sizes)
_view("detach.default alias.default", "self:T", rules.identity)

_allow("clone.default", "self:T", rules.identity, _per_output)
_allow("cat.default", "tensors:T[] dim:I", layouts.cat, _per_output)
_allow("stack.default", "tensors:T[] dim:I", layouts.stack, _per_output)
_allow("constant_pad_nd.default", "self:T pad:I[] value:N", layouts.pad, _per_output)
_allow("flip.default", "self:T dims:I[]", layouts.flip, _per_output)
_allow("tril.default triu.default", "self:T diagonal:I", layouts.triangle, _per_output)
_allow(
    "slice_backward.default",
    "grad_output:T input_sizes:I[] dim:I start:I end:I step:I",
    layouts.slice_backward,
    _per_output,
)
_allow(
    "select_backward.default",
    "grad_output:T input_sizes:I[] dim:I index:I",
    layouts.select_backward,
    _per_output,
)
_allow("full.default", "size:I[] fill_value:N dtype:D?", layouts.full, _per_output)
_allow("zeros.default ones.default", "size:I[] dtype:D?", layouts.filled, _per_output)
_allow("zeros_like.default ones_like.default", "self:T dtype:D?", layouts.filled_like, _per_output)
_allow("full_like.default", "self:T fill_value:N dtype:D?", layouts.full_like, _per_output)
_allow("new_zeros.default new_ones.default", "self:T size:I[] dtype:D?", layouts.new_filled, _per_output)
_allow("scalar_tensor.default", "s:N dtype:D?", layouts.scalar, _per_output)
_allow("arange.default", "end:I dtype:D?", layouts.arange, _per_output)
_allow("arange.start", "start:I end:I dtype:D?", layouts.arange_start, _per_output)
_allow("arange.start_step", "start:I end:I step:I dtype:D?", layouts.arange_step, _per_output)

OPERATORS: Final[Mapping[str, Operator]] = MappingProxyType(_TABLE)
