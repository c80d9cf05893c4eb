"""What a player can show of one execution of a unit: trees, words, paths, all from replay.

Decides how a replayed step becomes what the game asks for, and what is kept: the last segment and the last step,
nothing else, so a player that starts again answers as before. Where replays come from (`steps`, `replay`) is the
engine's; whether to show anything is `worker.attest.game`'s.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

from market.protocol import merkle
from market.protocol.exact import game_court as court
from market.protocol.exact import judge
from market.protocol.exact.encoding import encode
from market.protocol.exact.game_moves import Opening, Path
from market.protocol.exact.game_trees import Tree, block_of
from market.protocol.exact.leaf import BLOCK_WORDS, ExactProgram, Leaf
from market.protocol.exact.terms import ExactTerms
from market.protocol.specs import UnitPlan

_KEPT_VALUES = 8  # block trees: one disputed value and what one leaf reads


class Step(Protocol):
    """One step replayed. slot_roots: of the state before it. value_roots: of its leaves. new_slot_roots: after it."""

    @property
    def slot_roots(self) -> Sequence[bytes]: ...
    @property
    def value_roots(self) -> Sequence[bytes]: ...
    @property
    def new_slot_roots(self) -> Sequence[bytes]: ...

    def words(self, value: int) -> bytes | memoryview:
        """Return a value's canonical little-endian words: of a state slot before the step, or of a leaf."""
        ...


class Replayed:
    """One step and its trees, each made when it is first asked for."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self.slots = Tree.over(step.slot_roots)
        self.values = Tree.over(step.value_roots)
        self.new_slots = Tree.over(step.new_slot_roots)
        self.blocks = lru_cache(_KEPT_VALUES)(lambda value: Tree.over_blocks(self.words(value)))
        self.words = lru_cache(_KEPT_VALUES)(step.words)

    def root(self, value: int) -> bytes:
        """Return the root of a state slot or of a leaf's value."""
        slots = len(self._step.slot_roots)
        return self._step.slot_roots[value] if value < slots else self._step.value_roots[value - slots - 2]

    def new_slot_root(self, slot: int) -> bytes:
        return self._step.new_slot_roots[slot]

    def path(self, value: int) -> Path:
        """Return where `root` stands: under the state before the step, or among the step's values."""
        slots = len(self._step.slot_roots)
        return self.slots.path(value) if value < slots else self.values.path(value - slots - 2)


class Ledger:
    """One execution of one unit. segment_roots: states at the ends of the segments, as signed. steps: the roots after
    each step of a segment; replay: one step with its values. Both are asked again whenever they are needed again."""

    def __init__(
        self,
        *,
        program: ExactProgram,
        terms: ExactTerms,
        plan: UnitPlan,
        input_root: bytes,
        segment_roots: Sequence[bytes],
        dataset: bytes | memoryview,
        steps: Callable[[int], Sequence[bytes]],
        replay: Callable[[int], Step],
    ) -> None:
        self.program, self.terms, self.plan = program, terms, plan
        self._input_root, self._segment_roots, self._dataset = input_root, tuple(segment_roots), dataset
        self.segments = Tree.over(segment_roots)
        self._encodings = [encode(leaf) for leaf in program.leaves]
        self.leaves = Tree.over(self._encodings)
        self.outputs = Tree.over([value.to_bytes(4, "big") for value in program.outputs])
        self._places = {merkle.leaf_hash(encoding): at for at, encoding in enumerate(self._encodings)}
        self._dataset_tree: Tree | None = None
        self._step_roots = lru_cache(1)(lambda segment: tuple(steps(segment)))
        self.step = lru_cache(1)(lambda step: Replayed(replay(step)))

    # ---- states

    def segment_start(self, segment: int) -> bytes:
        return self._segment_roots[segment - 1] if segment else self._input_root

    def segment_end(self, segment: int) -> bytes:
        return self._segment_roots[segment]

    def steps(self, segment: int) -> Tree:
        """Return the tree over the states after each step of a segment."""
        return Tree.over(self._step_roots(segment))

    def state_after(self, segment: int, at: int) -> bytes:
        """Return the state after the step `at` (from 0) of a segment; -1 is the state it starts from."""
        return self._step_roots(segment)[at] if at >= 0 else self.segment_start(segment)

    # ---- leaves and what they read

    def leaf_at(self, digest: bytes) -> int:
        """Return which leaf has this hash; leaves with equal bytes have equal values, so either serves."""
        return self._places[digest]

    def encoding(self, at: int) -> bytes:
        return self._encodings[at]

    def partials(self, step: int, at: int, element: int) -> list[bytes]:
        """Return total and accumulator of a chain's element after each of its pieces."""
        leaf, read = self.program.leaves[at], self.reader(step, at)
        pairs = [(0, 0)]
        for piece in range(judge.piece_count(leaf.length)):
            pairs.append(judge.chain_piece(leaf, element, piece, *pairs[-1], read))
        return [court.pair_bytes(*pair) for pair in pairs[1:]]

    def reader(self, step: int, at: int) -> judge.WordOf:
        """Return what reads the words of a leaf's operands in a step."""
        leaf = self.program.leaves[at]

        def read(place: int, index: int) -> int:
            source = leaf.operands[place].source
            if source == self.program.step_value:
                return court.step_word(self.plan, step)
            if source == self.program.batch_value:
                index = court.dataset_place(self.terms, self.plan, step, index)
                return _word(self._dataset, index)
            return _word(self.step(step).words(source), index)

        return read

    def openings(self, step: int, at: int, element: int, piece: int) -> tuple[Opening, ...]:
        """Return the blocks that judging one word, or one piece of a chain, reads."""
        leaf = self.program.leaves[at]
        found = court.places(leaf, element, piece, self.reader(step, at))
        return tuple(
            self._opening(step, leaf, place, found[place]) if place in found else Opening()
            for place in range(len(leaf.operands))
        )

    def _opening(self, step: int, leaf: Leaf, place: int, index: int) -> Opening:
        source = leaf.operands[place].source
        if source == self.program.step_value:
            return Opening()
        if source == self.program.batch_value:
            block = court.dataset_place(self.terms, self.plan, step, index) // BLOCK_WORDS
            return Opening(words=block_of(self._dataset, block), path=self._dataset_blocks().path(block))
        block, replayed = index // BLOCK_WORDS, self.step(step)
        return Opening(words=block_of(replayed.words(source), block), path=replayed.blocks(source).path(block))

    def _dataset_blocks(self) -> Tree:
        if self._dataset_tree is None:
            self._dataset_tree = Tree.over_blocks(self._dataset)
        return self._dataset_tree


def _word(words: bytes | memoryview, index: int) -> int:
    return int.from_bytes(memoryview(words).cast("B")[4 * index : 4 * index + 4], "little")
