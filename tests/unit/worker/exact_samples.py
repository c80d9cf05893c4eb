"""The small training job in the class EXACT, and what a worker holds of it."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch

from market.protocol.exact.jobs import ExactJob, exact_job
from market.protocol.specs import TrainSpec
from market.protocol.typed import Receipt
from market.protocol.wire import Lease
from market.protocol.words import AssignmentKind, ExecutionClass
from tests.unit.worker import agent_samples
from tests.unit.worker.charlm_samples import Small, small
from worker.agent.dockets import DEFENDER, Docket
from worker.attest.witness import Course
from worker.engine.exact import choose
from worker.engine.exact.engine import ExactEngine
from worker.engine.tensors import named_bytes


@dataclass(frozen=True, kw_only=True)
class Exact:
    """A small job that is exact: `spec` names the court that `job` gives."""

    small: Small
    job: ExactJob
    spec: TrainSpec

    def engine(self, **options: Any) -> ExactEngine:
        return ExactEngine(self.job.program, choose(), **options)

    def state(self) -> list[torch.Tensor]:
        """The first state, in the slots' order."""
        return [self.small.state[slot.name].clone() for slot in self.job.program.state_slots]

    def course(self, unit: int = 0) -> Course:
        return Course(
            spec=self.spec,
            unit=self.spec.units()[unit],
            job=self.job,
            state=self.state(),
            tokens=self.small.dataset["tokens"],
        )


@cache
def exact() -> Exact:
    job = small()
    unbound = replace(job.spec, execution_class=ExecutionClass.EXACT, court=bytes(32).hex())
    lowered = exact_job(unbound, job.program, tuple(named_bytes(job.state)), tuple(named_bytes(job.dataset)))
    spec = replace(unbound, court=lowered.terms.hash().hex())
    return Exact(small=replace(job, spec=spec), job=lowered, spec=spec)


def lease(unit: int = 0, kind: AssignmentKind = AssignmentKind.WORK) -> Lease:
    return agent_samples.lease(kind=kind, unit=unit, spec=exact().spec.to_json())


def receipt(unit: int = 0, **changes: Any) -> Receipt:
    return agent_samples.receipt(**{"unit": unit, "input_root": exact().job.terms.state_root} | changes)


def docket(unit: int = 0, **changes: Any) -> Docket:
    fields: dict[str, Any] = {
        "digest": bytes([unit]) * 32, "side": DEFENDER, "lease": lease(unit), "receipt": receipt(unit),
        "terms": exact().job.terms, "own_input_root": exact().job.terms.state_root,
    }  # fmt: skip
    return Docket(**fields | changes)
