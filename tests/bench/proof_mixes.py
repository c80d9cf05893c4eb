"""The same bits everywhere: four kinds of model, every set of kernels that runs here, one thread and two.

A mix is kernels times threads. numba's kernels are also compiled for other processors than this one, each in a process
of its own because numba reads that switch once. Equal means: the state's root after STEPS steps is that of the first
mix, for every model. `python -m tests.bench.proof_mixes NAME...` prints the roots of this process's mixes as JSON.
"""

import json
import os
import subprocess
import sys
from typing import Any, Final

from tests.support.arena_models import KINDS, model
from worker.engine.determinism import pinned
from worker.engine.exact import choose, usable
from worker.engine.exact.engine import ExactEngine

STEPS: Final = 4
THREADS: Final = (1, 2)
# Processors that numba can be told to compile for. All but the first are older than anything with FMA or AVX2.
PROCESSORS: Final = ("haswell", "generic", "nehalem", "core2")
Roots = dict[str, dict[str, str]]  # mix -> kind of model -> root


def measure() -> dict[str, Any]:
    """Return how many mixes there were, how many agree with the first, and their names."""
    mixes = roots_of(usable())
    for processor in PROCESSORS:
        mixes |= {f"{name}@{processor}": roots for name, roots in elsewhere(processor).items()}
    first = next(iter(mixes.values()))
    equal = [name for name, roots in mixes.items() if roots == first]
    return {
        "hash_mixes_total": len(mixes),
        "hash_mixes_equal": len(equal),
        "mixes": {name: int(name in equal) for name in mixes},
        "mix_models": len(first),
        "mix_steps": STEPS,
    }


def roots_of(names: tuple[str, ...]) -> Roots:
    """Return the roots of every mix of these kernels with THREADS."""
    return {
        f"{name} x{threads}": {kind: root_of(kind, name, threads) for kind in KINDS}
        for name in names
        for threads in THREADS
    }


def root_of(kind: str, kernels: str, threads: int) -> str:
    """Return the root of a model's state after STEPS steps."""
    trained = model(kind)
    engine = ExactEngine(trained.program, choose(kernels), threads=threads)
    with pinned():
        state = trained.state
        for step in range(STEPS):
            state, _ = engine.step(state, trained.tokens(step), step + 1)
        return engine.root(state).hex()


def elsewhere(processor: str) -> Roots:
    """Return the roots of numba's kernels compiled for another processor."""
    name = "numba-generic" if processor == "generic" else "numba"
    # Without its own list of features numba would add this machine's to the named processor's.
    surroundings = {**os.environ, "NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": ""}
    command = [sys.executable, "-m", "tests.bench.proof_mixes", name]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=True)
    found: Roots = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(roots_of(tuple(sys.argv[1:]))))
