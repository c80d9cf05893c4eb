"""Bits agree between processes: the program's name, the first state, and a unit's whole trace."""

import json
import os
import subprocess
import sys

import pytest

CODE = """
import json
from market.protocol.programs import Program, ProgramLimits
from worker.engine.determinism import fingerprint
from worker.engine.interpreter import Executable
from worker.engine.tensors import load
from worker.training.charlm import Schedule, recipe
from worker.training.unit import run_unit

job = recipe(Schedule(rounds=(2, 1), steps_per_unit=4, segment_steps=2))
executable = Executable.load(Program.decode(job.program), ProgramLimits(max_bytes=job.spec.memory_bytes))
result = run_unit(job.spec, job.spec.units()[1], executable, [load(job.state)], load(job.dataset))
print(json.dumps({
    "spec": job.spec.hash().hex(), "trace": result.trace_root.hex(), "fingerprint": fingerprint().hex()
}))
"""


def ran(**environment: str) -> dict[str, str]:
    finished = subprocess.run(
        [sys.executable, "-c", CODE], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    figures: dict[str, str] = json.loads(finished.stdout)
    return figures


@pytest.fixture(scope="module")
def first() -> dict[str, str]:
    return ran(PYTHONHASHSEED="1", OMP_NUM_THREADS="1")


def test_a_second_process_gets_the_same_program_and_the_same_trace(first: dict[str, str]) -> None:
    assert ran(PYTHONHASHSEED="2", OMP_NUM_THREADS="2") == first


def test_a_process_with_other_instructions_says_so_in_its_fingerprint(first: dict[str, str]) -> None:
    capped = ran(ATEN_CPU_CAPABILITY="default")

    assert capped["fingerprint"] != first["fingerprint"]
    assert capped["spec"] == first["spec"]
