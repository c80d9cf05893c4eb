"""Does what the buyer uploaded make a runnable job, and what does one unit of it cost?

Reads the program and the headers of state and dataset from the store, and hands them to the protocol's checks, off the
event loop. Decides only which limit applies; every refusal of the program is the protocol's own, by name.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from market.protocol import programs, tensors
from market.protocol.errors import CommonwattError
from market.protocol.hashing import ArtifactId
from market.protocol.programs import Program, ProgramLimits
from market.protocol.specs import TrainSpec
from market.protocol.tensors import TensorEntry
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


class ProgramChecker:
    """Checks jobs' artifacts."""

    def __init__(self, store: ArtifactStore, admission: Admission) -> None:
        self._store, self._admission = store, admission

    async def unit_gigaflops(self, spec: TrainSpec) -> int:
        """Return what one unit of the job takes, after checking that it can run at all.

        Raises ArtifactMissing, TensorsMalformed, or any of `market.protocol.programs`' errors.
        """
        sizes = {field: await self._size(field, getattr(spec, field)) for field in ARTIFACT_FIELDS}
        limit_bytes = self._admission.max_program_bytes
        if sizes["program"] > limit_bytes:
            raise JobTooLarge(field="program", asked=sizes["program"], limit=limit_bytes)
        document = await self._store.read(spec.program, limit_bytes=limit_bytes)
        state = await self._entries(spec.state, sizes["state"])
        dataset = await self._entries(spec.dataset, sizes["dataset"])
        return await asyncio.to_thread(_judge, document, spec, state, dataset)

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
