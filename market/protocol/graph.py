"""A job's computation as data: a graph of allow-listed operators, never code.

Decides the document: canonical JSON, a list of inputs, a list of nodes, a list of outputs. Values are numbered, inputs
first, then every node's outputs in order; a reference names an earlier value by that number. Integers, booleans and
null stand as themselves, a float as {"f": exact hexadecimal text}, a dtype as {"d": name}, a reference as {"v":
number}, so that none can be taken for another. There are no expressions, no names of anybody's functions, and no
devices.

`Program.decode` judges the form alone; `market.protocol.programs` judges the content.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isnan
from typing import Any, NoReturn, Self

from market.protocol import canonical
from market.protocol.errors import CommonwattError
from market.protocol.shapes import DType, TensorType, check_shape

MAX_DOCUMENT_BYTES = 32 << 20
MAX_NAME_CHARACTERS = 200
_INT64 = 1 << 63
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramMalformed(CommonwattError):
    """The program document does not have the agreed form."""

    where: str
    reason: str


class Role(StrEnum):
    """What an input is: a tensor that the step renews, the windows of the dataset, or the global step number from 1."""

    STATE = "state"
    BATCH = "batch"
    STEP = "step"


@dataclass(frozen=True, slots=True)
class Ref:
    """A value by number: inputs first, then node outputs in order."""

    value: int


Argument = Ref | DType | int | float | bool | None | tuple["Argument", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input of the step, with the name that a state tensor bears in safetensors."""

    role: Role
    name: str
    type: TensorType


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One call of one operator, with every argument in the table's order and the declared type of every output."""

    operator: str
    arguments: tuple[Argument, ...]
    outputs: tuple[TensorType, ...]

    def references(self) -> Iterator[int]:
        """Yield every value number among the arguments."""
        for argument in self.arguments:
            for item in argument if isinstance(argument, tuple) else (argument,):
                if isinstance(item, Ref):
                    yield item.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One step: inputs, nodes in order of execution, and the outputs by value number (new states, then loss)."""

    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    version: int = VERSION

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Parse canonical JSON; raises ProgramMalformed or NotCanonical with the place of the first fault."""
        document = canonical.decode(data, max_bytes=MAX_DOCUMENT_BYTES)
        fields = _object(document, "$", {"version", "inputs", "nodes", "outputs"})
        if fields["version"] != VERSION or isinstance(fields["version"], bool):
            _fail("$.version", f"{fields['version']!r} is not {VERSION}")
        return cls(
            inputs=tuple(_input(item, f"$.inputs[{i}]") for i, item in enumerate(_list(fields["inputs"], "$.inputs"))),
            nodes=tuple(_node(item, f"$.nodes[{i}]") for i, item in enumerate(_list(fields["nodes"], "$.nodes"))),
            outputs=tuple(_integers(fields["outputs"], "$.outputs")),
        )

    def encode(self) -> bytes:
        """Return the canonical JSON, whose SHA-256 is the program's name."""
        return canonical.encode(
            {
                "version": self.version,
                "inputs": [{"role": i.role.value, "name": i.name, **_type_json(i.type)} for i in self.inputs],
                "nodes": [
                    {
                        "operator": node.operator,
                        "arguments": [_argument_json(argument) for argument in node.arguments],
                        "outputs": [_type_json(output) for output in node.outputs],
                    }
                    for node in self.nodes
                ],
                "outputs": list(self.outputs),
            }
        )

    def inputs_of(self, role: Role) -> tuple[Input, ...]:
        return tuple(item for item in self.inputs if item.role is role)

    def value_types(self) -> list[TensorType]:
        """Return the declared type of every value, by number."""
        return [item.type for item in self.inputs] + [output for node in self.nodes for output in node.outputs]


def _argument_json(argument: Argument) -> Any:
    if isinstance(argument, Ref):
        return {"v": argument.value}
    if isinstance(argument, DType):
        return {"d": argument.value}
    if isinstance(argument, float):
        return {"f": canonical.float_to_text(argument)}
    return [_argument_json(item) for item in argument] if isinstance(argument, tuple) else argument


def _type_json(kind: TensorType) -> dict[str, Any]:
    return {"dtype": kind.dtype.value, "shape": list(kind.shape)}


def _input(value: Any, where: str) -> Input:
    fields = _object(value, where, {"role", "name", "dtype", "shape"})
    name = fields["name"]
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        _fail(f"{where}.name", "not a printable name of 1 to 200 characters")
    if fields["role"] not in list(Role):
        _fail(f"{where}.role", f"{fields['role']!r} is none of {', '.join(Role)}")
    kind = _type({"dtype": fields["dtype"], "shape": fields["shape"]}, where)
    return Input(role=Role(fields["role"]), name=name, type=kind)


def _node(value: Any, where: str) -> Node:
    fields = _object(value, where, {"operator", "arguments", "outputs"})
    name = fields["operator"]
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_CHARACTERS:
        _fail(f"{where}.operator", "not a name")
    arguments = _list(fields["arguments"], f"{where}.arguments")
    outputs = _list(fields["outputs"], f"{where}.outputs")
    return Node(
        operator=name,
        arguments=tuple(_argument(item, f"{where}.arguments[{i}]", depth=1) for i, item in enumerate(arguments)),
        outputs=tuple(_type(item, f"{where}.outputs[{i}]") for i, item in enumerate(outputs)),
    )


def _argument(value: Any, where: str, *, depth: int) -> Argument:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _int64(value, where)
    if isinstance(value, list) and depth > 0:
        return tuple(_argument(item, f"{where}[{i}]", depth=depth - 1) for i, item in enumerate(value))
    if isinstance(value, dict) and len(value) == 1:
        return _tagged(*next(iter(value.items())), where)
    return _fail(where, "not an integer, a boolean, null, a flat list, a float, a dtype or a reference")


def _tagged(tag: str, value: Any, where: str) -> Argument:
    if tag == "v":
        return Ref(_natural(value, where))
    if tag == "d":
        return _dtype(value, where)
    if tag == "f" and isinstance(value, str):
        return _float(value, where)
    return _fail(where, f"{tag!r} tags neither a reference, a dtype nor a float")


def _float(text: str, where: str) -> float:
    try:
        number = canonical.text_to_float(text)
    except (ValueError, OverflowError) as error:
        return _fail(where, str(error))
    return _fail(where, "a constant that is not a number") if isnan(number) else number


def _type(value: Any, where: str) -> TensorType:
    fields = _object(value, where, {"dtype", "shape"})
    sizes = _integers(fields["shape"], f"{where}.shape")
    try:
        return TensorType(_dtype(fields["dtype"], where), check_shape(sizes))
    except ValueError as error:
        return _fail(f"{where}.shape", str(error))


def _dtype(value: Any, where: str) -> DType:
    return DType(value) if value in list(DType) else _fail(where, f"{value!r} is none of {', '.join(DType)}")


def _object(value: Any, where: str, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        _fail(where, "not an object")
    if value.keys() != names:
        _fail(where, f"has the fields {sorted(value)[:10]}, not {sorted(names)}")
    return value


def _list(value: Any, where: str) -> Sequence[Any]:
    return value if isinstance(value, list) else _fail(where, "not a list")


def _integers(value: Any, where: str) -> list[int]:
    return [_natural(item, f"{where}[{i}]") for i, item in enumerate(_list(value, where))]


def _natural(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        _fail(where, f"{str(value)[:40]!r} is not a natural number")
    return _int64(value, where)


def _int64(value: int, where: str) -> int:
    return value if -_INT64 <= value < _INT64 else _fail(where, "an integer beyond 64 bits")


def _fail(where: str, reason: str) -> NoReturn:
    raise ProgramMalformed(where=where, reason=reason)
