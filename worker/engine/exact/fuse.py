"""Which elementwise leaves run together, and in which order everything runs.

Decides groups: leaves with equally many elements of which each reads another at its own place, joined wherever no other
step must come between. A leaf joins its readers, not its sources, so that what the optimizer does to one parameter
ends as one pass over it, and what only the backward pass needs is not made by the forward pass. Knows no memory and no
kernel; changes no meaning, since a group computes every leaf exactly as it stands.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from market.protocol.exact.build import row_major
from market.protocol.exact.leaf import CHAINS, ExactProgram, Kind, Leaf, Operand

WINDOW: Final = 1 << 12  # leaves among which groups are looked for; the cost grows with its square


@dataclass(frozen=True, slots=True)
class Group:
    """Elementwise leaves, in the order of their numbers, run block by block."""

    leaves: tuple[int, ...]
    elements: int


def in_order(operand: Operand, leaf: Leaf) -> bool:
    """Whether an operand steps through its source without gaps, wherever it starts."""
    view = operand.view
    if operand.kind is not Kind.VALUE or view is None or view.guards:
        return False
    pairs = zip(leaf.shape, view.strides, row_major(leaf.shape), strict=True)
    return all(size == 1 or stride == wanted for size, stride, wanted in pairs)


def in_place(operand: Operand, leaf: Leaf) -> bool:
    """Whether element i of the leaf reads word i of a source that has no more words."""
    view = operand.view
    return in_order(operand, leaf) and view is not None and view.offset == 0 and operand.elements == leaf.elements


class Fusion:
    """Groups under construction. A step is a set of leaves under one number. `after`: what must run later, as bits.

    No group reaches over the end of a window of leaves, so windows run one after another and only the steps of the
    window at hand have bits.
    """

    def __init__(self, program: ExactProgram, reads: Mapping[int, Sequence[int]]) -> None:
        self.program, self.reads = program, reads
        self.first = len(program.inputs)
        self.members: dict[int, list[int]] = {}
        self.step_of: dict[int, int] = {}
        self._base = 0  # the first leaf of the window
        self.after: dict[int, int] = {}
        self.next: dict[int, int] = {}  # direct readers only
        self.readers: dict[int, list[int]] = {at: [] for at in reads}
        for at in sorted(reads):
            for source in reads[at]:
                if source in self.readers:
                    self.readers[source].append(at)

    def run(self, fuse: bool) -> None:
        for at in sorted(self.reads, reverse=True):
            if at < self._base or not self.after:
                self._base = at // WINDOW * WINDOW
                self.after, self.next = {}, {}
            later = {self.step_of[reader] for reader in self.readers[at]} & self.after.keys()
            mates = self._mates(at) if fuse else []
            home = next((step for step in mates if self._may_join(step, later)), None)
            if home is None:
                self._open(at, later)
                continue
            self.members[home].append(at)
            self.step_of[at] = home
            self._precede(home, later - {home})
            for mate in mates:
                if mate != home and mate in self.members:
                    self._merge(home, mate)

    def _mates(self, at: int) -> list[int]:
        """Return the steps of readers that could run in one pass with leaf `at`."""
        leaf = self.program.leaves[at]
        if leaf.op in CHAINS:
            return []
        found: dict[int, None] = {}
        for reader in self.readers[at]:
            other = self.program.leaves[reader]
            beside = [o for o in other.operands if o.kind is Kind.VALUE and o.source == self.first + at]
            near = self.step_of[reader] in self.after and other.op not in CHAINS
            suits = near and all(in_place(operand, other) for operand in beside)
            if suits and not self._read_otherwise(at, self.step_of[reader]):
                found[self.step_of[reader]] = None
        return list(found)

    def _read_otherwise(self, at: int, step: int) -> bool:
        """Whether some leaf of the step reads leaf `at` at another place than its own."""
        number = self.first + at
        for reader in self.readers[at]:
            if self.step_of[reader] == step:
                leaf = self.program.leaves[reader]
                if any(o.kind is Kind.VALUE and o.source == number and not in_place(o, leaf) for o in leaf.operands):
                    return True
        return False

    def _may_join(self, step: int, later: set[int]) -> bool:
        bit = self._bit(step)
        return not any(self.after[other] & bit for other in later if other != step)

    def _bit(self, step: int) -> int:
        return 1 << (step - self._base)

    def _open(self, at: int, later: set[int]) -> None:
        self.members[at], self.step_of[at] = [at], at
        self.after[at] = self.next[at] = 0
        self._precede(at, later)

    def _precede(self, step: int, later: set[int]) -> None:
        bits = direct = 0
        for other in later:
            direct |= self._bit(other)
            bits |= self._bit(other) | self.after[other]
        self.next[step] |= direct
        if bits & ~self.after[step]:
            self.after[step] |= bits
            own = self._bit(step)
            for other, known in self.after.items():
                if known & own:
                    self.after[other] = known | bits

    def _merge(self, home: int, mate: int) -> None:
        """Make two steps one, unless a third must run between them or one reads the other out of place."""
        if self._between(home, mate) or self._between(mate, home) or self._crosses(home, mate):
            return
        for at in self.members[mate]:
            self.step_of[at] = home
        self.members[home] += self.members.pop(mate)
        keep = self._bit(home)
        both = self._bit(mate) | keep
        drop = ~both
        self.after[home] = (self.after[home] | self.after.pop(mate)) & drop
        self.next[home] = (self.next[home] | self.next.pop(mate)) & drop
        for other, known in self.after.items():
            if known & both and other != home:
                self.after[other] = known & drop | keep | self.after[home]
        for other, known in self.next.items():
            if known & both and other != home:
                self.next[other] = known & drop | keep

    def _between(self, early: int, late: int) -> bool:
        last = self._bit(late)
        bits = self.next[early] & ~last
        while bits:
            low = bits & -bits
            if self.after[self._base + low.bit_length() - 1] & last:
                return True
            bits ^= low
        return False

    def _crosses(self, one: int, two: int) -> bool:
        """Whether a leaf of one step reads a leaf of the other at another place than its own."""
        for early, late in ((one, two), (two, one)):
            if not self.next[early] & self._bit(late):
                continue
            made = {self.first + at for at in self.members[early]}
            for at in self.members[late]:
                leaf = self.program.leaves[at]
                if any(o.kind is Kind.VALUE and o.source in made and not in_place(o, leaf) for o in leaf.operands):
                    return True
        return False

    def order(self, wanted: frozenset[int]) -> list[list[int]]:
        """Return the steps' leaves in the order to run them in: early leaves first, what only outputs wait for at once.

        wanted: the leaves whose values leave the program.
        """
        waits = dict.fromkeys(self.members, 0)
        sources: dict[int, set[int]] = {step: set() for step in self.members}
        for step, leaves in self.members.items():
            sources[step] = {self.step_of[s] for at in leaves for s in self.reads[at] if s in self.step_of} - {step}
        followers: dict[int, list[int]] = {step: [] for step in self.members}
        for step, before in sources.items():
            waits[step] = len(before)
            for other in before:
                followers[other].append(step)
        ready = [(self._rank(step, followers, wanted), step) for step, count in waits.items() if count == 0]
        heapq.heapify(ready)
        ordered: list[list[int]] = []
        while ready:
            _, step = heapq.heappop(ready)
            ordered.append(sorted(self.members[step]))
            for other in followers[step]:
                waits[other] -= 1
                if waits[other] == 0:
                    heapq.heappush(ready, (self._rank(other, followers, wanted), other))
        assert len(ordered) == len(self.members), "the steps wait for each other"
        return ordered

    def _rank(self, step: int, followers: Mapping[int, Sequence[int]], wanted: frozenset[int]) -> int:
        """Return when a step should run: its latest leaf, or now if nothing inside waits for it."""
        ends = not followers[step] and any(at in wanted for at in self.members[step])
        return -1 if ends else min(self.members[step])
