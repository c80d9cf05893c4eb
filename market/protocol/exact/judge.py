"""What one element of one leaf is, given the words that the leaf reads: the meaning of every primitive, in one place.

Decides views, guards, gathers, float and integer operations and the order of a chain's multiply-adds. Twin of
contracts/src/libraries/Judge.sol, which decides disputes. Never looks at more of a value than it is asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Final

from market.protocol.errors import CommonwattError
from market.protocol.exact import float32
from market.protocol.exact.leaf import BLOCK_WORDS, CHAINS, CHUNK, Guard, Kind, Leaf, Op, Operand, View, WordType

WordOf = Callable[[int, int], int]  # (operand number, linear index) -> word of the value that the operand reads
_WORD: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSuchElement(CommonwattError):
    """An element or a piece that the leaf does not have."""

    index: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What an operand reads: word `linear` of value `source` (`source` None: no value), else `word` itself."""

    word: int = 0
    source: int | None = None
    linear: int = 0


def locate(leaf: Leaf, index: int, operand: int, nudge: int = 0) -> Place:
    """Return what operand number `operand` reads for element `index`. nudge: a gather's signed index, for its table."""
    return _resolve(leaf.operands[operand], coordinates(leaf, index), nudge)


def coordinates(leaf: Leaf, index: int) -> tuple[int, ...]:
    """Return the coordinates of one element of the leaf's value, outermost first."""
    count = prod(leaf.shape)
    if not 0 <= index < count:
        raise NoSuchElement(index=index, count=count)
    place: list[int] = []
    for size in reversed(leaf.shape):
        index, at = divmod(index, size)
        place.append(at)
    return tuple(reversed(place))


def element(leaf: Leaf, index: int, word_of: WordOf) -> int:
    """Return the word of element `index`; of a chain it is the word after its last piece."""
    if leaf.op in CHAINS:
        return chain_word(leaf.length, *chain_state(leaf, index, piece_count(leaf.length), word_of))
    word = _element(leaf, index, word_of)
    return float32.canonical(word) if leaf.type is WordType.F32 else word


def piece_count(length: int) -> int:
    """Return how many pieces of 64 multiply-adds a chain has."""
    return -(-length // BLOCK_WORDS)


def chain_state(leaf: Leaf, index: int, pieces: int, word_of: WordOf) -> tuple[int, int]:
    """Return (total, acc) of a chain after its first `pieces` pieces."""
    total = acc = 0
    for piece in range(pieces):
        total, acc = chain_piece(leaf, index, piece, total, acc, word_of)
    return total, acc


def chain_piece(  # noqa: PLR0917 the order of Judge.sol
    leaf: Leaf, index: int, piece: int, total: int, acc: int, word_of: WordOf
) -> tuple[int, int]:
    """Return (total, acc) after piece `piece`, from that before it.

    Chunks are folded lazily: `acc` of a finished chunk joins `total` when the next chunk starts.
    """
    if leaf.op not in CHAINS or not 0 <= piece < piece_count(leaf.length):
        raise NoSuchElement(index=piece, count=piece_count(leaf.length))
    first = piece * BLOCK_WORDS
    if piece == 0:
        total = acc = 0
    elif first % CHUNK == 0:
        total, acc = (acc if first == CHUNK else float32.add(total, acc)), 0
    places = [_resolve(operand, coordinates(leaf, index), 0) for operand in leaf.operands]
    key = _read(places[0], 0, 0, word_of) if leaf.op is Op.MATCH else 0
    rows = range(len(places))[-2:]
    for k in range(first, min(first + BLOCK_WORDS, leaf.length)):
        left, right = (_read(places[row], row, k, word_of) for row in rows)
        if leaf.op is Op.CHAIN:
            acc = float32.fma(left, right, acc)
        elif left == key:
            acc = float32.add(acc, right)
    return total, acc


def chain_word(length: int, total: int, acc: int) -> int:
    """Return the word of a chain whose state after its last multiply-add is (total, acc)."""
    return acc if length <= CHUNK else float32.add(total, acc)


def _element(leaf: Leaf, index: int, word_of: WordOf) -> int:
    place = coordinates(leaf, index)

    def word(operand: int, nudge: int = 0) -> int:
        return _read(_resolve(leaf.operands[operand], place, nudge), operand, 0, word_of)

    if leaf.op is Op.GATHER:
        return word(0, _signed(word(1)))
    if leaf.op is Op.SELECT:
        return word(1 if word(0) else 2)
    return _PRIMITIVES[leaf.op](*(word(operand) for operand in range(len(leaf.operands))))


def _resolve(operand: Operand, place: tuple[int, ...], nudge: int) -> Place:
    if operand.kind is Kind.CONSTANT:
        return Place(word=operand.word)
    view = operand.view
    assert view is not None, "check_leaf has seen to it"
    linear = _linear(view, place, nudge)
    if linear is None:
        return Place(word=view.fill)
    if operand.kind is Kind.INDEX:
        return Place(word=linear & _WORD)
    if not 0 <= linear < operand.elements:
        raise NoSuchElement(index=linear, count=operand.elements)
    return Place(source=operand.source, linear=linear)


def _linear(view: View, place: tuple[int, ...], nudge: int) -> int | None:
    """The linear index, or None outside a guard. Only the first guard is nudged."""
    linear = view.offset + _dot(view.strides, place)
    for guard in view.guards:
        step = _step(guard, _dot(guard.coefficients, place) + nudge)
        if step is None:
            return None
        linear, nudge = linear + step, 0
    return linear


def _step(guard: Guard, moved: int) -> int | None:
    quotient, rest = divmod(guard.base + moved, guard.divisor)
    return quotient * guard.stride if rest == 0 and 0 <= quotient < guard.size else None


def _dot(factors: tuple[int, ...], place: tuple[int, ...]) -> int:
    return sum(factor * at for factor, at in zip(factors, place, strict=True))


def _read(place: Place, operand: int, ahead: int, word_of: WordOf) -> int:
    return place.word if place.source is None else word_of(operand, place.linear + ahead)


def _signed(word: int) -> int:
    return word - ((word & 0x80000000) << 1)


def _same(word: int) -> int:
    return word


_PRIMITIVES: Final[MappingProxyType[Op, Callable[..., int]]] = MappingProxyType(
    {
        Op.COPY: _same,
        Op.ADD: float32.add,
        Op.SUB: float32.sub,
        Op.MUL: float32.mul,
        Op.DIV: float32.div,
        Op.FMA: float32.fma,
        Op.SQRT: float32.sqrt,
        Op.LT: float32.lt,
        Op.LE: float32.le,
        Op.EQ: float32.eq,
        Op.ITOF: float32.itof,
        Op.FTOI: float32.ftoi,
        Op.BITS: float32.canonical,
        Op.FLOAT: _same,
        Op.IADD: lambda a, b: a + b & _WORD,
        Op.ISUB: lambda a, b: a - b & _WORD,
        Op.IMUL: lambda a, b: a * b & _WORD,
        Op.IAND: lambda a, b: a & b,
        Op.IOR: lambda a, b: a | b,
        Op.IXOR: lambda a, b: a ^ b,
        Op.ISHL: lambda a, b: a << (b & 31) & _WORD,
        Op.ISHR: lambda a, b: _signed(a) >> (b & 31) & _WORD,
        Op.ILT: lambda a, b: int(_signed(a) < _signed(b)),
        Op.IEQ: lambda a, b: int(a == b),
    }
)
