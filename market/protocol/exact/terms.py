"""What the court must know of an exact job: program, first state, data and schedule, as five roots and nine numbers.

Decides the document that a bid binds and a game opens with. It follows from the artifacts and the specification alone,
so buyer, market and worker each compute it and refuse a job whose `court` is another. Never decides who is right.
"""

import hashlib
from dataclasses import astuple, dataclass

from eth_abi.abi import encode as abi_encode

from market.protocol.errors import CommonwattError
from market.protocol.exact import commit
from market.protocol.exact.leaf import ExactProgram
from market.protocol.specs import TrainSpec

ABI_TYPES = ("bytes32",) * 5 + ("uint32",) * 7 + ("uint64",) * 2


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongCourt(CommonwattError):
    """The specification names other terms than its artifacts give."""

    stated: str
    computed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactTerms:
    """The fields of the Solidity struct of this name, in its order."""

    leaves_root: bytes
    outputs_root: bytes
    state_root: bytes
    dataset_root: bytes
    units_root: bytes
    leaf_count: int
    state_slots: int
    unit_count: int
    segment_steps: int
    steps_per_unit: int
    batch: int
    window: int
    seed: int
    dataset_items: int

    def hash(self) -> bytes:
        """Return SHA-256 of the ABI encoding: what a specification states as `court`."""
        return hashlib.sha256(abi_encode(ABI_TYPES, astuple(self))).digest()


def terms_of(
    spec: TrainSpec, program: ExactProgram, *, state_root: bytes, dataset_root: bytes, dataset_items: int
) -> ExactTerms:
    """Return the terms of a job. state_root: of the exact class; dataset_root: over its items as int32 words."""
    return ExactTerms(
        leaves_root=commit.leaves_root(program),
        outputs_root=commit.outputs_root(program),
        state_root=state_root,
        dataset_root=dataset_root,
        units_root=commit.units_root(spec),
        leaf_count=len(program.leaves),
        state_slots=len(program.outputs),
        unit_count=spec.unit_count,
        segment_steps=spec.segment_steps,
        steps_per_unit=spec.steps_per_unit,
        batch=spec.batch,
        window=spec.window,
        seed=spec.seed,
        dataset_items=dataset_items,
    )


def require_court(spec: TrainSpec, terms: ExactTerms) -> None:
    """Raise WrongCourt unless the specification states these terms."""
    stated, computed = spec.court or "nothing", terms.hash().hex()
    if stated != computed:
        raise WrongCourt(stated=stated, computed=computed)
