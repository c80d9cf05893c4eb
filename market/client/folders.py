"""A job as four files in a folder: program.json, state.safetensors, dataset.safetensors, spec.json.

Decides the file names and how each failure is named. The specification must name the other three by their content.
"""

import json
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from market.client.recipes import RECIPES, BuyerJob
from market.protocol.errors import CommonwattError
from market.protocol.specs import TrainSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFileMissing(CommonwattError):
    """The job's folder lacks a file, or the file cannot be read."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeUnknown(CommonwattError):
    """There is no such folder, and no installed recipe of that name."""

    name: str
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFolder:
    """What a folder holds."""

    program: bytes
    state: bytes
    dataset: bytes
    spec: TrainSpec


def find_job(name: str) -> JobFolder | BuyerJob:
    """Return the job in the folder `name`, or by the recipe `name`; raises RecipeUnknown, JobFileMissing, BadSpec."""
    if Path(name).is_dir():
        return read_folder(Path(name))
    recipes = entry_points(group=RECIPES)
    if name not in recipes.names:
        raise RecipeUnknown(name=name, known=tuple(sorted(recipes.names)))
    job: BuyerJob = recipes[name].load()()
    return job


def read_folder(folder: Path) -> JobFolder:
    """Raises JobFileMissing or BadSpec."""
    try:
        spec = json.loads(_read(folder / "spec.json"))
    except ValueError as error:
        raise JobFileMissing(path=str(folder / "spec.json"), reason=f"not JSON: {error}") from error
    return JobFolder(
        program=_read(folder / "program.json"),
        state=_read(folder / "state.safetensors"),
        dataset=_read(folder / "dataset.safetensors"),
        spec=TrainSpec.from_json(spec),
    )


def write_folder(job: JobFolder | BuyerJob, folder: Path) -> None:
    """Write a job as the four files that read_folder reads."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "program.json").write_bytes(job.program)
    (folder / "state.safetensors").write_bytes(job.state)
    (folder / "dataset.safetensors").write_bytes(job.dataset)
    (folder / "spec.json").write_bytes(job.spec.encode())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise JobFileMissing(path=str(path), reason=error.strerror or str(error)) from error
