"""Which results may be written over an argument that nobody needs any more.

Decides nothing about values: element by element, the same operator writes the same bits into a dead argument's memory
as into fresh memory, and saves the page faults. An argument qualifies when every value in its memory dies with this
node, it covers that memory once, and no other argument lies in it. Knows of the graph only; never guesses about
strides.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import torch

from market.protocol.graph import Node, Program, Ref
from market.protocol.operators import OPERATORS, Storage

INTO: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "aten.add.Tensor": torch.add,
        "aten.sub.Tensor": torch.sub,
        "aten.mul.Tensor": torch.mul,
        "aten.div.Tensor": torch.div,
        "aten.sqrt.default": torch.sqrt,
        "aten.rsqrt.default": torch.rsqrt,
        "aten.exp.default": torch.exp,
        "aten.log.default": torch.log,
        "aten.tanh.default": torch.tanh,
        "aten.sigmoid.default": torch.sigmoid,
        "aten.pow.Tensor_Scalar": torch.pow,
        "aten.lerp.Scalar": torch.lerp,
        "aten.addcmul.default": torch.addcmul,
        "aten.addcdiv.default": torch.addcdiv,
    }
)
_WHOLE_VIEWS: Final = frozenset(
    {
        "aten.view.default",
        "aten._unsafe_view.default",
        "aten.t.default",
        "aten.transpose.int",
        "aten.permute.default",
        "aten.unsqueeze.default",
    }
)


class Reuse:
    """Answers, for one program, which argument of a node its result may replace."""

    def __init__(self, program: Program) -> None:
        self._types = program.value_types()
        self._homes, self._whole = _homes(program)
        self._last: dict[int, int] = {}
        for at, node in enumerate(program.nodes):
            self._last.update({self._homes[value]: at for value in node.references()})
        self._kept = {*range(len(program.inputs)), *(self._homes[value] for value in program.outputs)}

    def place(self, at: int, node: Node) -> int | None:
        """Return the position, among the node's arguments, of the tensor to write over; None when there is none."""
        if node.operator not in INTO:
            return None
        for place, argument in enumerate(node.arguments):
            if isinstance(argument, Ref) and self._is_free(at, node, argument.value):
                return place
        return None

    def _is_free(self, at: int, node: Node, value: int) -> bool:
        home = self._homes[value]
        dies = home not in self._kept and self._last[home] == at
        alone = {other for other in node.references() if self._homes[other] == home} == {value}
        return dies and alone and self._whole[value] and self._types[value] == node.outputs[0]


def _homes(program: Program) -> tuple[list[int], list[bool]]:
    """Return, for every value, the value its memory was made for, and whether it covers that memory exactly once."""
    homes = list(range(len(program.inputs)))
    whole = [True] * len(homes)
    for node in program.nodes:
        is_view = OPERATORS[node.operator].storage is Storage.VIEW
        source = next(node.references(), 0)
        for _ in node.outputs:
            homes.append(homes[source] if is_view else len(homes))
            whole.append(not is_view or (node.operator in _WHOLE_VIEWS and whole[source]))
    return homes, whole
