"""Fetches what one unit needs and lays it out for a runner.

Decides the names inside the input folder, which `worker/runner.py` reads. Every file is an artifact whose hash was
checked; the agent never parses a stranger's program or tensors.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from market.protocol.hashing import parse_artifact_id
from market.protocol.specs import TrainSpec
from market.protocol.wire import Lease
from worker.agent.cache import ArtifactCache

PROGRAM: Final = "program.json"
DATASET: Final = "dataset.safetensors"
INITIAL: Final = "initial.safetensors"
UNIT: Final = "unit.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """One run's folders: `inputs` is read-only to the runner, `output` is all that it may write."""

    path: Path

    @property
    def inputs(self) -> Path:
        return self.path / "in"

    @property
    def output(self) -> Path:
        return self.path / "out"

    @property
    def end_state(self) -> Path:
        return self.output / "state.safetensors"

    def make(self) -> None:
        self.inputs.mkdir(parents=True)
        self.output.mkdir()


def start_name(place: int) -> str:
    """Return the file name of the predecessor's end state in this place; a unit without any starts from INITIAL."""
    return f"start-{place}.safetensors"


async def lay_out(lease: Lease, folder: RunFolder, cache: ArtifactCache) -> TrainSpec:
    """Fill the input folder and return the specification; raises BadSpec, or what the download raises."""
    spec = TrainSpec.from_json(lease.spec)
    named = {PROGRAM: spec.program, DATASET: spec.dataset, INITIAL: spec.state}
    starts = {start_name(place): parse_artifact_id(one.artifact) for place, one in enumerate(lease.predecessors)}
    named |= starts
    for name, artifact in named.items():
        cache.place(await cache.get(artifact), folder.inputs / name)
    unit = {"spec": lease.spec, "unit": lease.unit, "states": [INITIAL, *starts]}
    (folder.inputs / UNIT).write_text(json.dumps(unit))
    return spec
