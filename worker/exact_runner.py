"""The runner's part in exact work: make the engine ready, hold the court to the artifacts, and play disputes.

Runs inside the sandbox, forked from the same keeper as `worker.runner`. Decides nothing about guilt: it answers a
position with the honest move of its own execution. It trusts neither the specification (the terms are computed again
from the artifacts) nor the agent's positions (they are checked for form).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from market.protocol.errors import CommonwattError
from market.protocol.exact.game import GamePosition
from market.protocol.exact.game_wire import BadGameMessage, from_json, to_json
from market.protocol.exact.jobs import ExactJob, exact_job
from market.protocol.exact.terms import require_court
from market.protocol.graph import Program
from market.protocol.specs import TrainSpec
from market.protocol.words import Level
from worker.attest.game import Challenger, Defender
from worker.attest.ledger import Ledger
from worker.attest.witness import HONEST, KEPT_BYTES, Course, Faults, Witness
from worker.engine.exact import choose
from worker.engine.exact.engine import ExactEngine
from worker.engine.exact.replay import KEEP
from worker.engine.tensors import State, named_bytes
from worker.training.unit import start_state

Answer = Callable[[dict[str, Any]], dict[str, Any]]
_PLAYERS: Final = {"defender", "challenger"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSide(CommonwattError):
    """A game has a defender and a challenger."""

    side: str


def exact_of(spec: TrainSpec, program: Program, initial: State, dataset: State) -> ExactJob:
    """Return the lowered job; raises CannotLower, NoWords, or WrongCourt when the specification states other terms."""
    job = exact_job(spec, program, tuple(named_bytes(initial)), tuple(named_bytes(dataset)))
    require_court(spec, job.terms)
    return job


def engine_of(job: ExactJob, *, memory: int) -> ExactEngine:
    """Return the engine on this machine's fastest kernels; raises KernelsUnavailable or StepTooLarge."""
    return ExactEngine(job.program, choose(), memory=memory)


def course_of(spec: TrainSpec, unit: int, job: ExactJob, starts: list[State], dataset: State) -> Course:
    """Return what the unit is executed from; raises StatesDiffer."""
    return Course(
        spec=spec,
        unit=spec.units()[unit],
        job=job,
        state=start_state(engine_of(job, memory=spec.memory_bytes), starts),
        tokens=dataset[spec.dataset_tensor],
    )


def player_of(course: Course, side: str, *, faults: Faults = HONEST, kind: type[Ledger] = Ledger) -> Answer:
    """Execute the unit, and return what answers one position of a game about it. Raises BadSide."""
    if side not in _PLAYERS:
        raise BadSide(side=side)
    memory = course.spec.memory_bytes  # a player has several times that, and what it keeps must leave room for a step
    witness = Witness(
        course, choose(), kept_bytes=min(KEPT_BYTES, memory), replay_bytes=min(KEEP, 2 * memory), faults=faults
    )
    ledger = witness.ledger(kind)
    return lambda message: _move(ledger, side, message)


def _move(ledger: Ledger, side: str, message: dict[str, Any]) -> dict[str, Any]:
    """Return the move that answers a message; raises BadGameMessage, also for a position of no game about this unit."""
    position, children, words = _shown(message)
    if (position.frame.terms, position.frame.plan) != (ledger.terms, ledger.plan):
        raise BadGameMessage
    try:
        if side == "defender":
            move = Defender(ledger).answer(position)
        else:
            move = Challenger(ledger).answer(position, words if position.level is Level.WORDS else children)
    except (LookupError, ValueError, ArithmeticError) as error:  # it points at what neither program nor unit has
        raise BadGameMessage from error
    return {"move": None if move is None else to_json(move)}


def _shown(message: dict[str, Any]) -> tuple[GamePosition, tuple[bytes, ...], bytes]:
    try:
        position = from_json(message["position"])
        children, words = tuple(bytes.fromhex(text) for text in message["children"]), bytes.fromhex(message["words"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadGameMessage from error
    if not isinstance(position, GamePosition) or min(position.lo, position.step, position.word) < 0:
        raise BadGameMessage
    return position, children, words
