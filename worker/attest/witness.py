"""One exact execution that can answer for itself: executed once, then replayed from the last kept state.

Decides which states are kept (as many segment starts as fit a budget of memory) and how a step of a unit becomes what
`worker.attest.ledger` shows. Executes and replays; never plays and never judges.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import torch

from market.protocol.exact.jobs import ExactJob
from market.protocol.exact.leaf import CANONICAL_NAN, WordType
from market.protocol.specs import TrainSpec, UnitPlan
from worker.attest.ledger import Ledger
from worker.engine.batches import batch_of
from worker.engine.exact.blocks import Kernels
from worker.engine.exact.engine import ExactEngine, root_of, slot_roots
from worker.engine.exact.machine import Array
from worker.engine.exact.replay import KEEP, Fault, Replay, replay_step
from worker.engine.exact.team import Team

KEPT_BYTES: Final = 1 << 30
Progress = Callable[[int], None]
Faults = Mapping[int, Mapping[int, Fault]]
HONEST: Final[Faults] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a unit is executed from. state: the merged start in the slots' order. tokens: 1-D integers."""

    spec: TrainSpec
    unit: UnitPlan
    job: ExactJob
    state: Sequence[torch.Tensor]
    tokens: torch.Tensor


class Witness:
    """Executes a unit and keeps what is needed to show any part of it again.

    kept_bytes: of states, replay_bytes: of one replayed step's values; what is not kept is computed again.
    faults: step (from 0) -> leaf -> what falsifies its words; for tests of cheaters, an honest witness has none.
    """

    def __init__(
        self,
        course: Course,
        kernels: Kernels,
        *,
        kept_bytes: int = KEPT_BYTES,
        replay_bytes: int = KEEP,
        faults: Faults = HONEST,
        on_progress: Progress = lambda _: None,
    ) -> None:
        self._course, self._kernels, self._faults, self._replay_bytes = course, kernels, faults, replay_bytes
        self._team = Team(kernels, 1)
        self._engine = ExactEngine(course.job.program, kernels)
        self._kept: dict[int, list[Array]] = {0: [tensor.numpy().copy() for tensor in course.state]}
        state_bytes = sum(array.nbytes for array in self._kept[0])
        segments = course.spec.segments()
        room = max(kept_bytes // max(state_bytes, 1), 1)
        self._keep_at = frozenset(segments[:: -(-len(segments) // room)])
        self.input_root = root_of(self._kept[0], self._team)
        self.segment_roots = tuple(self._execute(frozenset(segments), on_progress))

    def ledger(self, kind: type[Ledger] = Ledger) -> Ledger:
        """Return what can be shown of the execution. kind: a liar's own kind of ledger, for tests of cheaters."""
        tokens = self._course.tokens.numpy().astype("<i4")
        return kind(
            program=self._course.job.program,
            terms=self._course.job.terms,
            plan=self._course.unit,
            input_root=self.input_root,
            segment_roots=self.segment_roots,
            dataset=tokens.tobytes(),
            steps=self._steps,
            replay=self._replay,
        )

    def final_state(self) -> list[Array]:
        """Return the state after the last step."""
        return self._before(self._course.spec.steps_per_unit)

    def _execute(self, marks: frozenset[int], on_progress: Progress) -> list[bytes]:
        state, roots = self._kept[0], []
        for step in range(self._course.spec.steps_per_unit):
            state = self._after(state, step)
            if step + 1 in marks:
                roots.append(root_of(state, self._team))
            if step + 1 in self._keep_at:
                self._kept[step + 1] = [array.copy() for array in state]
            on_progress(step + 1)
        return roots

    def _steps(self, segment: int) -> list[bytes]:
        """Return the state's root after each step of a segment."""
        ends = (0, *self._course.spec.segments())
        state, roots = self._before(ends[segment]), []
        for step in range(ends[segment], ends[segment + 1]):
            state = self._after(state, step)
            roots.append(root_of(state, self._team))
        return roots

    def _before(self, step: int) -> list[Array]:
        """Return the state before a step, from the last one that was kept."""
        kept = max(at for at in self._kept if at <= step)
        state = self._kept[kept]
        for at in range(kept, step):
            state = self._after(state, at)
        return [array.copy() for array in state]

    def _after(self, state: list[Array], step: int) -> list[Array]:
        if step in self._faults:
            return self._shaped(self._replayed(state, step).new_state())
        tensors, _ = self._engine.step(
            [torch.from_numpy(array) for array in state], self._batch(step), self._number(step)
        )
        return [tensor.numpy() for tensor in tensors]

    def _shaped(self, words: Sequence[Array]) -> list[Array]:
        slots = zip(words, self._course.job.program.state_slots, strict=True)
        dtypes = {WordType.F32: np.float32, WordType.I32: np.int32}
        return [item.view(dtypes[slot.type]).reshape(slot.shape).copy() for item, slot in slots]

    def _batch(self, step: int) -> torch.Tensor:
        return batch_of(self._course.spec, self._course.unit, step, self._course.tokens)

    def _number(self, step: int) -> int:
        return self._course.unit.first_step + step + 1

    def _replayed(self, state: Sequence[Array], step: int) -> Replay:
        return replay_step(
            self._course.job.program,
            self._kernels,
            state,
            self._batch(step).numpy(),
            self._number(step),
            keep=self._replay_bytes,
            faults=self._faults.get(step, {}),
        )

    def _replay(self, step: int) -> "ShownStep":
        state = self._before(step)
        return ShownStep(replay=self._replayed(state, step), slot_roots=slot_roots(state, self._team))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStep:
    """A replayed step as the ledger asks for it (`worker.attest.ledger.Step`)."""

    replay: Replay
    slot_roots: Sequence[bytes]

    @property
    def value_roots(self) -> Sequence[bytes]:
        return self.replay.value_roots

    @property
    def new_slot_roots(self) -> Sequence[bytes]:
        return self.replay.state_roots

    def words(self, value: int) -> bytes:
        words = self.replay.words(value)
        if self.replay.program.type_of(value) is WordType.F32:
            words = np.where(words & 0x7FFFFFFF > 0x7F800000, np.uint32(CANONICAL_NAN), words)
        return words.astype("<u4").tobytes()
