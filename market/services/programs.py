"""Does what the buyer uploaded make a runnable job, and what does one unit of it cost?

Reads the program and the headers of state and dataset from the store, and hands them to the protocol's checks, off the
event loop; of an exact job state and dataset whole, one job at a time, since its court is their hash. Decides which
limit applies and that an exact job starts from numbers; every refusal of the program is the protocol's own, by name.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import numpy as np

from market.protocol import programs, tensors
from market.protocol.errors import CommonwattError
from market.protocol.exact.jobs import exact_job_of_documents
from market.protocol.exact.terms import require_court
from market.protocol.hashing import ArtifactId
from market.protocol.programs import Program, ProgramLimits
from market.protocol.specs import TrainSpec
from market.protocol.tensors import TensorEntry
from market.protocol.words import ExecutionClass
from market.services.admission import Admission, JobTooLarge
from market.services.store import ArtifactStore

ARTIFACT_FIELDS: Final = ("program", "state", "dataset")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactMissing(CommonwattError):
    """The job names an artifact that has not been uploaded."""

    field: str
    artifact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongGigaflops(CommonwattError):
    """The bid states another amount of work per unit than its program takes."""

    declared: int
    computed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StateNotFinite(CommonwattError):
    """The first state of an exact job holds infinite or not-a-number values."""

    tensor: str


class ProgramChecker:
    """Checks jobs' artifacts."""

    def __init__(self, store: ArtifactStore, admission: Admission) -> None:
        self._store, self._admission = store, admission
        self._reading_whole = asyncio.Lock()

    async def unit_gigaflops(self, spec: TrainSpec) -> int:
        """Return what one unit of the job takes, after checking that it can run at all.

        Raises ArtifactMissing, JobTooLarge, TensorsMalformed, or any of `market.protocol.programs`' errors; for an
        exact job also CannotLower, NoWords, StateNotFinite or WrongCourt.
        """
        sizes = {field: await self._size(field, getattr(spec, field)) for field in ARTIFACT_FIELDS}
        limit_bytes = self._admission.max_program_bytes
        if sizes["program"] > limit_bytes:
            raise JobTooLarge(field="program", asked=sizes["program"], limit=limit_bytes)
        document = await self._store.read(spec.program, limit_bytes=limit_bytes)
        state = await self._entries(spec.state, sizes["state"])
        dataset = await self._entries(spec.dataset, sizes["dataset"])
        gigaflops = await asyncio.to_thread(_judge, document, spec, state, dataset)
        if spec.execution_class is ExecutionClass.EXACT:
            await self._require_court(spec, document, sizes)
        return gigaflops

    async def _require_court(self, spec: TrainSpec, document: bytes, sizes: dict[str, int]) -> None:
        """What cannot be lowered, and a court that is not the job's, are refused before any money moves."""
        limit_bytes = self._admission.max_exact_bytes
        for field in ("state", "dataset"):
            if sizes[field] > limit_bytes:
                raise JobTooLarge(field=field, asked=sizes[field], limit=limit_bytes)
        async with self._reading_whole:
            state = await self._store.read(spec.state, limit_bytes=sizes["state"])
            dataset = await self._store.read(spec.dataset, limit_bytes=sizes["dataset"])
            await asyncio.to_thread(_judge_exact, spec, document, state, dataset)

    async def _size(self, field: str, artifact: ArtifactId) -> int:
        size_bytes = await self._store.size(artifact)
        if size_bytes is None:
            raise ArtifactMissing(field=field, artifact=artifact)
        return size_bytes

    async def _entries(self, artifact: ArtifactId, size_bytes: int) -> tuple[TensorEntry, ...]:
        prefix = await self._store.read(artifact, limit_bytes=tensors.PREFIX_BYTES)
        head = await self._store.read(artifact, limit_bytes=tensors.header_bytes(prefix))
        return await asyncio.to_thread(tensors.read_header, head, total_bytes=size_bytes)


def _judge(document: bytes, spec: TrainSpec, state: tuple[TensorEntry, ...], dataset: tuple[TensorEntry, ...]) -> int:
    program = Program.decode(document)
    cost = programs.check(program, ProgramLimits(max_bytes=spec.memory_bytes))
    programs.check_fits(program, spec, state, dataset)
    return programs.unit_gigaflops(cost, spec)


def _judge_exact(spec: TrainSpec, document: bytes, state: bytes, dataset: bytes) -> None:
    # A NaN has many forms and one hash: the court could not tell which of them a state holds.
    for tensor in tensors.read(state):
        if tensor.dtype == "F32" and not np.isfinite(np.frombuffer(tensor.data, dtype="<f4")).all():
            raise StateNotFinite(tensor=tensor.name)
    require_court(spec, exact_job_of_documents(spec, document, state, dataset).terms)
