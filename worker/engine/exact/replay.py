"""Replays a step leaf by leaf, with every value of it at hand: what a dispute opens.

Decides what of a replay is kept and what is computed again. Every leaf runs alone and every pack is really written, as
the court sees them; the kernels are the machine's, and the bits must be the same. Judges nothing and signs nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from market.protocol.exact.leaf import CANONICAL_NAN, ExactProgram, WordType
from worker.engine.exact.blocks import Kernels, address
from worker.engine.exact.machine import Array, Call, IndexOutside, Runner, words_of
from worker.engine.exact.plan import Place, leaf_step, sources_of
from worker.engine.exact.vm import OUTSIDE

KEEP: Final = 4 << 30  # bytes of values kept unless told otherwise
# What a cheater does to the words of a leaf. For tests of disputes: an honest replay has none.
Fault = Callable[[Array], Array]
HONEST: Final[Mapping[int, Fault]] = MappingProxyType({})


class Replay:
    """One step, leaf by leaf. value_roots: of every leaf's value, in order; state_roots: of the new state's slots."""

    def __init__(
        self,
        program: ExactProgram,
        kernels: Kernels,
        state: Sequence[Any],
        batch: Any,
        number: int,
        *,
        threads: int = 1,
        keep: int = KEEP,
        faults: Mapping[int, Fault] = HONEST,
    ) -> None:
        self.program, self._number, self._keep, self._faults = program, number, keep, faults
        self._first = len(program.inputs)
        given = [*state, batch, np.float32(number)]
        inputs = [words_of(slot, item) for slot, item in zip(program.inputs, given, strict=False)]
        self._values: dict[int, Array] = {at: item.reshape(-1).view(np.uint32) for at, item in enumerate(inputs)}
        self._held = 0
        self._runner = Runner(program, kernels, threads)
        self._runner.rest(np.zeros(1 + self._first + len(program.leaves), np.int64))
        self._places = {value: Place(1 + value, 0) for value in range(self._first + len(program.leaves))}
        self._calls: dict[int, Call] = {}
        for value, words in self._values.items():
            self._runner.bases[1 + value] = address(words)
        self.value_roots: list[bytes] = [b""] * len(program.leaves)
        self._run(range(len(program.leaves)), frozenset(), hashed=True)
        self.state_roots = [self.root(value) for value in program.outputs]

    def root(self, value: int) -> bytes:
        """Return the root of a value, an input or a leaf's."""
        return self.value_roots[value - self._first] if value >= self._first else self._root(value)

    def words(self, value: int) -> Array:
        """Return a value's words as uint32, computed again if they were not kept. Not to be written to.

        Every NaN that a leaf made is the one NaN.
        """
        if value not in self._values:
            self._run(self._missing(value), frozenset({value}), hashed=False)
        return self._values[value]

    def new_state(self) -> list[Array]:
        """Return the words of the new state's slots."""
        return [self.words(value) for value in self.program.outputs]

    def _missing(self, value: int) -> list[int]:
        """Return the leaves to run, in order, so that a value exists."""
        wanted: set[int] = set()
        waiting = [value]
        while waiting:
            found = waiting.pop()
            if found not in self._values and found - self._first not in wanted:
                wanted.add(found - self._first)
                waiting += sources_of(self.program.leaves[found - self._first])
        return sorted(wanted)

    def _run(self, leaves: Iterable[int], wanted: frozenset[int], *, hashed: bool) -> None:
        """Run leaves in order, dropping what nothing to come reads once more is held than may be kept."""
        todo = list(leaves)
        last = {source: at for at in todo for source in sources_of(self.program.leaves[at])}
        for at in todo:
            value = self._first + at
            self._values[value] = self._leaf(at)
            self._held += self._values[value].nbytes
            if hashed:
                self.value_roots[at] = self._root(value)
            if self._held > self._keep:
                self._drop({v for v in self._values if v >= self._first and last.get(v, -1) <= at and v not in wanted})

    def _drop(self, values: Iterable[int]) -> None:
        """Forget values, earliest first, down to half of what may be kept."""
        for value in sorted(values):
            if self._held <= self._keep // 2:
                return
            self._held -= self._values.pop(value).nbytes

    def _leaf(self, at: int) -> Array:
        value, leaf = self._first + at, self.program.leaves[at]
        words = np.empty(leaf.elements, np.uint32)
        for number in (*sources_of(leaf), value):
            self._runner.bases[1 + number] = address(words if number == value else self._values[number])
        if at not in self._calls:
            step = leaf_step(self.program, at)
            self._calls[at] = self._runner.call(step, self._places, frozenset({value}), {})
        self._calls[at]()
        if self._runner.status[OUTSIDE]:
            raise IndexOutside(leaf=at, step=self._number)
        if leaf.type is WordType.F32:
            words[np.isnan(words.view(np.float32))] = CANONICAL_NAN
        return self._faults[at](words) if at in self._faults else words

    def _root(self, value: int) -> bytes:
        is_float = self.program.type_of(value) is WordType.F32
        words = self._values[value]
        return self._runner.team.value_roots([(address(words), words.size, is_float)])[0]


def replay_step(
    program: ExactProgram,
    kernels: Kernels,
    state: Sequence[Any],
    batch: Any,
    number: int,
    *,
    threads: int = 1,
    keep: int = KEEP,
    faults: Mapping[int, Fault] = HONEST,
) -> Replay:
    """Return one step replayed. keep: bytes of values held in memory. faults: what falsifies a leaf (tests)."""
    return Replay(program, kernels, state, batch, number, threads=threads, keep=keep, faults=faults)
