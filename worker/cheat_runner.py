"""The falsifying runner: executes exact work truly but for one word, and defends the result.

It exists so that the demo and the end-to-end tests have somebody for the chain to judge: the last element of one
product in the unit's middle step is wrong in its sixteenth bit. A worker takes it only under `--dishonest`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from market.protocol.exact.game_court import pair_bytes
from market.protocol.exact.leaf import CHUNK, ExactProgram, Op
from worker import exact_runner
from worker.attest.ledger import Ledger
from worker.attest.trace import UnitResult
from worker.attest.witness import Course, Faults, Witness
from worker.engine.exact import choose
from worker.engine.exact.machine import Array
from worker.engine.tensors import State
from worker.runner import Progress, Server, Work, answer_with, handed_in
from worker.sandbox.lines import LineStream


def serve(stream: LineStream) -> None:
    """Answer messages until the agent closes the stream."""
    answer_with(Falsifier(stream), stream)


class Falsifier(Server):
    """A server that cheats on exact work."""

    def run(self, folder: Path) -> dict[str, Any]:
        course = Work.read(folder).course()
        room = course.spec.memory_bytes // 8
        witness = Witness(
            course, choose(), kept_bytes=room, replay_bytes=room, faults=faults_of(course),
            on_progress=Progress(self.stream).report,
        )  # fmt: skip
        result = UnitResult(
            input_root=witness.input_root,
            segment_roots=witness.segment_roots,
            final_state=_state(course, witness),
            losses=(),
            steps=course.spec.steps_per_unit,
        )
        return handed_in(folder, result, course.job)

    def play(self, course: Course, side: str) -> exact_runner.Answer:
        return exact_runner.player_of(course, side, faults=faults_of(course), kind=LyingLedger)


class LyingLedger(Ledger):
    """Shows partial sums that lead to the false word, so that only computing them again can tell."""

    def partials(self, step: int, at: int, element: int) -> list[bytes]:
        pairs = super().partials(step, at, element)
        words = self.step(step).words(at + len(self.program.inputs))
        claimed = int.from_bytes(words[4 * element : 4 * element + 4], "little")
        return [*pairs[:-1], pair_bytes(0, claimed)]


def faults_of(course: Course) -> Faults:
    """Return the one falsehood: in the middle step, in the longest product of one chunk."""
    return {course.spec.steps_per_unit // 2: {_product(course.job.program): _a_little_off}}


def _product(program: ExactProgram) -> int:
    products = [at for at, leaf in enumerate(program.leaves) if leaf.op is Op.CHAIN and leaf.length <= CHUNK]
    return max(products, key=lambda at: program.leaves[at].length)


def _a_little_off(words: Array) -> Array:
    words[-1] += np.uint32(1 << 16)  # enough to outlast the roundings that follow
    return words


def _state(course: Course, witness: Witness) -> State:

    slots = course.job.program.state_slots
    return {slot.name: torch.from_numpy(array) for slot, array in zip(slots, witness.final_state(), strict=True)}
