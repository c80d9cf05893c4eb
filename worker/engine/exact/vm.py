"""Programs of the elementwise engine: groups of leaves as the numbers that native/vm.inc and vm_numba read.

Decides how a leaf's operands are found: words in order through a pointer, one word for all, a register of the block, or
a register filled through a view; and which register is free when. Both engines run the same numbers block by block and
give the same bits. Chooses no group and no place in memory.
"""

from collections.abc import Callable, Mapping, Sequence
from ctypes import c_int32, c_int64, c_void_p
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from market.protocol.exact.leaf import ExactProgram, Kind, Leaf, Op, Operand, View
from worker.engine.exact import native
from worker.engine.exact.blocks import Kernels
from worker.engine.exact.fuse import in_order, in_place
from worker.engine.exact.plan import Place

Words = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Engine:
    """run: places [low, high) of a group (program, bases, low, high, status; all but the places are addresses).
    chain: outputs [low, high) of any chain (length, low, high, view, words and step of a, of b, key or 0, out)."""

    run: Callable[[int, int, int, int, int], None]
    chain: Callable[..., None]


BLOCK: Final = 1024  # words per block; a part of a group for another thread starts at one
SCRATCH, STREAM, FIXED, CONSTANT = range(4)
FILL, INDEX, CHECK = 100, 101, 102
NOT_FINITE, OUTSIDE = 0, 1  # places in the status


def engine_of(kernels: Kernels) -> Engine:
    """Return the engine that goes with a set of kernels."""
    library = native.load()
    if kernels.name.startswith("c-") and library is not None:
        word, at = c_int64, c_void_p
        isa = kernels.name.removeprefix("c-")
        call = library.function("exact_vm", isa, at, at, word, word, at, result=c_int32)
        views = (at, at, word, at, at, word)
        chain = library.function("exact_any_chain", isa, word, word, word, *views, at, at, result=c_int32)

        def run(program: int, bases: int, low: int, high: int, status: int) -> None:
            if call(program, bases, low, high, status) != 0:
                raise MemoryError("no memory for the registers of a group")

        return Engine(run, chain)
    # Imported here because numba takes a second, and a machine with the library never needs it.
    from worker.engine.exact import vm_numba  # noqa: PLC0415

    return Engine(vm_numba.run, vm_numba.chain)


def program_of(
    program: ExactProgram,
    leaves: Sequence[int],
    *,
    stored: frozenset[int],
    places: Mapping[int, Place],
    checks: Mapping[int, int],
) -> Words:
    """Return a group as numbers. checks: values whose words must be finite, with the slot to report."""
    writer = _Writer(program, places, frozenset(leaves))
    for at in leaves:
        writer.leaf(at, stored)
        value = writer.first + at
        if value in checks:
            writer.operations.append([CHECK, 0, -1, writer.known[value], -1, checks[value]])
    return writer.finish(leaves[0])


def copy_of(
    program: ExactProgram, operand: Operand, shape: tuple[int, ...], places: Mapping[int, Place], to: Place
) -> Words:
    """Return a group that writes one operand's words, as a leaf of this shape reads them, to a place."""
    leaf = Leaf(op=Op.COPY, type=operand.type, shape=shape, operands=(operand,))
    writer = _Writer(program, places, frozenset())
    entry, splat = writer.operand(operand, leaf)
    writer.entries.append([STREAM, to.base, to.word, 0])
    writer.operations.append([Op.COPY, int(splat), len(writer.entries) - 1, entry, -1, -1])
    return writer.finish(0)


def check_of(place: Place, slot: int) -> Words:
    """Return a group that only asks whether a value's words are finite."""
    return np.array([1, 1, slot, 0, STREAM, place.base, place.word, 0, CHECK, 0, -1, 0, -1, slot], np.int64)


@dataclass
class _Writer:
    program: ExactProgram
    places: Mapping[int, Place]
    group: frozenset[int]
    entries: list[list[int]] = field(default_factory=list)
    operations: list[list[int]] = field(default_factory=list)
    views: list[int] = field(default_factory=list)
    known: dict[Any, int] = field(default_factory=dict)  # values of the group, and other operands, to their entries

    @property
    def first(self) -> int:
        return len(self.program.inputs)

    def leaf(self, at: int, stored: frozenset[int]) -> None:
        leaf, value = self.program.leaves[at], self.first + at
        if leaf.op is Op.GATHER:
            self._gather(leaf, value, stored)
            return
        if leaf.op is Op.COPY and self._is_view(leaf.operands[0], leaf):
            self._fill(leaf.operands[0], leaf, self._target(value, stored))
            return
        found = [self.operand(operand, leaf) for operand in leaf.operands]
        splats = sum(1 << place for place, (_, splat) in enumerate(found) if splat)
        padded = [entry for entry, _ in found] + [-1] * (3 - len(found))
        self.operations.append([leaf.op, splats, self._target(value, stored), *padded])

    def _gather(self, leaf: Leaf, value: int, stored: frozenset[int]) -> None:
        table, index = leaf.operands
        entry, splat = self.operand(index, leaf)
        if table.kind is not Kind.VALUE or table.view is None:
            source, view = self._entry(CONSTANT, 0, 0, table.word), View(offset=0, strides=(0,) * len(leaf.shape))
        else:
            source, view = self._begin(table), table.view
        to = self._target(value, stored)
        self.operations.append([leaf.op, 2 * splat, to, source, entry, self._view(view, leaf.shape, False)])

    def _target(self, value: int, stored: frozenset[int]) -> int:
        """Return where the words of a leaf go: to memory at once if anyone else reads them."""
        place = self.places[value] if value in stored else None
        made = [STREAM, place.base, place.word, 0] if place else [SCRATCH, 0, 0, 0]
        self.known[value] = len(self.entries)
        self.entries.append(made)
        return self.known[value]

    def operand(self, operand: Operand, leaf: Leaf) -> tuple[int, bool]:
        """Return the entry of an operand, and whether it is one word for all."""
        if operand.kind is Kind.CONSTANT or operand.view is None:
            return self._entry(CONSTANT, 0, 0, operand.word), True
        if operand.source - self.first in self.group and operand.kind is Kind.VALUE:
            assert in_place(operand, leaf), "a group reads its own values in place"
            return self.known[operand.source], False
        if not self._is_view(operand, leaf):
            place, splat = self.places[operand.source], not in_order(operand, leaf)
            kind = FIXED if splat else STREAM
            return self._entry(kind, place.base, place.word + operand.view.offset, 0), splat
        key = (operand.kind, operand.source, operand.view, leaf.shape)
        if key not in self.known:
            self.known[key] = len(self.entries)
            self.entries.append([SCRATCH, 0, 0, 0])
            self._fill(operand, leaf, self.known[key])
        return self.known[key], False

    def _is_view(self, operand: Operand, leaf: Leaf) -> bool:
        """Whether an operand must be brought into order first."""
        view = operand.view
        if operand.kind is Kind.CONSTANT or view is None:
            return False
        alone = not view.guards and not any(s for s, size in zip(view.strides, leaf.shape, strict=True) if size > 1)
        return operand.kind is Kind.INDEX or not (in_order(operand, leaf) or alone)

    def _fill(self, operand: Operand, leaf: Leaf, to: int) -> None:
        assert operand.view is not None, "a constant is never filled through a view"
        view = self._view(operand.view, leaf.shape, True)
        if operand.kind is Kind.INDEX:
            self.operations.append([INDEX, 0, to, -1, -1, view])
        else:
            self.operations.append([FILL, 0, to, self._begin(operand), -1, view])

    def _begin(self, operand: Operand) -> int:
        place = self.places[operand.source]
        return self._entry(FIXED, place.base, place.word, 0)

    def _entry(self, kind: int, base: int, word: int, constant: int) -> int:
        key = ("entry", kind, base, word, constant)
        if key not in self.known:
            self.known[key] = len(self.entries)
            self.entries.append([kind, base, word, constant])
        return self.known[key]

    def _view(self, view: View, shape: Sequence[int], merge: bool) -> int:
        """Write a view down, neighbouring dimensions made one where it steps evenly; return where it begins."""
        lines = [view.strides, *(guard.coefficients for guard in view.guards)]
        sizes, steps = _merged(shape, lines) if merge else (list(shape) or [1], [list(line) or [0] for line in lines])
        begin = len(self.views)
        self.views += [len(sizes), len(view.guards), view.fill, view.offset, *sizes, *steps[0]]
        for guard, line in zip(view.guards, steps[1:], strict=True):
            self.views += [guard.base, guard.divisor, guard.size, guard.stride, *line]
        return begin

    def finish(self, name: int) -> Words:
        registers = self._assign()
        views_at = 4 + 4 * len(self.entries) + 6 * len(self.operations)
        for operation in self.operations:
            if operation[0] in {FILL, INDEX, Op.GATHER}:
                operation[5] += views_at
        flat = [word for row in (*self.entries, *self.operations) for word in row]
        header = [len(self.entries), len(self.operations), name, registers]
        return np.array([*header, *flat, *self.views], np.int64)

    def _assign(self) -> int:
        """Give every scratch entry a register, free again after its last reader; return how many there are."""
        last: dict[int, int] = {}
        for number, operation in enumerate(self.operations):
            last |= dict.fromkeys(_entries_of(operation), number)
        free: list[int] = []
        count = 0
        for number, operation in enumerate(self.operations):
            to = operation[2]
            if to >= 0 and self.entries[to][0] == SCRATCH:
                if not free:
                    free.append(count)
                    count += 1
                self.entries[to][2] = free.pop()
            ended = {e for e in _entries_of(operation) if last[e] == number and self.entries[e][0] == SCRATCH}
            free += sorted(self.entries[e][2] for e in ended)
        return count


def _entries_of(operation: Sequence[int]) -> list[int]:
    """Return the entries that an operation names."""
    named = operation[2:5] if operation[0] >= Op.GATHER else operation[2:6]
    return [entry for entry in named if entry >= 0]


def _merged(shape: Sequence[int], lines: Sequence[Sequence[int]]) -> tuple[list[int], list[list[int]]]:
    sizes: list[int] = []
    steps: list[list[int]] = [[] for _ in lines]
    for d, size in enumerate(shape):
        if size == 1:
            continue
        if sizes and all(done[-1] == line[d] * size for done, line in zip(steps, lines, strict=True)):
            sizes[-1] *= size
            for done, line in zip(steps, lines, strict=True):
                done[-1] = line[d]
            continue
        sizes.append(size)
        for done, line in zip(steps, lines, strict=True):
            done.append(line[d])
    return (sizes, steps) if sizes else ([1], [[0] for _ in lines])
