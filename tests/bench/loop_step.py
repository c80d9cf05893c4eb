"""What the proof costs the worker: a verified training step against the same step in a plain torch loop.

Verified: the demo's program in the interpreter, batches cut as in a unit, the state hashed at the end of every segment.
Plain: the same module and sizes, `loss.backward()`, torch's own AdamW with its fused kernel, the same batches. Both on
one thread, segment by segment in turn, so that a slow moment of the machine meets both; the figures are medians.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Final

import torch

from market.protocol.graph import Program
from market.protocol.programs import ProgramLimits
from worker.engine.batches import batch_of
from worker.engine.determinism import pinned
from worker.engine.interpreter import Executable
from worker.engine.tensors import load
from worker.training.charlm import DEMO, recipe, transformer_of
from worker.training.corpus import read_corpus
from worker.training.transformer import loss_of

SEGMENTS: Final = 20
_WARM_UP: Final = 2


def measure() -> dict[str, float]:
    """Return milliseconds per step of both loops, and verified over plain."""
    with pinned():
        verified, plain = _verified_segment(), _plain_segment()
        times = [(_milliseconds(verified), _milliseconds(plain)) for _ in range(_WARM_UP + SEGMENTS)][_WARM_UP:]
    steps = DEMO.segment_steps
    return {
        "step_ratio": round(median(ours / theirs for ours, theirs in times), 3),
        "step_verified_milliseconds": round(median(ours for ours, _ in times) / steps, 2),
        "step_plain_milliseconds": round(median(theirs for _, theirs in times) / steps, 2),
    }


def _verified_segment() -> Callable[[], None]:
    job = recipe()
    program = Program.decode(job.program)
    executable = Executable.load(program, ProgramLimits(max_bytes=job.spec.memory_bytes))
    start, tokens, unit = load(job.state), load(job.dataset)[job.spec.dataset_tensor], job.spec.units()[0]
    state = [start[name] for name in executable.state_types]

    def segment() -> None:
        nonlocal state
        with torch.inference_mode():
            for step in range(DEMO.segment_steps):
                state, loss = executable.step(state, batch_of(job.spec, unit, step, tokens), step + 1)
                float(loss)
            executable.root(state)

    return segment


def _plain_segment() -> Callable[[], None]:
    corpus = read_corpus()
    model, spec = transformer_of(corpus), recipe().spec
    optimiser = torch.optim.AdamW(model.parameters(), lr=DEMO.rate, fused=True)
    unit = spec.units()[0]

    def segment() -> None:
        for step in range(DEMO.segment_steps):
            batch = batch_of(spec, unit, step, corpus.train)
            optimiser.zero_grad()
            loss = loss_of(model(batch[:, :-1]), batch[:, 1:])
            loss.backward()
            optimiser.step()
            loss.item()

    return segment


def _milliseconds(act: Callable[[], None]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000
