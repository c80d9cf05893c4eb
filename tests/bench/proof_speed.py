"""What exactness costs: products, whole training steps and state hashing, against stock torch on one thread.

Both sides of every ratio take turns, so that a slow moment of the machine meets both; the ratio is that of the best
times, which is what the machine can do, and the median of the pairs stands beside it.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any, Final

import numpy as np
import torch

from market.protocol.exact.recipes.table import exact_program
from worker.engine.capture import capture
from worker.engine.determinism import pinned
from worker.engine.exact import choose
from worker.engine.exact.blocks import Kernels, Matrix, address
from worker.engine.exact.engine import ExactEngine
from worker.training.adamw import AdamW, initial_state, train_step
from worker.training.charlm import batch_loss
from worker.training.transformer import Shape, build, loss_of

SIZES: Final = ((512, 512, 512), (768, 768, 768), (1024, 1024, 1024), (2048, 512, 512))
GEMM_TURNS: Final = 15
STEP_TURNS: Final = 7
SEGMENT_STEPS: Final = 25
SHAPE: Final = Shape(vocabulary=96, time=64, model=512, heads=8, hidden=1536, layers=4)
BATCH: Final = 8
RATE: Final = 2e-3
Act = Callable[[], object]


def measure() -> dict[str, Any]:
    kernels = choose()
    with pinned():
        torch.use_deterministic_algorithms(False)
        return {**products(kernels), **steps(kernels)}


def products(kernels: Kernels) -> dict[str, Any]:
    """Return the speed of exact matrix products as a share of torch's; the smallest of all sizes."""
    pairs = {f"{m}x{n}x{k}": turns(_product_acts(kernels, m, n, k), GEMM_TURNS) for m, n, k in SIZES}
    best = {name: min(theirs) / min(ours) for name, (ours, theirs) in pairs.items()}
    middle = {name: _ratio(theirs, ours) for name, (ours, theirs) in pairs.items()}
    gflops = {f"{m}x{n}x{k}": 2e-9 * m * n * k / min(pairs[f"{m}x{n}x{k}"][0]) for m, n, k in SIZES}
    return {
        "gemm_speed_ratio": round(min(best.values()), 3),
        "gemm_speed_ratio_median": round(min(middle.values()), 3),
        "gemm_speed_ratios": {name: round(value, 3) for name, value in best.items()},
        "gemm_gflops": {name: round(value, 1) for name, value in gflops.items()},
    }


def _product_acts(kernels: Kernels, m: int, n: int, k: int) -> tuple[Act, Act]:
    draw = np.random.default_rng(1)
    a, b = draw.standard_normal((m, k), np.float32), draw.standard_normal((k, n), np.float32)
    out, result = np.empty((m, n), np.float32), torch.empty(m, n)
    left, right = torch.from_numpy(a), torch.from_numpy(b)

    def exact() -> None:
        kernels.gemm((m, n, k), Matrix(address(a), k), Matrix(address(b), n), Matrix(address(out), n))

    return exact, lambda: torch.mm(left, right, out=result)


def steps(kernels: Kernels) -> dict[str, Any]:
    """Return what an exact training step costs over torch's best, and what hashing the state adds."""
    began = time.perf_counter()
    model = build(SHAPE, seed=1)
    start = initial_state(model)
    step = train_step(partial(batch_loss, model), AdamW(total_steps=1_000, cooldown_steps=500, rate=RATE))
    program = exact_program(capture(step, start, batch=BATCH, window=SHAPE.time + 1))
    engine = ExactEngine(program, kernels)
    ready_seconds = time.perf_counter() - began
    tokens = torch.from_numpy(np.random.default_rng(2).integers(0, SHAPE.vocabulary, (BATCH, SHAPE.time + 1)))
    state = [[start[slot.name] for slot in program.state_slots]]

    def exact() -> None:
        state[0], _ = engine.step(state[0], tokens, 1)

    acts = (exact, _stock(tokens, fused=True), _stock(tokens, foreach=True), lambda: engine.root(state[0]))
    ours, fused, foreach, hashing = turns(acts, STEP_TURNS)
    theirs = min((fused, foreach), key=min)
    return {
        "step_time_ratio": round(min(ours) / min(theirs), 3),
        "step_time_ratio_median": round(_ratio(ours, theirs), 3),
        "step_params": sum(weight.numel() for weight in model.parameters()),
        "step_seconds": round(min(ours), 4),
        "step_torch_fused_seconds": round(min(fused), 4),
        "step_torch_foreach_seconds": round(min(foreach), 4),
        "step_tokens": BATCH * SHAPE.time,
        "step_ready_seconds": round(ready_seconds, 2),
        "commit_share": round(min(hashing) / (SEGMENT_STEPS * min(ours)), 5),
        "commit_segment_steps": SEGMENT_STEPS,
        "commit_seconds": round(min(hashing), 4),
        "commit_bytes": sum(4 * tensor.numel() for tensor in state[0]),
    }


def _stock(tokens: torch.Tensor, **kind: bool) -> Act:
    """Return a stock training step: autograd and torch's own AdamW."""
    model = build(SHAPE, seed=1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, **kind)

    def step() -> None:
        optimiser.zero_grad()
        loss = loss_of(model(tokens[:, :-1]), tokens[:, 1:])
        loss.backward()
        optimiser.step()
        loss.item()

    return step


def turns(acts: Sequence[Act], count: int) -> list[list[float]]:
    """Return the seconds of each act, taken in turn `count` times after one that does not count."""
    rounds = [[_seconds(act) for act in acts] for _ in range(count + 1)][1:]
    return [list(times) for times in zip(*rounds, strict=True)]


def _ratio(over: Sequence[float], under: Sequence[float]) -> float:
    return median(a / b for a, b in zip(over, under, strict=True))


def _seconds(act: Act) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
