"""What convolutions and poolings make of their arguments: operators that look through a window that moves.

Decides output types, and where windows may stand, from shapes and settings alone; the same contract as
`market.protocol.rules`. One or two dimensions of space for a convolution, two for a pooling; a batch always. Transposed
convolutions are refused by name. Touches no content.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

from market.protocol.rules import Types
from market.protocol.shapes import DType, TensorType, check_shape, floats, require

FAR = 1 << 16  # no window reaches further, so no product of settings comes near the end of an integer
_FRONT = 2  # batch and channels come before space


def convolution(  # noqa: PLR0917 ATen's own order
    x: TensorType,
    weight: TensorType,
    bias: TensorType | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Types:
    space = len(x.shape) - _FRONT
    require(space in (1, 2), f"wants [batch, channels, ...] with one or two dimensions of space, not {x}")
    require(len(weight.shape) == len(x.shape), f"{weight} does not filter {x}")
    require(not transposed, "transposed convolutions are not served")
    require(tuple(output_padding) == (0,) * space, f"output_padding {list(output_padding)} belongs to transposed ones")
    dtype = floats(x, weight, *([bias] if bias is not None else []))
    filters, depth = weight.shape[:2]
    require(0 < groups <= filters, f"{groups} groups of {filters} filters")
    fits = filters % groups == 0 and depth * groups == x.shape[1]
    require(fits, f"{weight} does not filter {x} in {groups} groups")
    require(bias is None or bias.shape == (filters,), f"{bias} is not a bias for each of {filters} filters")
    places = spread(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    return (TensorType(dtype, check_shape((x.shape[0], filters, *places))),)


def convolution_backward(  # noqa: PLR0917 ATen's own order
    grad: TensorType,
    x: TensorType,
    weight: TensorType,
    bias_sizes: Sequence[int] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    output_mask: Sequence[bool],
) -> Types:
    """The gradients that the mask asks for, and no others: of the input, the weight, the bias."""
    require(len(output_mask) == 3 and any(output_mask), f"{list(output_mask)} does not choose among three gradients")
    made = convolution(x, weight, None, stride, padding, dilation, transposed, output_padding, groups)[0]
    require(grad == made, f"wants a gradient of {made}, not {grad}")
    sizes = (weight.shape[0],)
    # Without a bias, torch writes null or [0].
    known = {sizes} if output_mask[2] else {sizes, None, (0,)}
    require((bias_sizes if bias_sizes is None else tuple(bias_sizes)) in known, f"a bias of {bias_sizes} sizes")
    every = (x, weight, x.with_shape(sizes))
    return tuple(item for item, wanted in zip(every, output_mask, strict=True) if wanted)


def max_pool(  # noqa: PLR0917 ATen's own order
    x: TensorType,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> Types:
    """The greatest of every window, and where in its plane it lies."""
    floats(x)
    shape = _pooled(x, kernel, stride, padding, dilation, ceil_mode=ceil_mode)
    return (x.with_shape(shape), TensorType(DType.I64, shape))


def max_pool_backward(  # noqa: PLR0917 ATen's own order
    grad: TensorType,
    x: TensorType,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
    indices: TensorType,
) -> Types:
    made = max_pool(x, kernel, stride, padding, dilation, ceil_mode)
    require((grad, indices) == made, f"wants a gradient and indices of {made[0]}, not {grad} and {indices}")
    return (x,)


def avg_pool(  # noqa: PLR0917 ATen's own order
    x: TensorType,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Types:
    floats(x)
    require(divisor is None or 0 < divisor < FAR, f"a divisor of {divisor}")
    return (x.with_shape(_pooled(x, kernel, stride, padding, (1, 1), ceil_mode=ceil_mode)),)


def avg_pool_backward(  # noqa: PLR0917 ATen's own order
    grad: TensorType,
    x: TensorType,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Types:
    made = avg_pool(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor)[0]
    require(grad == made, f"wants a gradient of {made}, not {grad}")
    return (x,)


# --- costs


def convolution_cost(arguments: Sequence[Any], outputs: Sequence[TensorType]) -> int:
    return int(2 * outputs[0].elements * prod(arguments[1].shape[1:]))


def convolution_backward_cost(arguments: Sequence[Any], outputs: Sequence[TensorType]) -> int:
    grad, mask = arguments[0], arguments[10]
    product = 2 * grad.elements * prod(arguments[2].shape[1:])
    return int(product * (mask[0] + mask[1]) + grad.elements * mask[2])


def pool_cost(arguments: Sequence[Any], outputs: Sequence[TensorType]) -> int:
    return int(outputs[0].elements * prod(arguments[1]))


def pool_backward_cost(arguments: Sequence[Any], outputs: Sequence[TensorType]) -> int:
    return int(arguments[0].elements * prod(arguments[2]) + outputs[0].elements)


# --- where windows stand


def spread(
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    *,
    ceil_mode: bool = False,
) -> tuple[int, ...]:
    """Return how many windows stand along each dimension of space; raises Unfit."""
    settings = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    for name, values in settings.items():
        low = 0 if name == "padding" else 1
        fits = len(values) == len(sizes) and all(low <= value < FAR for value in values)
        require(fits, f"{name} {list(values)} does not suit {len(sizes)} dimensions of space")
    every = zip(sizes, kernel, stride, padding, dilation, strict=True)
    return tuple(_windows(*item, ceil_mode=ceil_mode) for item in every)


def _windows(size: int, kernel: int, stride: int, padding: int, dilation: int, *, ceil_mode: bool) -> int:
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    require(room >= 0, f"a window of {kernel} (dilation {dilation}) is larger than {size} with padding {padding}")
    count = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    # A window may hang over the end, but must begin inside the input or the padding before it.
    return count - 1 if ceil_mode and (count - 1) * stride >= size + padding else count


def _pooled(
    x: TensorType,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    *,
    ceil_mode: bool,
) -> tuple[int, ...]:
    require(len(x.shape) == _FRONT + 2, f"pools [batch, channels, height, width], not {x}")
    require(len(padding) == len(kernel) == 2, f"kernel {list(kernel)} and padding {list(padding)} are not two each")
    half = all(2 * margin <= size for margin, size in zip(padding, kernel, strict=True))
    require(half, f"padding {list(padding)} exceeds half the kernel {list(kernel)}")
    places = spread(x.shape[2:], kernel, stride or kernel, padding, dilation, ceil_mode=ceil_mode)
    return check_shape((*x.shape[:2], *places))
