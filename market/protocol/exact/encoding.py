"""The bytes of a leaf: what `leavesRoot` commits to and the EVM decodes.

Decides one binary form, big-endian, without choices: equal leaves have equal bytes, and bytes that decode encode to
themselves. contracts/src/libraries/Leaves.sol reads the same form. Never judges whether a leaf is sound.
"""

import struct

from market.protocol.exact.leaf import (
    MAX_DIMENSIONS,
    MAX_GUARDS,
    Guard,
    Kind,
    Leaf,
    LeafMalformed,
    Op,
    Operand,
    View,
    WordType,
)


def encode(leaf: Leaf) -> bytes:
    """Return the leaf's bytes."""
    head = struct.pack(">BBBBI", leaf.op, len(leaf.shape), len(leaf.operands), leaf.type, leaf.length)
    sizes = struct.pack(f">{len(leaf.shape)}I", *leaf.shape)
    return head + sizes + b"".join(map(_encode_operand, leaf.operands))


def _encode_operand(operand: Operand) -> bytes:
    if operand.kind is Kind.CONSTANT:
        return struct.pack(">BI", operand.kind, operand.word)
    view = operand.view
    assert view is not None, "check_leaf has seen to it"
    parts = [
        struct.pack(
            ">BBIQBIq",
            operand.kind,
            len(view.guards),
            operand.source,
            operand.elements,
            operand.type,
            view.fill,
            view.offset,
        ),
        struct.pack(f">{len(view.strides)}q", *view.strides),
    ]
    for guard in view.guards:
        parts.append(struct.pack(">qIIq", guard.base, guard.divisor, guard.size, guard.stride))
        parts.append(struct.pack(f">{len(guard.coefficients)}q", *guard.coefficients))
    return b"".join(parts)


def decode(data: bytes) -> Leaf:
    """Return the leaf that these bytes stand for; raises LeafMalformed with the place of the first fault."""
    reader = _Reader(data)
    op, count, operands, kind, length = reader.take(">BBBBI")
    reader.require(op in Op.__members__.values(), f"{op} is no primitive")
    reader.require(kind in WordType.__members__.values(), f"{kind} is no word type")
    reader.require(count <= MAX_DIMENSIONS and operands <= 3, f"{count} dimensions, {operands} operands")
    shape = reader.take(f">{count}I")
    leaf = Leaf(
        op=Op(op),
        type=WordType(kind),
        shape=shape,
        length=length,
        operands=tuple(_decode_operand(reader, count) for _ in range(operands)),
    )
    reader.require(reader.offset == len(data), "bytes are left over")
    return leaf


def _decode_operand(reader: "_Reader", count: int) -> Operand:
    (kind,) = reader.take(">B")
    reader.require(kind in Kind.__members__.values(), f"{kind} is no kind of operand")
    if kind == Kind.CONSTANT:
        return Operand(kind=Kind.CONSTANT, word=reader.take(">I")[0])
    guards, source, elements, words, fill, offset = reader.take(">BIQBIq")
    reader.require(guards <= MAX_GUARDS, f"{guards} guards")
    reader.require(words in WordType.__members__.values(), f"{words} is no word type")
    strides = reader.take(f">{count}q")
    bounds = tuple(_decode_guard(reader, count) for _ in range(guards))
    view = View(offset=offset, strides=strides, guards=bounds, fill=fill)
    return Operand(kind=Kind(kind), source=source, elements=elements, type=WordType(words), view=view)


def _decode_guard(reader: "_Reader", count: int) -> Guard:
    base, divisor, size, stride = reader.take(">qIIq")
    return Guard(base=base, divisor=divisor, size=size, stride=stride, coefficients=reader.take(f">{count}q"))


class _Reader:
    """Reads big-endian fields one after another."""

    def __init__(self, data: bytes) -> None:
        self._data, self.offset = data, 0

    def take(self, form: str) -> tuple[int, ...]:
        size = struct.calcsize(form)
        self.require(self.offset + size <= len(self._data), "the bytes end too soon")
        fields = struct.unpack_from(form, self._data, self.offset)
        self.offset += size
        return fields

    def require(self, condition: bool, reason: str) -> None:
        if not condition:
            raise LeafMalformed(offset=self.offset, reason=reason)
