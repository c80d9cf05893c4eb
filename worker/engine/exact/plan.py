"""From an exact program to steps over memory: what runs, in which order, and where every value lies.

Decides which packs are read through instead of written, which leaves run together (`fuse`), and the place of every
value in one arena whose size is known before anything runs. A pure function of the program, made once per program.
"""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from market.protocol.exact.leaf import CHAINS, ROWS, ExactProgram, Kind, Leaf, Op
from worker.engine.exact.fuse import Fusion, Group
from worker.engine.exact.rows import AnyChain, Chain, Product, RowSum, Scatter, chain_of

ARENA = 0  # the base that stands for the machine's own memory; inputs and then new state slots follow
_LINE = 16  # words of a cache line

Step = Group | Chain


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value begins: words from a base."""

    base: int
    word: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """places: of every value that is written or given. stored: values that a step writes to memory.
    moves: (slot, value) of new slots whose value lies elsewhere."""

    program: ExactProgram
    steps: tuple[Step, ...]
    places: Mapping[int, Place]
    stored: frozenset[int]
    moves: tuple[tuple[int, int], ...]
    arena_words: int

    @property
    def bytes(self) -> int:
        """The arena and one new state: what a step takes beside its inputs."""
        return 4 * (self.arena_words + sum(slot.elements for slot in self.program.state_slots))

    def counts(self) -> dict[str, int]:
        """Return how many steps of each kind there are, and how many leaves are in groups or were never written."""
        kinds = {"groups": Group, "products": Product, "sums": RowSum, "scatters": Scatter, "chains": AnyChain}
        found = {name: sum(isinstance(step, kind) for step in self.steps) for name, kind in kinds.items()}
        grouped = sum(len(step.leaves) for step in self.steps if isinstance(step, Group))
        run = grouped + len(self.steps) - found["groups"]
        return found | {"leaves": len(self.program.leaves), "read_through": len(self.program.leaves) - run}


@lru_cache(maxsize=8)
def plan_of(program: ExactProgram) -> Plan:
    """Return how the program runs fast."""
    first = len(program.inputs)
    chains, reads = _reads(program)
    fusion = Fusion(program, reads)
    fusion.run(True)
    kept = frozenset(value - first for value in (*program.outputs, program.loss))
    steps = [_step(program, chains, leaves) for leaves in fusion.order(kept)]
    stored = _stored(program, steps, reads)
    places, moves, words = _layout(program, steps, reads, stored)
    return Plan(
        program=program, steps=tuple(steps), places=places, stored=stored, moves=moves, arena_words=words
    )  # fmt: skip


def leaf_step(program: ExactProgram, at: int) -> Step:
    """Return leaf `at` as a step of its own that reads nothing but the values its operands name."""
    leaf = program.leaves[at]
    return chain_of(at, leaf, lambda _: None) if leaf.op in CHAINS else Group((at,), leaf.elements)


def sources_of(leaf: Leaf) -> list[int]:
    """Return the values that a leaf names."""
    return [operand.source for operand in leaf.operands if operand.kind is Kind.VALUE]


def _step(program: ExactProgram, chains: Mapping[int, Chain], leaves: Sequence[int]) -> Step:
    return chains[leaves[0]] if leaves[0] in chains else Group(tuple(leaves), program.leaves[leaves[0]].elements)


def _reads(program: ExactProgram) -> tuple[dict[int, Chain], dict[int, list[int]]]:
    """Return the chains, and for every leaf that must run the leaves that it reads (inputs below zero)."""
    first = len(program.inputs)
    packs = _packs(program)

    def pack(value: int) -> Leaf | None:
        return program.leaves[value - first] if value - first in packs else None

    chains = {at: chain_of(at, leaf, pack) for at, leaf in enumerate(program.leaves) if leaf.op in CHAINS}
    reads: dict[int, list[int]] = {}
    waiting = [value - first for value in (*program.outputs, program.loss)]
    while waiting:
        at = waiting.pop()
        if at in reads or at < 0:
            continue
        values = _chain_values(chains[at]) if at in chains else sources_of(program.leaves[at])
        reads[at] = [value - first for value in values]
        waiting += reads[at]
    return {at: chain for at, chain in chains.items() if at in reads}, reads


def _packs(program: ExactProgram) -> frozenset[int]:
    """Return the COPY leaves that only chains read, as rows, or other such copies."""
    first = len(program.inputs)
    others = set(program.outputs) | {program.loss}
    packs: set[int] = set()
    for at in range(len(program.leaves) - 1, -1, -1):
        leaf = program.leaves[at]
        if leaf.op is Op.COPY and leaf.operands[0].kind is Kind.VALUE and first + at not in others:
            packs.add(at)
            continue
        rows = ROWS.get(leaf.op, ())
        others |= {o.source for place, o in enumerate(leaf.operands) if o.kind is Kind.VALUE and place not in rows}
    return frozenset(packs)


def _chain_values(chain: Chain) -> list[int]:
    match chain:
        case Product():
            found = [chain.a.value, chain.b.value]
        case RowSum():
            found = [chain.source.value]
        case Scatter():
            found = [chain.index.value, chain.x.value]
        case AnyChain():
            found = [chain.a.value, chain.b.value, *_key_source(chain)]
    return [value for value in found if value is not None]


def _key_source(chain: AnyChain) -> list[int]:
    return [chain.key.source] if chain.key is not None and chain.key.kind is Kind.VALUE else []


def leaves_of(step: Step) -> tuple[int, ...]:
    """Return the leaves that a step computes."""
    return step.leaves if isinstance(step, Group) else (step.leaf,)


def _stored(program: ExactProgram, steps: Iterable[Step], reads: Mapping[int, Sequence[int]]) -> frozenset[int]:
    """Return the values that a step other than their own reads, or that leave the program."""
    first = len(program.inputs)
    home = {at: number for number, step in enumerate(steps) for at in leaves_of(step)}
    needed = {first + s for at, found in reads.items() for s in found if s >= 0 and home[s] != home[at]}
    return frozenset(needed | {value for value in (*program.outputs, program.loss) if value >= first})


class _Arena:
    """Places in one stretch of words; a place is free again after its last reader."""

    def __init__(self) -> None:
        self.words = 0
        self._free: list[tuple[int, int]] = []  # (start, words), in order, never side by side

    def take(self, words: int) -> int:
        size = -(-words // _LINE) * _LINE
        fits = [(length, start) for start, length in self._free if length >= size]
        if not fits:
            start = self.words
            self.words += size
            return start
        length, start = min(fits)
        self._free.remove((start, length))
        if length > size:
            insort(self._free, (start + size, length - size))
        return start

    def give(self, start: int, words: int) -> None:
        size = -(-words // _LINE) * _LINE
        for begin, length in list(self._free):
            if begin + length == start or start + size == begin:
                self._free.remove((begin, length))
                start, size = min(start, begin), size + length
        insort(self._free, (start, size))


def _layout(
    program: ExactProgram, steps: Sequence[Step], reads: Mapping[int, Sequence[int]], stored: frozenset[int]
) -> tuple[dict[int, Place], tuple[tuple[int, int], ...], int]:
    """Return every value's place, the moves at the end, and the arena's size."""
    first = len(program.inputs)
    places = {value: Place(1 + value, 0) for value in range(first)}
    moves: list[tuple[int, int]] = []
    for slot, value in enumerate(program.outputs):
        if value in places:
            moves.append((slot, value))
        else:
            places[value] = Place(1 + first + slot, 0)
    last = {s: number for number, step in enumerate(steps) for at in leaves_of(step) for s in reads[at]}
    last[program.loss - first] = len(steps)
    over: dict[int, list[int]] = {}
    arena = _Arena()
    for number, step in enumerate(steps):
        for at in leaves_of(step):
            value = first + at
            if value in stored and value not in places:
                places[value] = Place(ARENA, arena.take(program.elements_of(value)))
                over.setdefault(last[at], []).append(value)
        for value in over.get(number, ()):
            arena.give(places[value].word, program.elements_of(value))
    return places, tuple(moves), arena.words
