"""Small models of four kinds whose training steps are captured and lowered for the arena and the measurements.

Decides sizes: small enough to replay in a tenth of a second, large enough that products fold their chunks (K > 256).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from market.protocol.exact.leaf import ExactProgram
from market.protocol.exact.recipes.table import exact_program
from market.protocol.graph import Program
from worker.engine.capture import capture
from worker.engine.tensors import State
from worker.training.adamw import AdamW, initial_state, train_step
from worker.training.transformer import Shape, build, loss_of

KINDS: Final = ("transformer", "perceptron", "convolutions", "recurrent")
VOCABULARY: Final = 32
SETTINGS: Final = AdamW(total_steps=40, cooldown_steps=20, rate=3e-3)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A captured step with where it begins. state is in the program's order of slots, which is by name."""

    captured: Program
    program: ExactProgram
    start: State
    batch: int
    window: int

    @property
    def state(self) -> list[torch.Tensor]:
        return [self.start[slot.name] for slot in self.program.state_slots]

    def tokens(self, step: int) -> torch.Tensor:
        """Return a batch for a step, the same everywhere."""
        draw = np.random.Generator(np.random.Philox(step))
        return torch.from_numpy(draw.integers(0, VOCABULARY, (self.batch, self.window)))


class Perceptron(nn.Module):
    """The next character from one character, by a wide hidden layer."""

    def __init__(self, width: int = 24, hidden: int = 272) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(VOCABULARY, width))
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, VOCABULARY)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.down(torch.tanh(self.up(functional.embedding(tokens, self.table))))


class Convolutions(nn.Module):
    """The next character from 64, looked at as a picture of 8 by 8."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(VOCABULARY, 1))
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.head = nn.Linear(12 * 4, VOCABULARY)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = functional.embedding(tokens, self.table).view(tokens.shape[0], 1, 8, 8)
        x = functional.max_pool2d(functional.relu(self.first(x)), 2)
        return self.head(functional.relu(self.second(x)).flatten(1))


class Recurrent(nn.Module):
    """A GRU, its gates written out."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.width = width
        self.table = nn.Parameter(torch.empty(VOCABULARY, width))
        self.reads = nn.Parameter(torch.empty(width, 3 * width))
        self.keeps = nn.Parameter(torch.empty(width, 3 * width))
        self.head = nn.Parameter(torch.empty(width, VOCABULARY))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x, held = functional.embedding(tokens, self.table), torch.zeros(tokens.shape[0], self.width)
        seen = []
        for at in range(tokens.shape[1]):
            new, old = (x[:, at] @ self.reads).chunk(3, 1), (held @ self.keeps).chunk(3, 1)
            reset, update = torch.sigmoid(new[0] + old[0]), torch.sigmoid(new[1] + old[1])
            candidate = torch.tanh(new[2] + reset * old[2])
            held = candidate + update * (held - candidate)
            seen.append(held)
        return torch.stack(seen, 1) @ self.head


@cache
def model(kind: str) -> Model:
    """Return one of KINDS, captured and lowered."""
    match kind:
        case "transformer":
            shape = Shape(vocabulary=VOCABULARY, time=12, model=32, heads=2, hidden=288, layers=1)
            return _lowered(build(shape, seed=1), _every, batch=3, window=13)
        case "perceptron":
            return _lowered(_drawn(Perceptron()), _every, batch=6, window=13, descent=True)
        case "convolutions":
            return _lowered(_drawn(Convolutions()), _last, batch=5, window=65)
        case _:
            return _lowered(_drawn(Recurrent()), _every, batch=3, window=9)


def _drawn(module: nn.Module) -> nn.Module:
    """Fill the weights by numpy's Philox, the same on every machine."""
    draw = np.random.Generator(np.random.Philox(7))
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(
                torch.from_numpy(draw.standard_normal(tuple(weight.shape), dtype=np.float32) * np.float32(0.2))
            )
    return module


def _every(module: nn.Module, weights: State, tokens: torch.Tensor) -> torch.Tensor:
    return loss_of(functional_call(module, weights, (tokens[:, :-1],)), tokens[:, 1:])


def _last(module: nn.Module, weights: State, tokens: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(functional_call(module, weights, (tokens[:, :-1],)), tokens[:, -1])


def _lowered(
    module: nn.Module, loss: Callable[..., torch.Tensor], *, batch: int, window: int, descent: bool = False
) -> Model:
    """descent: plain gradient descent in place of AdamW."""
    given: Any = module
    start = {name: weight.detach().clone() for name, weight in module.named_parameters()}
    step = _descent(partial(loss, module))
    if not descent:
        start, step = initial_state(given), train_step(partial(loss, module), SETTINGS)
    captured = capture(step, start, batch=batch, window=window)
    return Model(captured=captured, program=exact_program(captured), start=start, batch=batch, window=window)


def _descent(loss: Callable[..., torch.Tensor], rate: float = 0.05) -> Callable[..., tuple[State, torch.Tensor]]:
    def step(state: State, tokens: torch.Tensor, number: torch.Tensor) -> tuple[State, torch.Tensor]:
        weights = {name: tensor.detach().requires_grad_() for name, tensor in state.items()}
        value = loss(weights, tokens)
        slopes = torch.autograd.grad(value, list(weights.values()))
        scale = rate / (1 + number * 0.01)
        with torch.no_grad():
            renewed = {name: state[name] - slope * scale for name, slope in zip(weights, slopes, strict=True)}
        return renewed, value.detach()

    return step
