"""What a buyer asks for: the job specification, and the work units that follow from it.

Decides the document whose SHA-256 is `Bid.spec_hash`, the graph of units (pure arithmetic on the document, so buyer,
market, worker and verifier agree without asking each other) and which bytes feed which step. Never runs anything.
A specification names artifacts by content; it holds no code, no path and no address.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final, Self

from market.protocol import canonical
from market.protocol.errors import CommonwattError
from market.protocol.hashing import ArtifactId, parse_artifact_id
from market.protocol.words import ExecutionClass, JobKind

MAX_UNITS = 100_000
MAX_STEPS_PER_UNIT = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSpec(CommonwattError):
    """The job specification does not make sense."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPlan:
    """One work unit: where it starts and what it feeds on.

    `predecessors` are the units whose end states are averaged, in this order, to make the start state; none means that
    the unit starts from the job's initial state. `shard` of `shards` is its part of the dataset.
    """

    index: int
    round: int
    shard: int
    shards: int
    first_step: int
    predecessors: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSpec:
    """A training job in rounds: `rounds[r]` units run side by side, then their states are averaged.

    program, state, dataset: artifacts (canonical JSON, safetensors, safetensors).
    dataset_tensor: name of a 1-D integer tensor in the dataset; a step reads `batch` windows of `window` items of it.
    seed: chooses the windows. steps_per_unit: inner steps of one unit. segment_steps: steps between two state hashes.
    memory_bytes, unit_seconds: limits under which the runner executes one unit.
    court: of an EXACT job, the hex of `market.protocol.exact.terms.ExactTerms.hash`; null otherwise.
    """

    kind: JobKind
    program: ArtifactId
    state: ArtifactId
    dataset: ArtifactId
    dataset_tensor: str
    rounds: tuple[int, ...]
    steps_per_unit: int
    segment_steps: int
    batch: int
    window: int
    seed: int
    execution_class: ExecutionClass
    memory_bytes: int
    unit_seconds: int
    court: str | None = None
    version: int = 1

    def __post_init__(self) -> None:
        _require(self.version == 1, "version", f"{self.version} is not a version this market speaks (1)")
        _require(self.kind is JobKind.TRAIN, "kind", f"{self.kind} jobs are not served yet, only TRAIN")
        served = (ExecutionClass.EXACT, ExecutionClass.PINNED)
        _require(self.execution_class in served, "execution_class", "only EXACT and PINNED training is served yet")
        is_exact = self.execution_class is ExecutionClass.EXACT
        _require(is_exact == (self.court is not None), "court", "an EXACT job states its court, no other has one")
        _require(len(self.rounds) > 0, "rounds", "there must be at least one round")
        _require(all(n > 0 for n in self.rounds), "rounds", "every round must have at least one unit")
        _require(sum(self.rounds) <= MAX_UNITS, "rounds", f"more than {MAX_UNITS} units")
        _require(0 < self.steps_per_unit <= MAX_STEPS_PER_UNIT, "steps_per_unit", f"not in 1..{MAX_STEPS_PER_UNIT}")
        _require(0 < self.segment_steps <= self.steps_per_unit, "segment_steps", "not in 1..steps_per_unit")
        for name in ("batch", "window", "memory_bytes", "unit_seconds"):
            _require(getattr(self, name) > 0, name, "must be positive")
        _require(0 <= self.seed < 1 << 63, "seed", "not in 0..2^63-1")

    @property
    def unit_count(self) -> int:
        return sum(self.rounds)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "rounds": list(self.rounds)}

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Parse the document; raises BadSpec naming the first field that is missing, unknown or of the wrong form."""
        if not isinstance(document, dict):
            raise BadSpec(field="$", reason="not an object")
        for name in document.keys() ^ cls.__dataclass_fields__.keys():
            raise BadSpec(field=str(name), reason="unknown" if name in document else "missing")
        return cls(**{name: _parse(name, value) for name, value in document.items()})

    def encode(self) -> bytes:
        return canonical.encode(self.to_json())

    def hash(self) -> bytes:
        """Return what the bid signs as `specHash`: of an EXACT job, the court and the document can be told apart."""
        document = hashlib.sha256(self.encode()).digest()
        return document if self.court is None else hashlib.sha256(bytes.fromhex(self.court) + document).digest()

    def units(self) -> tuple[UnitPlan, ...]:
        """Return every work unit, by index; a round's units start from the average of the round before."""
        plans: list[UnitPlan] = []
        previous: tuple[int, ...] = ()
        for number, count in enumerate(self.rounds):
            first = len(plans)
            plans += [
                UnitPlan(
                    index=first + shard,
                    round=number,
                    shard=shard,
                    shards=count,
                    first_step=number * self.steps_per_unit,
                    predecessors=previous,
                )
                for shard in range(count)
            ]
            previous = tuple(range(first, first + count))
        return tuple(plans)

    def segments(self) -> tuple[int, ...]:
        """Return the local step counts at whose end the state is hashed; the last is always `steps_per_unit`."""
        marks = list(range(self.segment_steps, self.steps_per_unit, self.segment_steps))
        return (*marks, self.steps_per_unit)


def window_starts(spec: TrainSpec, unit: UnitPlan, step: int, items: int) -> tuple[int, ...]:
    """Return where the `batch` windows of local step `step` begin in a dataset tensor of `items` elements.

    Counter-mode SHA-256 over (seed, unit, step, row), reduced modulo the shard's room: a stateless order that anyone
    can recompute for one step alone. The modulo bias is below 2^-32 for any dataset under four billion items.
    Raises BadSpec when the shard is shorter than one window.
    """
    low, high = unit.shard * items // unit.shards, (unit.shard + 1) * items // unit.shards
    room = high - low - spec.window + 1
    _require(room > 0, "window", f"a shard of {high - low} items is shorter than a window of {spec.window}")
    return tuple(low + _draw(spec.seed, unit.index, step, row) % room for row in range(spec.batch))


def _draw(seed: int, unit: int, step: int, row: int) -> int:
    counter = b"".join(value.to_bytes(8, "big") for value in (seed, unit, step, row))
    return int.from_bytes(hashlib.sha256(counter).digest()[:8], "big")


def _require(condition: bool, field: str, reason: str) -> None:
    if not condition:
        raise BadSpec(field=field, reason=reason)


def _parse(name: str, value: Any) -> Any:
    parse: Callable[[Any], Any] = _PARSERS.get(name, _integer)
    try:
        return parse(value)
    except (TypeError, ValueError) as error:
        raise BadSpec(field=name, reason=str(error)) from error


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not an integer")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 200:
        raise ValueError("not a name of 1 to 200 characters")
    return value


_PARSERS: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "kind": JobKind,
        "program": parse_artifact_id,
        "state": parse_artifact_id,
        "dataset": parse_artifact_id,
        "dataset_tensor": _name,
        "rounds": lambda value: tuple(_integer(item) for item in value),
        "execution_class": ExecutionClass,
        "court": lambda value: None if value is None else parse_artifact_id(value),
    }
)
