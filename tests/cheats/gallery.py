"""Every way to cheat at exact work that we thought of, as one small class each.

Decides what a cheater really executes and how it then defends that: as well as it can, with its own false execution in
hand and every lie prepared that the rules allow. `commit` may be told a seed, so that no two trials are alike. Whoever
challenges and whoever judges is in tests.support.arena.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final, Protocol

import numpy as np
import torch

from market.protocol.exact import judge
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_court import pair_bytes
from market.protocol.exact.game_moves import Move
from market.protocol.exact.leaf import Op, WordType
from market.protocol.words import Level
from tests.support.arena import Arena, Claim, Party, party
from worker.attest.game import Defender
from worker.attest.ledger import Ledger
from worker.attest.witness import ShownStep, Witness
from worker.engine.exact.machine import StateDiverged
from worker.engine.exact.replay import Fault, Replay, replay_step

Words = np.ndarray[Any, Any]
EXPONENT: Final = 0x7F800000


class Cheat(Protocol):
    """A way to cheat; what it saves, and how it is caught, stands above each."""

    def commit(self, arena: Arena, seed: int) -> Party:
        """Return what the cheater claims, and how it defends that."""


class Stubborn(Ledger):
    """An execution whose chains, where a word is false, are shown as ending in that word after all."""

    first_lie = 0

    @classmethod
    def of(cls, ledger: Ledger, first_lie: int = 0) -> "Stubborn":
        found = cls.__new__(cls)
        found.__dict__.update(ledger.__dict__)
        found.first_lie = first_lie
        return found

    def partials(self, step: int, at: int, element: int) -> list[bytes]:
        true, leaf = super().partials(step, at, element), self.program.leaves[at]
        words = bytes(self.step(step).words(at + len(self.program.inputs)))
        claimed = int.from_bytes(words[4 * element : 4 * element + 4], "little")
        total, acc = int.from_bytes(true[-1][:4]), int.from_bytes(true[-1][4:])
        if judge.chain_word(leaf.length, total, acc) == claimed:
            return true
        lie = pair_bytes(0, claimed) if leaf.length <= 256 else pair_bytes(claimed, 0)
        first = min(self.first_lie, len(true) - 1)
        return true[:first] + [lie] * (len(true) - first)


def stubborn(witness: Witness, random: Random) -> Party:
    """Return whoever defends a false execution and lies about its chains from some piece on."""
    return party(witness, Stubborn.of(witness.ledger(), random.randrange(4)))


class Idle(Witness):
    """Takes the last step of every segment by handing on the state it has."""

    def _is_idle(self, step: int) -> bool:
        return step + 1 in self._course.spec.segments()

    def _after(self, state: list[Words], step: int) -> list[Words]:
        return [array.copy() for array in state] if self._is_idle(step) else super()._after(state, step)


class Forging(Idle):
    """The same, and says that the program's last values came out as the state was before."""

    def _replayed(self, state: Sequence[Words], step: int) -> Replay:
        if not self._is_idle(step):
            return super()._replayed(state, step)
        program, first = self._course.job.program, len(self._course.job.program.inputs)
        words = [array.reshape(-1).view(np.uint32).copy() for array in state]
        faults = {value - first: _instead(held) for value, held in zip(program.outputs, words, strict=True)}
        return replay_step(program, self._kernels, state, self._batch(step).numpy(), self._number(step), faults=faults)


class Unlinked(Idle):
    """The same, and shows true values that its claimed state is not made of."""

    def _replay(self, step: int) -> ShownStep:
        shown = super()._replay(step)
        return Standing(replay=shown.replay, slot_roots=shown.slot_roots) if self._is_idle(step) else shown


class Standing(ShownStep):
    @property
    def new_slot_roots(self) -> Sequence[bytes]:
        return self.slot_roots


def _instead(held: Words) -> Fault:
    return lambda _: held


@dataclass(frozen=True)
class Lazy:
    """Skips one step in two, and says that the weights came out as they were.

    Saves half the work. Caught at the first value it forged, which the court computes."""

    def commit(self, arena: Arena, seed: int) -> Party:
        return stubborn(Forging(arena.course(), arena.kernels), Random(seed))


@dataclass(frozen=True)
class LazyUnlinked:
    """Skips one step in two, and computes true values only when it is challenged.

    Saves half the work. Its values are all true, so the challenger doubts that the new state is made of them, and no
    proof leads from one to the other."""

    def commit(self, arena: Arena, seed: int) -> Party:
        return stubborn(Unlinked(arena.course(), arena.kernels), Random(seed))


@dataclass(frozen=True)
class Copier:
    """Hands in the trace of another unit, the only one it can see: what a unit's receipts claim is sealed.

    Saves all the work. Caught where the batch is read, which the court reads from the dataset itself."""

    def commit(self, arena: Arena, seed: int) -> Party:
        return stubborn(Witness(arena.course(unit=1), arena.kernels), Random(seed))


@dataclass(frozen=True)
class WrongSeed:
    """Draws its windows from a seed of its own, as whoever searches for an easy or a poisoned stretch would.

    Saves nothing, spoils the model. Caught where the batch is read."""

    def commit(self, arena: Arena, seed: int) -> Party:
        course = arena.course()
        course = replace(course, spec=replace(course.spec, seed=course.spec.seed + 1 + seed))
        return stubborn(Witness(course, arena.kernels), Random(seed))


@dataclass(frozen=True)
class WrongOrder:
    """Feeds the right windows in the wrong order.

    Saves shuffling. Caught where the batch is read, although every sum over the batch is nearly the same."""

    def commit(self, arena: Arena, seed: int) -> Party:
        return stubborn(Turned(arena.course(), arena.kernels), Random(seed))


class Turned(Witness):
    def _batch(self, step: int) -> torch.Tensor:
        return super()._batch(step).flip(0)


@dataclass(frozen=True)
class StaleWeights:
    """Computes a step from the weights of the step before, as a pipeline does that does not wait.

    Saves the waiting. Caught at the first value that reads a weight: the agreed state proves another one."""

    def commit(self, arena: Arena, seed: int) -> Party:
        return stubborn(Late(arena.course(), arena.kernels), Random(seed))


class Late(Witness):
    """Every step but the unit's first reads the state one step too old."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self._older: dict[int, list[Words]] = {}
        super().__init__(*given, **named)

    def _read(self, state: Sequence[Words], step: int) -> list[Words]:
        self._older[step] = [array.copy() for array in state]
        return self._older.get(step - 1, self._older[step])

    def _after(self, state: list[Words], step: int) -> list[Words]:
        return super()._after(self._read(state, step), step)

    def _replayed(self, state: Sequence[Words], step: int) -> Replay:
        return super()._replayed(self._read(state, step), step)


@dataclass(frozen=True)
class StaleStart:
    """Starts the unit from weights it still has from elsewhere.

    Saves a download. No game is needed: the job's first state stands in its terms."""

    def commit(self, arena: Arena, seed: int) -> Party:
        course = arena.course()
        held = [tensor * (1 + 0.01 * (seed + 1)) for tensor in course.state]
        return stubborn(Witness(replace(course, state=held), arena.kernels), Random(seed))


@dataclass(frozen=True)
class Downgrade:
    """Computes its products in bfloat16.

    Saves most of the work on an accelerator. Caught at the first product it rounded."""

    def commit(self, arena: Arena, seed: int) -> Party:
        products = [at for at, leaf in enumerate(arena.job.program.leaves) if leaf.op is Op.CHAIN and leaf.length >= 16]
        each: Mapping[int, Fault] = dict.fromkeys(products, _rounded)
        steps = range(arena.spec.steps_per_unit)
        return stubborn(Witness(arena.course(), arena.kernels, faults=dict.fromkeys(steps, each)), Random(seed))


def _rounded(words: Words) -> Words:
    """To bfloat16 and back, to the nearest even."""
    return (words + np.uint32(0x7FFF) + (words >> np.uint32(16) & np.uint32(1))) & np.uint32(0xFFFF0000)


@dataclass(frozen=True)
class OneUlp:
    """One element of one operator of one step is off by its last bit, as from another library's kernel.

    Saves whatever that kernel saves. Caught at that element."""

    def commit(self, arena: Arena, seed: int) -> Party:
        return _planted(arena, Random(seed), lambda words, element: words[element] ^ np.uint32(1))


@dataclass(frozen=True)
class OneElement:
    """Moves one element of one value by a thousandth, as sabotage would.

    Gains what the spoiling is worth to somebody. Caught at that element."""

    def commit(self, arena: Arena, seed: int) -> Party:
        def moved(words: Words, element: int) -> np.uint32:
            return np.uint32(
                (words[element : element + 1].view(np.float32) * np.float32(1.001) + 1e-6).view(np.uint32)[0]
            )

        return _planted(arena, Random(seed), moved)


def _planted(arena: Arena, random: Random, change: Callable[[Words, int], np.uint32]) -> Party:
    """Return a defender with one changed element somewhere, such that what it commits to is changed."""
    floats = [at for at, leaf in enumerate(arena.job.program.leaves) if leaf.type is WordType.F32]
    while True:
        step, at = random.randrange(arena.spec.steps_per_unit), random.choice(floats)
        element = random.randrange(arena.job.program.leaves[at].elements)
        found = witness_of_fault(arena, step, at, lambda words, e=element: _with(words, e, change(words, e)))
        if found is not None and found.segment_roots != arena.witness.segment_roots:
            return stubborn(found, random)


def _with(words: Words, element: int, word: np.uint32) -> Words:
    changed = words.copy()
    changed[element] = word
    return changed


def witness_of_fault(arena: Arena, step: int, at: int, fault: Fault) -> Witness | None:
    """Return the execution with one faulty leaf; None where its state runs out of numbers, which its own engine
    refuses to go on from."""
    try:
        return Witness(arena.course(), arena.kernels, faults={step: {at: fault}})
    except StateDiverged:
        return None


@dataclass(frozen=True)
class Withholder:
    """Opens hashes but never words: whoever keeps the data cannot be shown to be wrong about it.

    Saves the upload, hides what it did. Its clock runs out at the block it keeps back."""

    def commit(self, arena: Arena, seed: int) -> Party:
        accused = OneElement().commit(arena, seed)

        def answer(position: GamePosition) -> Move | None:
            return None if position.level is Level.BLOCKS and position.count == 1 else accused.answer(position)

        return Party(claim=accused.claim, answer=answer)


@dataclass(frozen=True)
class NoState:
    """Claims roots that nothing hashes to.

    Saves all the work. It can open nothing, and its clock runs out."""

    def commit(self, arena: Arena, seed: int) -> Party:
        made = Random(seed)
        roots = tuple(made.randbytes(32) for _ in arena.spec.segments())
        honest = arena.witness
        return Party(
            claim=Claim(input_root=honest.input_root, segment_roots=roots), answer=Defender(arena.ledger).answer
        )


@dataclass(frozen=True)
class Silent:
    """Says nothing once it is challenged.

    Saves the moves of a game that it would lose. Its clock runs out at the first of them."""

    def commit(self, arena: Arena, seed: int) -> Party:
        return Party(claim=Lazy().commit(arena, seed).claim, answer=lambda _: None)


@dataclass(frozen=True)
class FalseResult:
    """A true trace, and a result that is not its last state.

    Hands out a poisoned model with a clean record. The last segment cannot be opened: its end is not the result."""

    def commit(self, arena: Arena, seed: int) -> Party:
        honest = arena.honest
        return Party(claim=replace(honest.claim, result=Random(seed).randbytes(32)), answer=honest.answer)


GALLERY: Final[Mapping[str, Cheat]] = {
    "lazy": Lazy(),
    "lazy_unlinked": LazyUnlinked(),
    "copier": Copier(),
    "wrong_seed": WrongSeed(),
    "wrong_order": WrongOrder(),
    "stale_weights": StaleWeights(),
    "stale_start": StaleStart(),
    "downgrade": Downgrade(),
    "one_ulp": OneUlp(),
    "one_element": OneElement(),
    "withheld_data": Withholder(),
    "no_state": NoState(),
    "silent": Silent(),
    "false_result": FalseResult(),
}
