"""From a PyTorch training step to a program: what the buyer does once, before anything is sent.

Decides how a traced graph is written down: ATen operators by name with every argument in the table's order, values by
number, no devices, no memory formats, no Python. Tracing runs the buyer's own module; nothing here is used on a
stranger's data. Nodes that change nothing (detach, alias, copies to the same dtype) and nodes whose results nobody
reads are left out.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch._decomp import get_decompositions
from torch._ops import OpOverload
from torch.func import functionalize
from torch.fx import GraphModule
from torch.fx import Node as FxNode
from torch.fx.experimental.proxy_tensor import make_fx

from market.protocol.errors import CommonwattError
from market.protocol.graph import Argument, Input, Node, Program, Ref, Role
from market.protocol.operators import OPERATORS
from worker.engine.aten import WORDS, type_of

Step = Callable[[dict[str, torch.Tensor], torch.Tensor, torch.Tensor], tuple[dict[str, torch.Tensor], torch.Tensor]]

# Common operators that are not on the allow-list but fall apart into ones that are.
_TAKEN_APART = (
    torch.ops.aten.native_layer_norm_backward,
    torch.ops.aten.gelu,
    torch.ops.aten.gelu_backward,
    torch.ops.aten.hardtanh,
    torch.ops.aten.leaky_relu,
    torch.ops.aten.mse_loss,
    torch.ops.aten.mse_loss_backward,
)
_SILENT = frozenset({"aten.detach.default", "aten.alias.default"})
# torch splits "unsafely" where it promises that nobody writes into the parts; in a program nobody writes anywhere.
_ALIKE = {"aten.unsafe_split.Tensor": "aten.split.Tensor"}
_MASKED = "aten.convolution_backward.default"
_UNSAID: dict[str, tuple[object, ...]] = {
    "device": (None, torch.device("cpu")),
    "pin_memory": (None, False),
    "layout": (None, torch.strided),
    "memory_format": (None, torch.contiguous_format, torch.preserve_format),
    "non_blocking": (False,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotCapture(CommonwattError):
    """The training step does something that a program cannot say."""

    operator: str
    reason: str


def capture(step: Step, state: dict[str, torch.Tensor], *, batch: int, window: int) -> Program:
    """Trace one training step into a program; raises CannotCapture or UnknownDtype.

    step: (state, tokens int64 [batch, window], step number float32 []) -> (new state, same names; loss float32 []).
    state: named tensors, in the order in which the program will list them.
    """
    names = list(state)

    def flat(values: list[torch.Tensor], tokens: torch.Tensor, number: torch.Tensor) -> tuple[torch.Tensor, ...]:
        renewed, loss = step(dict(zip(names, values, strict=True)), tokens, number)
        return (*(renewed[name] for name in names), loss)

    tokens, number = torch.zeros(batch, window, dtype=torch.int64), torch.ones((), dtype=torch.float32)
    apart: Any = {**get_decompositions(_TAKEN_APART), torch.ops.aten.native_layer_norm.default: _layer_norm}
    # A tensor from outside becomes a constant of the trace, and _Writer refuses it by name.
    traced = make_fx(flat, tracing_mode="fake", decomposition_table=apart, _allow_non_fake_inputs=True)
    graph = traced(list(state.values()), tokens, number)
    if any(_writes(node) for node in graph.graph.nodes):
        pure = make_fx(functionalize(graph, remove="mutations"), tracing_mode="fake", _allow_non_fake_inputs=True)
        graph = pure(list(state.values()), tokens, number)
    inputs = [Input(role=Role.STATE, name=name, type=type_of(value)) for name, value in state.items()]
    inputs.append(Input(role=Role.BATCH, name="batch", type=type_of(tokens)))
    inputs.append(Input(role=Role.STEP, name="step", type=type_of(number)))
    return _Writer(inputs).write(graph)


def _layer_norm(
    x: torch.Tensor, shape: list[int], weight: torch.Tensor | None, bias: torch.Tensor | None, epsilon: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """LayerNorm in means and products; torch's own way apart ends in a variance, which is not on the list."""
    dims = list(range(x.dim() - len(shape), x.dim()))
    mean = x.mean(dims, keepdim=True)
    centred = x - mean
    scale = torch.rsqrt((centred * centred).mean(dims, keepdim=True) + epsilon)
    normed = centred * scale
    normed = normed if weight is None else normed * weight
    return (normed if bias is None else normed + bias), mean, scale


class _Writer:
    """Writes down one graph: keeps which value number every traced node has."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = tuple(inputs)
        self._numbers: dict[FxNode, dict[int, int]] = {}  # by position among a node's results
        self._nodes: list[Node] = []
        self._next = len(inputs)

    def write(self, module: GraphModule) -> Program:
        module.graph.eliminate_dead_code()
        outputs: tuple[int, ...] = ()
        places = iter(range(len(self._inputs)))
        for node in module.graph.nodes:
            if node.op == "placeholder":
                self._numbers[node] = {0: next(places)}
            elif node.op == "output":
                outputs = tuple(self._numbers[value][0] for value in node.args[0])
            elif node.op == "call_function":
                self._call(node)
            else:
                raise CannotCapture(operator=str(node.target), reason=f"the trace holds a {node.op}, a constant tensor")
        return Program(inputs=self._inputs, nodes=tuple(self._nodes), outputs=outputs)

    def _call(self, node: FxNode) -> None:
        name = _ALIKE.get(str(node.target), str(node.target))
        if node.target is operator.getitem:
            source, index = node.args
            self._numbers[node] = {0: self._numbers[source][index]}  # type: ignore[index]
        elif name in _SILENT or _copies_nothing(name, node):
            self._numbers[node] = self._numbers[node.args[0]]  # type: ignore[index]
        elif name not in OPERATORS:
            raise CannotCapture(operator=name, reason="it is not on the allow-list")
        else:
            self._append(name, node)

    def _append(self, name: str, node: FxNode) -> None:
        values = node.meta["val"]
        every = values if isinstance(values, tuple | list) else (values,)
        arguments = self._arguments(name, node)
        # A gradient that was not asked for has no type and no number.
        asked = arguments[-1] if name == _MASKED else (True,) * len(every)
        made = [at for at, wanted in enumerate(asked) if wanted]  # type: ignore[arg-type]
        types = tuple(type_of(every[at]) for at in made)
        self._nodes.append(Node(operator=name, arguments=arguments, outputs=types))
        self._numbers[node] = {at: self._next + place for place, at in enumerate(made)}
        self._next += len(types)

    def _arguments(self, name: str, node: FxNode) -> tuple[Argument, ...]:
        given = _named(node)
        wanted = [parameter.name for parameter in OPERATORS[name].parameters]
        for extra in given.keys() - set(wanted):
            if given[extra] not in _UNSAID.get(extra, ()):
                raise CannotCapture(operator=name, reason=f"{extra}={given[extra]} cannot be said")
        return tuple(self._argument(name, given[place]) for place in wanted)

    def _argument(self, name: str, value: Any) -> Argument:
        if isinstance(value, FxNode):
            return Ref(self._numbers[value][0])
        if isinstance(value, torch.dtype) and value in WORDS:
            return WORDS[value]
        if isinstance(value, list | tuple):
            return tuple(self._argument(name, item) for item in value)
        if value is None or isinstance(value, bool | int | float):
            return value
        raise CannotCapture(operator=name, reason=f"an argument {value!r} cannot be said")


def _writes(node: FxNode) -> bool:
    """Whether a traced operator writes into an argument, as the cells of recurrent networks do."""
    return isinstance(node.target, OpOverload) and node.target._schema.is_mutable


def _named(node: FxNode) -> dict[str, Any]:
    """Return every argument of a call by its ATen name, defaults filled in."""
    declared = node.target._schema.arguments  # type: ignore[union-attr]
    given = {item.name: value for item, value in zip(declared, node.args, strict=False)} | dict(node.kwargs)
    return {item.name: given.get(item.name, item.default_value) for item in declared if _is_set(item, given)}


def _is_set(item: Any, given: dict[str, Any]) -> bool:
    return item.name in given or item.has_default_value()


def _copies_nothing(name: str, node: FxNode) -> bool:
    """A cast to the dtype that the tensor has: proven by the traced types on both sides."""
    source = node.args[0] if node.args else None
    if name != "aten._to_copy.default" or not isinstance(source, FxNode):
        return False
    return type_of(source.meta["val"]) == type_of(node.meta["val"])
