"""An arena for disputes: one small real job of the class EXACT, who claims what about it, and how a game is played out.

Decides the job (a one-layer transformer, three segments of two steps, products that fold their chunks), what a receipt
claims, and the rules of a fair table: a defender that is refused or says nothing loses by its clock, and so does a
challenger. Who judges is a `Referee`: the Python twin here, the contracts in `tests.support.arena_chain`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Protocol

import numpy as np
import torch

from market.protocol.errors import CommonwattError
from market.protocol.exact import game_moves as moves
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_moves import Frame, Move
from market.protocol.exact.jobs import ExactJob, exact_job
from market.protocol.hashing import artifact_id
from market.protocol.specs import TrainSpec
from market.protocol.state import trace_root
from market.protocol.words import ExecutionClass, JobKind, Level, Side, Verdict
from tests.support.arena_models import VOCABULARY, Model, model
from tests.support.seen import Seen, shown
from worker.attest.game import Challenger, Defender
from worker.attest.ledger import Ledger
from worker.attest.witness import Course, Witness
from worker.engine.exact import choose
from worker.engine.exact.blocks import Kernels
from worker.engine.tensors import named_bytes

MOVE_SECONDS: Final = 30
WORKER, PROVIDER, RIVAL = (f"0x{who * 20}" for who in ("a1", "b2", "c3"))
Answer = Callable[[GamePosition], Move | None]
Denial = Callable[[GamePosition, Seen], Move | None]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a receipt says: where the unit started, the states at the ends of its segments, and the result."""

    input_root: bytes
    segment_roots: tuple[bytes, ...]
    result: bytes | None = None

    @property
    def output_root(self) -> bytes:
        return self.segment_roots[-1] if self.result is None else self.result

    @property
    def trace_root(self) -> bytes:
        return trace_root(self.segment_roots)


@dataclass(frozen=True, kw_only=True)
class Party:
    """Somebody with a claim, and how it answers for it."""

    claim: Claim
    answer: Answer


class Arena:
    """The job, and the honest execution of its first unit."""

    def __init__(self, kind: str = "transformer", kernels: Kernels | None = None, *, units: int = 2) -> None:
        self.model: Model = model(kind)
        self.kernels = kernels or choose()
        draw = np.random.Generator(np.random.Philox(11))
        self.tokens = torch.from_numpy(draw.integers(0, VOCABULARY, 2_000, dtype=np.int32))
        data = list(named_bytes({"tokens": self.tokens}))
        unbound = self._spec((units,))
        self.job: ExactJob = exact_job(unbound, self.model.captured, list(named_bytes(self.model.start)), data)
        self.spec = replace(unbound, court=self.job.terms.hash().hex())

    def _spec(self, rounds: tuple[int, ...]) -> TrainSpec:
        return TrainSpec(
            kind=JobKind.TRAIN,
            program=artifact_id(self.model.captured.encode()),
            state=artifact_id(b"state"),
            dataset=artifact_id(b"data"),
            dataset_tensor="tokens",
            rounds=rounds,
            steps_per_unit=6,
            segment_steps=2,
            batch=self.model.batch,
            window=self.model.window,
            seed=17,
            execution_class=ExecutionClass.EXACT,
            memory_bytes=256 << 20,
            unit_seconds=60,
            court=bytes(32).hex(),
        )

    def course(self, unit: int = 0) -> Course:
        return Course(
            spec=self.spec, unit=self.spec.units()[unit], job=self.job, state=self.model.state, tokens=self.tokens
        )

    @cached_property
    def witness(self) -> Witness:
        return Witness(self.course(), self.kernels)

    @cached_property
    def ledger(self) -> Ledger:
        return self.witness.ledger()

    @property
    def honest(self) -> Party:
        return party(self.witness, self.ledger)

    def challenger(self) -> Denial:
        return Challenger(self.ledger).answer

    def frame(self, claim: Claim, *, worker: str = WORKER, provider: str = PROVIDER) -> Frame:
        """Return what a game about a claim begins with."""
        return Frame(
            worker=worker,
            provider=provider,
            input_root=claim.input_root,
            output_root=claim.output_root,
            plan=self.spec.units()[0],
            terms=self.job.terms,
            root=claim.trace_root,
        )

    def opened(self, frame: Frame, challenger: str, *, now: int, move_seconds: int = MOVE_SECONDS) -> GamePosition:
        """Return where a challenge leads: into a game, or to a unit of the first round that began from another state
        than the job's, which is lost at once."""
        first = GamePosition.opened(frame, challenger, move_seconds=move_seconds, now=now)
        if frame.plan.round == 0 and frame.input_root != frame.terms.state_root:
            return replace(first, mover=Side.NONE, level=Level.NONE, verdict=Verdict.OVERTURNED, is_concluded=True)
        return first


def party(witness: Witness, ledger: Ledger | None = None) -> Party:
    """Return whoever defends an execution, be it true or false."""
    shown = ledger or witness.ledger()
    claim = Claim(input_root=witness.input_root, segment_roots=witness.segment_roots)
    return Party(claim=claim, answer=Defender(shown).answer)


class Referee(Protocol):
    """Who holds a game. A refused move raises the refusal and changes nothing."""

    position: GamePosition
    gas: list[int]

    def open(self, claim: Claim) -> GamePosition: ...
    def move(self, move: Move, by: Side) -> GamePosition: ...
    def run_out(self) -> GamePosition:
        """Let the mover's clock run out and have somebody say so."""
        ...


class Twin:
    """The referee in Python."""

    def __init__(self, arena: Arena) -> None:
        self._arena, self._now = arena, 0
        self.gas: list[int] = []

    def open(self, claim: Claim) -> GamePosition:
        self.position = self._arena.opened(self._arena.frame(claim), RIVAL, now=self._now)
        return self.position

    def move(self, move: Move, by: Side) -> GamePosition:
        self._now += 1
        caller = WORKER if by is Side.DEFENDER else RIVAL
        self.position = self.position.apply(move, caller=caller, now=self._now)
        return self.position

    def run_out(self) -> GamePosition:
        self._now = self.position.deadline + 1
        return self.move(moves.Timeout(), Side.CHALLENGER)


@dataclass(kw_only=True)
class Played:
    """A game played out. at: the positions, from the first; gas: of every transaction, the challenge first."""

    at: list[GamePosition] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    refusals: list[CommonwattError] = field(default_factory=list)
    gas: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        return self.at[-1].verdict

    @property
    def last(self) -> GamePosition:
        """The last position of the game itself: where the court found what it found, or a clock was running."""
        return next(position for position in reversed(self.at) if position.level is not Level.NONE)

    @property
    def last_move(self) -> Move:
        """The move that decided: a judgement, or the word that a clock has run out."""
        return next(move for move in reversed(self.moves) if not isinstance(move, moves.Conclude))

    @property
    def judge_gas(self) -> int:
        """What the judgement cost, without carrying it out; 0 without one."""
        made = zip(self.moves, self.gas[1:], strict=False)
        return next((gas for move, gas in made if isinstance(move, moves.Judge | moves.JudgePiece)), 0)

    def leaf(self, ledger: Ledger) -> int | None:
        """Return which leaf was in dispute at the end; None where no leaf had been bound."""
        return ledger.leaf_at(self.last.frame.leaf) if any(self.last.frame.leaf) else None


def play(referee: Referee, accused: Party, deny: Denial) -> Played:
    """Return the game about a claim, played to its end by whoever answers."""
    began = time.perf_counter()
    position, seen = referee.open(accused.claim), ()
    played = Played(at=[position])
    while not position.is_concluded:
        if position.is_over:
            position = referee.move(moves.Conclude(), Side.CHALLENGER)
            played.moves.append(moves.Conclude())
            played.at.append(position)
            continue
        move = accused.answer(position) if position.mover is Side.DEFENDER else deny(position, seen)
        position = _after(referee, played, move, position, lambda at, given=seen: deny(at, given))
        seen = shown(played.moves[-1], seen)
        played.at.append(position)
    played.gas, played.seconds = list(referee.gas), time.perf_counter() - began
    return played


def _after(referee: Referee, played: Played, move: Move | None, position: GamePosition, deny: Answer) -> GamePosition:
    """Return where a move leads; if it is refused, where the court's own computing leads, or else the clock."""
    by = position.mover
    found = _tried(referee, played, move, by)
    if found is None and by is Side.DEFENDER:
        found = _tried(referee, played, deny(position), Side.CHALLENGER)
    if found is not None:
        return found
    played.moves.append(moves.Timeout())
    return referee.run_out()


def _tried(referee: Referee, played: Played, move: Move | None, by: Side) -> GamePosition | None:
    if move is None:
        return None
    try:
        found = referee.move(move, by)
    except CommonwattError as refusal:
        played.refusals.append(refusal)
        return None
    played.moves.append(move)
    return found
