"""The leaves of an exact program: one primitive over 32-bit words, and where it reads them.

Decides what a leaf is, which leaves are sound, and the bytes that stand for one on chain. A leaf makes one value (a
row-major array of words, float32 or int32) out of earlier values. Every element of it is given by one formula over
words that the EVM can evaluate alone (`judge`, and contracts/src/libraries/Judge.sol), so the list of leaves is the
whole meaning of a program: workers execute it, disputes replay it, the court judges one piece of it. Never runs
anything; never knows an ATen operator.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import prod
from types import MappingProxyType
from typing import Final

from market.protocol.errors import CommonwattError

BLOCK_WORDS: Final = 64  # what is hashed together, and what one judgement reads of an operand
CHUNK: Final = 256  # multiply-adds in one accumulator before its sum is added to the total
MAX_DIMENSIONS: Final = 8
MAX_GUARDS: Final = 4
MAX_ELEMENTS: Final = 1 << 33
ONE: Final = 0x3F800000  # 1.0
CANONICAL_NAN: Final = 0x7FC00000


class Op(IntEnum):
    """The primitives. Floats round to nearest even and keep subnormals; integers wrap; comparisons give 0 or 1."""

    COPY = 0
    ADD = 1
    SUB = 2
    MUL = 3
    DIV = 4
    FMA = 5
    SQRT = 6
    LT = 7
    LE = 8
    EQ = 9
    SELECT = 10
    ITOF = 11
    FTOI = 12
    BITS = 13
    FLOAT = 14
    IADD = 16
    ISUB = 17
    IMUL = 18
    IAND = 19
    IOR = 20
    IXOR = 21
    ISHL = 22
    ISHR = 23
    ILT = 24
    IEQ = 25
    GATHER = 32
    CHAIN = 40
    MATCH = 41


class WordType(IntEnum):
    """What the words of a value are."""

    F32 = 0
    I32 = 1


class Kind(IntEnum):
    """What an operand reads: words of a value, one constant word, or its own linear index."""

    VALUE = 0
    CONSTANT = 1
    INDEX = 2


_F, _I = WordType.F32, WordType.I32
# What each primitive takes; None stands for either type.
TAKES: Final = MappingProxyType(
    {
        Op.COPY: (None,),
        **dict.fromkeys((Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.LT, Op.LE, Op.EQ, Op.CHAIN), (_F, _F)),
        Op.FMA: (_F, _F, _F),
        **dict.fromkeys((Op.SQRT, Op.FTOI, Op.BITS), (_F,)),
        Op.SELECT: (_I, None, None),
        **dict.fromkeys((Op.ITOF, Op.FLOAT), (_I,)),
        **dict.fromkeys((Op.IADD, Op.ISUB, Op.IMUL, Op.IAND, Op.IOR, Op.IXOR), (_I, _I)),
        **dict.fromkeys((Op.ISHL, Op.ISHR, Op.ILT, Op.IEQ), (_I, _I)),
        Op.GATHER: (None, _I),
        Op.MATCH: (_I, _I, _F),
    }
)
_GIVES_INTEGERS: Final = frozenset(
    {Op.LT, Op.LE, Op.EQ, Op.FTOI, Op.BITS, Op.ILT, Op.IEQ}
    | {Op.IADD, Op.ISUB, Op.IMUL, Op.IAND, Op.IOR, Op.IXOR, Op.ISHL, Op.ISHR}
)
_GIVES_EITHER: Final = frozenset({Op.COPY, Op.SELECT, Op.GATHER})
CHAINS: Final = frozenset({Op.CHAIN, Op.MATCH})
# Operands of a chain that name the word where a row starts.
ROWS: Final = MappingProxyType({Op.CHAIN: (0, 1), Op.MATCH: (1, 2)})


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLeaf(CommonwattError):
    """A leaf that no program may hold."""

    at: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafMalformed(CommonwattError):
    """Bytes that are not the encoding of a leaf."""

    offset: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A bound on t = base + sum(coefficients * coordinates): inside when t is a multiple of `divisor` and the quotient
    lies in [0, size); the quotient then moves the index by `stride` each."""

    base: int
    coefficients: tuple[int, ...]
    size: int
    stride: int
    divisor: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where an operand reads for every output coordinate; outside its guards it reads the word `fill`."""

    offset: int
    strides: tuple[int, ...]
    guards: tuple[Guard, ...] = ()
    fill: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """VALUE: source, elements, type and view. CONSTANT: word. INDEX: view."""

    kind: Kind
    source: int = 0
    elements: int = 0
    type: WordType = WordType.I32
    view: View | None = None
    word: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One primitive. shape: of its value, () for one word. length: multiply-adds of a chain, else 0."""

    op: Op
    type: WordType
    shape: tuple[int, ...]
    operands: tuple[Operand, ...]
    length: int = 0

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One input: a state tensor, the batch (int32 [batch, window]) or the step number (float32 scalar)."""

    name: str
    type: WordType
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactProgram:
    """One training step. inputs: state slots, then batch, then step. outputs: the value number of every new state slot,
    in order; loss: that of the loss."""

    inputs: tuple[Slot, ...]
    leaves: tuple[Leaf, ...]
    outputs: tuple[int, ...]
    loss: int

    @property
    def state_slots(self) -> tuple[Slot, ...]:
        return self.inputs[: len(self.outputs)]

    @property
    def batch_value(self) -> int:
        return len(self.outputs)

    @property
    def step_value(self) -> int:
        return len(self.outputs) + 1

    def elements_of(self, value: int) -> int:
        """Return how many words a value has."""
        count = len(self.inputs)
        return self.inputs[value].elements if value < count else self.leaves[value - count].elements

    def type_of(self, value: int) -> WordType:
        count = len(self.inputs)
        return self.inputs[value].type if value < count else self.leaves[value - count].type


def linear_range(view: View, shape: Sequence[int]) -> tuple[int, int]:
    """Return the least and the greatest linear index that the view can read from inside its guards."""
    low = high = view.offset
    for stride, size in zip(view.strides, shape, strict=True):
        low, high = low + min(0, stride * (size - 1)), high + max(0, stride * (size - 1))
    for guard in view.guards:
        reach = guard.stride * (guard.size - 1)
        low, high = low + min(0, reach), high + max(0, reach)
    return low, high


def check_leaf(program: ExactProgram, at: int) -> None:
    """Raise BadLeaf unless leaf `at` reads only earlier values, inside their bounds, with words of the right type."""
    leaf = program.leaves[at]
    _require(len(leaf.shape) <= MAX_DIMENSIONS, at, f"{len(leaf.shape)} dimensions")
    _require(all(0 < size < 1 << 32 for size in leaf.shape), at, f"shape {list(leaf.shape)}")
    _require(leaf.elements <= MAX_ELEMENTS, at, f"{leaf.elements} elements")
    _require((leaf.length > 0) == (leaf.op in CHAINS) and leaf.length < 1 << 32, at, f"length {leaf.length}")
    wanted = TAKES[leaf.op]
    _require(len(leaf.operands) == len(wanted), at, f"{leaf.op.name} takes {len(wanted)}, not {len(leaf.operands)}")
    for place, operand in enumerate(leaf.operands):
        _check_operand(program, at, place)
        suits = operand.kind is Kind.CONSTANT or wanted[place] in (None, operand.type)
        _require(suits, at, f"operand {place} has words of the wrong type")
    _check_result(leaf, at)


def check_program(program: ExactProgram) -> None:
    """Raise BadLeaf for the first leaf that is not sound, or for outputs that do not fit the state slots."""
    _require(len(program.leaves) > 0 and len(program.outputs) > 0, 0, "no leaves or no state")
    slots = len(program.inputs) == len(program.outputs) + 2
    _require(slots, 0, f"{len(program.outputs)} outputs for {len(program.inputs)} inputs, two of them batch and step")
    for at in range(len(program.leaves)):
        check_leaf(program, at)
    values = len(program.inputs) + len(program.leaves)
    for slot, value in zip(program.state_slots, program.outputs, strict=True):
        _require(0 <= value < values, len(program.leaves), f"output {value} of {values} values")
        # The batch and the step have no root of their own in a trace.
        has_root = value not in {program.batch_value, program.step_value}
        _require(has_root, len(program.leaves), f"output {value} is no state and no leaf")
        fits = program.elements_of(value) == slot.elements and program.type_of(value) == slot.type
        _require(fits, len(program.leaves), f"output {value} does not fit slot {slot.name}")
    _require(0 <= program.loss < values, len(program.leaves), f"loss {program.loss} of {values} values")


def _check_operand(program: ExactProgram, at: int, place: int) -> None:
    leaf = program.leaves[at]
    operand = leaf.operands[place]
    is_row = place in ROWS.get(leaf.op, ())
    if operand.kind is Kind.CONSTANT:
        _require(_is_word(operand.word), at, f"operand {place} is no word")
        return
    view = operand.view
    _require(view is not None and len(view.strides) == len(leaf.shape), at, f"operand {place} has no fitting view")
    assert view is not None
    _require(_is_word(view.fill), at, f"operand {place} is filled with no word")
    _require(all(map(_is_long, (view.offset, *view.strides))), at, f"operand {place} steps beyond 64 bits")
    _require(len(view.guards) <= MAX_GUARDS, at, f"{len(view.guards)} guards")
    for guard in view.guards:
        sound = len(guard.coefficients) == len(leaf.shape) and _is_sound(guard)
        _require(sound, at, f"operand {place} has an unsound guard")
    _require(leaf.op is not Op.GATHER or place != 0 or bool(view.guards), at, "a gather without a guard")
    if operand.kind is Kind.INDEX:
        _require(not is_row, at, "a row cannot be an index")
        plain = (operand.source, operand.elements, operand.type) == (0, 0, WordType.I32)
        _require(plain, at, f"operand {place} is an index and has a source")
        return
    _require(0 <= operand.source < len(program.inputs) + at, at, f"operand {place} reads value {operand.source}")
    known = (operand.elements, operand.type) == (program.elements_of(operand.source), program.type_of(operand.source))
    _require(known, at, f"operand {place} misstates value {operand.source}")
    # The batch's words lie anywhere in the dataset, so 64 of them are not one block.
    _require(not is_row or operand.source != program.batch_value, at, "a row cannot be read from the batch")
    low, high = linear_range(view, leaf.shape)
    reach = leaf.length - 1 if is_row else 0
    _require(low >= 0 and high + reach < operand.elements, at, f"operand {place} reads outside value {operand.source}")
    if is_row:
        aligned = not view.guards and all(step % BLOCK_WORDS == 0 for step in (view.offset, *view.strides))
        _require(aligned, at, f"rows of operand {place} do not start at a block")


def _is_word(number: int) -> bool:
    return 0 <= number < 1 << 32


def _is_long(number: int) -> bool:
    return -(1 << 63) <= number < 1 << 63


def _is_sound(guard: Guard) -> bool:
    longs = (guard.base, guard.stride, *guard.coefficients)
    return 0 < guard.divisor < 1 << 32 and 0 < guard.size < 1 << 32 and all(map(_is_long, longs))


def _check_result(leaf: Leaf, at: int) -> None:
    if leaf.op in _GIVES_EITHER:
        sources = leaf.operands[1:] if leaf.op is Op.SELECT else leaf.operands[:1]
        kept = all(item.kind is Kind.CONSTANT or item.type == leaf.type for item in sources)
        _require(kept, at, f"{leaf.op.name} changes the type of its words")
    else:
        wanted = WordType.I32 if leaf.op in _GIVES_INTEGERS else WordType.F32
        _require(leaf.type is wanted, at, f"{leaf.op.name} gives {wanted.name}")


def _require(condition: bool, at: int, reason: str) -> None:
    if not condition:
        raise BadLeaf(at=at, reason=reason)
