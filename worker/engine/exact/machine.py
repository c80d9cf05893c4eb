"""Runs exact programs fast: a plan's steps over one arena, with the kernels of this machine.

Decides how a plan becomes calls, what is refused by name (states that are not finite, words that do not fit, indices
outside a table, programs too large), and that a step leaves its inputs as they were. The bits are the program's: no
choice of kernels, threads or fusion can show in them. Never captures, lowers or hashes anything.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Final

import numpy as np

from market.protocol.errors import CommonwattError
from market.protocol.exact.leaf import ExactProgram, Leaf, Slot, WordType
from worker.engine.exact.blocks import Kernels, Line, Matrix, View, address
from worker.engine.exact.fuse import Group
from worker.engine.exact.plan import ARENA, Place, Plan, Step, plan_of
from worker.engine.exact.rows import AnyChain, Loop, Product, RowSum, Scatter, Walk
from worker.engine.exact.team import Team
from worker.engine.exact.vm import BLOCK, NOT_FINITE, OUTSIDE, check_of, copy_of, engine_of, program_of

Array = np.ndarray[Any, Any]
Call = Callable[[], None]
DTYPES: Final = {WordType.F32: np.dtype(np.float32), WordType.I32: np.dtype(np.int32)}
MEMORY: Final = 1 << 36
_SHARE: Final = 16 * BLOCK  # words of a group below which one thread is faster


@dataclass(frozen=True, slots=True, kw_only=True)
class StateDiverged(CommonwattError):
    """A step made a state with an infinity or a NaN in it."""

    slot: str
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WordOutOfRange(CommonwattError):
    """A token of the batch, or an integer of the state, is no int32."""

    slot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOutside(CommonwattError):
    """An index word points outside its table. leaf: the first leaf of the group that met it."""

    leaf: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputMismatch(CommonwattError):
    """An input has another type or another number of elements than the program declares."""

    slot: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTooLarge(CommonwattError):
    """A step would need more memory than it may have."""

    needed: int
    allowed: int


def words_of(slot: Slot, given: Any) -> Array:
    """Return an input as contiguous float32 or int32 words, without a copy where it is that already."""
    array = np.asarray(given)
    wanted = DTYPES[slot.type]
    found = f"{array.dtype}[{array.size}]"
    suits = array.dtype == wanted if slot.type is WordType.F32 else array.dtype.kind in "iub"
    if array.size != slot.elements or not suits:
        raise InputMismatch(slot=slot.name, wanted=f"{wanted}[{slot.elements}]", found=found)
    if array.dtype != wanted and array.size and not -(1 << 31) <= int(array.min()) <= int(array.max()) < 1 << 31:
        raise WordOutOfRange(slot=slot.name)
    return np.ascontiguousarray(array, dtype=wanted)


class Runner:
    """Makes steps into calls. `bases` holds addresses: of the machine's memory, of each input, of each new slot,
    then of what the runner itself needs."""

    def __init__(self, program: ExactProgram, kernels: Kernels, threads: int) -> None:
        self.program = program
        self.team = Team(kernels, threads)
        self.kernels: Kernels = self.team if threads > 1 else kernels
        self.engine = engine_of(kernels)
        self.status = np.zeros(2, np.int64)
        self._held: list[Array] = []  # programs and buffers that calls point into
        self.rest(np.zeros(1, np.int64))

    def rest(self, bases: Array) -> None:
        """Take `bases` as what all places count from."""
        self.bases, self._bases_at = bases, address_of(bases)

    def call(self, step: Step, places: dict[int, Place], stored: frozenset[int], checks: dict[int, int]) -> Call:
        """Return a step as a call. places must hold all that it reads and all of `stored` that it makes."""
        first = len(self.program.inputs)
        match step:
            case Group():
                words = program_of(self.program, step.leaves, stored=stored, places=places, checks=checks)
                return self.group(words, step.elements)
            case Product():
                return self._product(step, places[first + step.leaf], places)
            case RowSum():
                return self._sum(step, places[first + step.leaf], places)
            case Scatter():
                return self._scatter(step, places[first + step.leaf], places)
            case AnyChain():
                return self._chain(step, places[first + step.leaf], places)

    def group(self, words: Array, elements: int) -> Call:
        self._held.append(words)
        program, run, status = address_of(words), self.engine.run, address_of(self.status)

        def whole() -> None:
            run(program, self._bases_at, 0, elements, status)

        if self.team.threads == 1 or elements < _SHARE:
            return whole
        each = -(-elements // (self.team.threads * BLOCK)) * BLOCK
        parts = [(low, min(low + each, elements)) for low in range(0, elements, each)]

        def shared() -> None:
            bases = self._bases_at
            self.team.run([partial(run, program, bases, low, high, status) for low, high in parts])

        return shared

    def _product(self, step: Product, to: Place, places: dict[int, Place]) -> Call:
        first, rest = (step.loops[0], step.loops[1:]) if step.loops else (Loop(1, 0, 0, 0), ())
        moves = _moves(rest)
        a, b, shape = self._at(step.a, places), self._at(step.b, places), (step.m, step.n, step.k)

        def run() -> None:
            left, right, out = a(), b(), self._address(to)
            for by_a, by_b, by_c in moves:
                self.kernels.gemm(
                    shape,
                    Matrix(left + by_a, step.a_row, step.a.step, first.a),
                    Matrix(right + by_b, step.b.step, step.b_column, first.b),
                    Matrix(out + by_c, step.c_row, 1, first.c),
                    first.size,
                )

        return run

    def _sum(self, step: RowSum, to: Place, places: dict[int, Place]) -> Call:
        source, view = self._at(step.source, places), View(step.sizes, step.source.strides)
        (constant,) = struct.unpack("<f", struct.pack("<I", step.constant))
        return lambda: self.kernels.chain_sum(
            self._address(to), source(), view, constant, k=step.k, step=step.source.step
        )  # fmt: skip

    def _scatter(self, step: Scatter, to: Place, places: dict[int, Place]) -> Call:
        index, x, shape = self._at(step.index, places), self._at(step.x, places), (step.v, step.d, step.k)

        def run() -> None:
            for _, by_x, by_c in _moves(step.loops):
                rows, out = Matrix(x() + by_x, step.x.step, step.x_column), Matrix(self._address(to) + by_c, step.c_row)
                self.kernels.match_sum(shape, Line(index(), step.index.step), rows, out)

        return run

    def _chain(self, step: AnyChain, to: Place, places: dict[int, Place]) -> Call:
        leaf = self.program.leaves[step.leaf]
        key = None if step.key is None else self._key(step, leaf, places)
        a, b = self._at(step.a, places), self._at(step.b, places)
        views = [_view_words(step.sizes, walk) for walk in (step.a, step.b)]
        self._held += views
        of_a, of_b = (address_of(view) for view in views)

        def run() -> None:
            words = 0 if key is None else key()
            self.engine.chain(
                step.k, 0, leaf.elements, of_a, a(), step.a.step, of_b, b(), step.b.step, words, self._address(to)
            )  # fmt: skip

        return run

    def _key(self, step: AnyChain, leaf: Leaf, places: dict[int, Place]) -> Callable[[], int]:
        """Return what writes the keys of a MATCH down and answers where."""
        assert step.key is not None, "only a MATCH has keys"
        buffer = np.empty(leaf.elements, np.uint32)
        self._held.append(buffer)
        place = Place(len(self.bases), 0)
        self.rest(np.append(self.bases, address(buffer)))
        fill = self.group(copy_of(self.program, step.key, leaf.shape, places, place), leaf.elements)

        def written() -> int:
            fill()
            return address(buffer)

        return written

    def _at(self, walk: Walk, places: dict[int, Place]) -> Callable[[], int]:
        """Return what answers where a walk begins."""
        if walk.value is None:
            word = np.array([walk.offset], np.uint32)
            self._held.append(word)
            return lambda: address(word)
        place = places[walk.value]
        start = Place(place.base, place.word + walk.offset)
        return lambda: self._address(start)

    def _address(self, place: Place) -> int:
        return int(self.bases[place.base]) + 4 * place.word


class ExactMachine:
    """An exact program made ready. One instance serves one step at a time."""

    def __init__(self, program: ExactProgram, kernels: Kernels, threads: int = 1, memory: int = MEMORY) -> None:
        self.program, self.plan = program, plan_of(program)
        if self.plan.bytes > memory:
            raise StepTooLarge(needed=self.plan.bytes, allowed=memory)
        self._runner = Runner(program, kernels, threads)
        self._arena = np.empty(max(self.plan.arena_words, 1) + 16, np.uint32)
        shift = -self._arena.ctypes.data % 64
        slots = len(program.inputs) + len(program.outputs)
        self._runner.rest(np.array([self._arena.ctypes.data + shift, *[0] * slots], np.int64))
        self._loss = self._arena[shift // 4 :][self.plan.places[program.loss].word :][:1].view(np.float32)
        self.calls = self._compiled(self.plan)

    def _compiled(self, plan: Plan) -> list[tuple[str, Call]]:
        """Return every step as (kind, call), the last of them checks of slots that no group makes."""
        floats = {value: slot for slot, value in enumerate(self.program.outputs) if value in plan.places}
        floats = {value: slot for value, slot in floats.items() if self.program.type_of(value) is WordType.F32}
        places = dict(plan.places)
        grouped: set[int] = set()
        calls: list[tuple[str, Call]] = []
        for step in plan.steps:
            calls.append((type(step).__name__, self._runner.call(step, places, plan.stored, floats)))
            if isinstance(step, Group):
                grouped |= {len(self.program.inputs) + at for at in step.leaves}
        for value in sorted(floats.keys() - grouped):
            check = check_of(places[value], floats[value])
            calls.append(("Check", self._runner.group(check, self.program.elements_of(value))))
        return calls

    def step(
        self, state: Sequence[Any], batch: Any, number: int, into: Sequence[Array] | None = None
    ) -> tuple[list[Array], float]:
        """Return the new state, in the order of the slots, and the loss; the given arrays stay as they are.

        batch: integers [batch, window]. number: the global step, from 1. into: arrays to hold the new state, none of
        them among `state`. Raises StateDiverged, IndexOutside, WordOutOfRange or InputMismatch.
        """
        given = [*state, batch, np.float32(number)]
        inputs = [words_of(slot, item) for slot, item in zip(self.program.inputs, given, strict=False)]
        new = self._fresh() if into is None else list(into)
        bases = [address(array) for array in (*inputs, *new)]
        assert not set(bases[: len(inputs)]) & set(bases[len(inputs) :]), "a step leaves its inputs as they were"
        runner = self._runner
        runner.bases[1 : 1 + len(bases)] = bases
        runner.status[:] = 0
        for _, call in self.calls:
            call()
        self._verify(number)
        for slot, value in self.plan.moves:
            np.copyto(new[slot].reshape(-1), self._found(value, inputs, new))
        return new, self._loss_of(inputs, new)

    def _fresh(self) -> list[Array]:
        return [np.empty(slot.shape, DTYPES[slot.type]) for slot in self.program.state_slots]

    def _verify(self, number: int) -> None:
        status = self._runner.status
        if status[OUTSIDE]:
            raise IndexOutside(leaf=int(status[OUTSIDE]) - 1, step=number)
        if status[NOT_FINITE]:
            raise StateDiverged(slot=self.program.inputs[int(status[NOT_FINITE]) - 1].name, step=number)

    def _found(self, value: int, inputs: Sequence[Array], new: Sequence[Array]) -> Array:
        """Return the words of a value that is an input or a new slot."""
        place = self.plan.places[value]
        count = len(self.program.inputs)
        return (inputs[place.base - 1] if place.base <= count else new[place.base - 1 - count]).reshape(-1)

    def _loss_of(self, inputs: Sequence[Array], new: Sequence[Array]) -> float:
        if self.plan.places[self.program.loss].base == ARENA:
            return float(self._loss[0])
        return float(self._found(self.program.loss, inputs, new)[0])


def _moves(loops: Sequence[Loop]) -> list[tuple[int, int, int]]:
    """Return how many bytes the operands and the result have moved at every place of the loops."""
    found = []
    for at in product(*(range(loop.size) for loop in loops)):
        pairs = list(zip(at, loops, strict=True))
        a, b, c = (sum(i * step for i, step in steps) for steps in (
            [(i, loop.a) for i, loop in pairs], [(i, loop.b) for i, loop in pairs], [(i, loop.c) for i, loop in pairs]
        ))  # fmt: skip
        found.append((4 * a, 4 * b, 4 * c))
    return found


def _view_words(sizes: Sequence[int], walk: Walk) -> Array:
    """Return a walk's starts as native/vm.inc reads a view; the walk's offset is in its address."""
    return np.array([max(len(sizes), 1), 0, 0, 0, *(sizes or (1,)), *(walk.strides or (0,))], np.int64)


def address_of(words: Array) -> int:
    return int(words.ctypes.data)
