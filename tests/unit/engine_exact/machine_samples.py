"""Programs for the machine's tests: four small networks in training, and random leaves of every kind."""

import hashlib
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from market.protocol.exact.build import Builder, Tensor
from market.protocol.exact.leaf import ExactProgram, Guard, Kind, Op, Operand, Slot, View, WordType
from market.protocol.exact.recipes.table import exact_program
from worker.engine.capture import capture
from worker.engine.exact import usable
from worker.training.adamw import AdamW, initial_state, train_step
from worker.training.charlm import batch_loss
from worker.training.transformer import Shape, build, loss_of

F, I = WordType.F32, WordType.I32  # noqa: E741 the words' own letters
NAMES = tuple(name for name in usable() if name != "numba-generic")
Array = np.ndarray[Any, Any]
SETTINGS = AdamW(total_steps=20, cooldown_steps=10, rate=1e-3)


class Perceptron(nn.Module):
    """Characters in, the next character's logits out, by two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.linspace(-1, 1, 20 * 24).view(20, 24).sin())
        self.up, self.down = nn.Linear(24, 33), nn.Linear(33, 20)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = nn.functional.embedding(tokens, self.table)
        return self.down(torch.tanh(self.up(x)))


class Recurrent(nn.Module):
    """A gated recurrent unit, written out over time."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.linspace(-1, 1, 20 * 24).view(20, 24).sin())
        self.across, self.along = (nn.Parameter(torch.linspace(-3, 3, 24 * 72).view(24, 72).sin() * 0.2) for _ in "ab")
        self.out = nn.Linear(24, 20)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = nn.functional.embedding(tokens, self.table)
        state = torch.zeros(tokens.shape[0], 24)
        found = []
        for time in range(tokens.shape[1]):
            given, kept = (x[:, time] @ self.across).chunk(3, 1), (state @ self.along).chunk(3, 1)
            reset, update = torch.sigmoid(given[0] + kept[0]), torch.sigmoid(given[1] + kept[1])
            new = torch.tanh(given[2] + reset * kept[2])
            state = new + update * (state - new)
            found.append(state)
        return self.out(torch.stack(found, 1))


class Convolutional(nn.Module):
    """Windows as small pictures: two convolutions, a pooling, and the last character's logits at every place."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.linspace(-1, 1, 20).view(20, 1).sin())
        self.first, self.second = nn.Conv2d(1, 5, 3, padding=1), nn.Conv2d(5, 7, 2, stride=2, padding=1)
        self.out = nn.Linear(28, 20)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = nn.functional.embedding(tokens, self.table).view(-1, 1, 3, 4)
        x = nn.functional.max_pool2d(torch.relu(self.first(x)), 2, stride=1)
        x = torch.relu(self.second(x)).flatten(1)[:, :28]
        return self.out(x)[:, None].expand(-1, tokens.shape[1], -1)


MODELS = {"perceptron": Perceptron, "recurrent": Recurrent, "convolutional": Convolutional}


def _loss(model: nn.Module, weights: Any, tokens: torch.Tensor) -> torch.Tensor:
    return loss_of(functional_call(model, weights, (tokens[:, :-1],)), tokens[:, 1:])


@cache
def sample(kind: str) -> tuple[ExactProgram, tuple[Array, ...], Array]:
    """Return a program, its state and a batch."""
    torch.manual_seed(3)
    window = 13
    if kind == "transformer":
        shape = Shape(vocabulary=20, time=window - 1, model=32, hidden=72, layers=2, heads=2)
        model: nn.Module = build(shape, seed=1)
        loss: Any = batch_loss
    else:
        model, loss = MODELS[kind](), _loss
    start = initial_state(model)  # type: ignore[arg-type]
    captured = capture(train_step(partial(loss, model), SETTINGS), start, batch=3, window=window)
    program = exact_program(captured)
    state = tuple(start[slot.name].numpy() for slot in program.state_slots)
    return program, state, np.random.default_rng(5).integers(0, 20, (3, window))


def digest(state: Sequence[Array]) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(item).tobytes() for item in state)).hexdigest()


def slots(*shapes: tuple[WordType, tuple[int, ...]]) -> list[Slot]:
    """Return state slots of these types and shapes, then a batch and a step."""
    named = [Slot(name=f"s{at}", type=kind, shape=shape) for at, (kind, shape) in enumerate(shapes)]
    return [*named, Slot(name="batch", type=I, shape=(2, 3)), Slot(name="step", type=F, shape=())]


def inputs_for(program: ExactProgram, seed: int = 1) -> tuple[list[Array], Array]:
    """Return a random state and a batch."""
    draw = np.random.default_rng(seed)
    state = [
        draw.standard_normal(slot.shape, np.float32) if slot.type is F else draw.integers(0, 5, slot.shape, np.int32)
        for slot in program.state_slots
    ]
    return state, draw.integers(0, 5, (2, 3), np.int32)


def random_program(seed: int, steps: int = 60) -> ExactProgram:
    """Return leaves drawn at random over three shapes that fuse, transpose, slice, pad, sum, multiply and look up."""
    draw = np.random.default_rng(seed)
    builder = Builder(slots((F, (6, 20)), (F, (20, 6)), (I, (6, 20)), (F, ())))
    pool = [builder.input(0), builder.map(Op.COPY, builder.input(1).permute((1, 0)))]
    for _ in range(steps):
        pool.append(_drawn(builder, draw, pool))
    last = pool[-1]
    kept = builder.map(Op.ADD, pool[int(draw.integers(len(pool)))], last)
    index = builder.map(Op.IADD, builder.input(2), builder.map(Op.LT, last, kept))
    total = builder.sum(kept, None)
    return builder.finish([kept, builder.contiguous(last.permute((1, 0))), index, total], total)


def _drawn(builder: Builder, draw: np.random.Generator, pool: list[Tensor]) -> Tensor:
    """Return one more tensor [6, 20]."""
    # Late tensors are likelier, so that chains of leaves grow long.
    x, y = (pool[max(int(draw.integers(len(pool))), int(draw.integers(len(pool))))] for _ in range(2))
    half = builder.map(Op.MUL, x, builder.number(0.5))
    match int(draw.integers(9)):
        case 0:
            return builder.map(Op.SUB, half, y)
        case 1:
            return builder.map(Op.SELECT, builder.map(Op.LT, x, y), half, y)
        case 2:
            mean = builder.map(Op.MUL, builder.sum(x, [1], keepdim=True), builder.number(0.05))
            return builder.map(Op.SUB, half, mean)
        case 3:
            mean = builder.map(Op.MUL, builder.sum(x, [0], keepdim=True), builder.number(0.1))
            return builder.map(Op.FMA, half, builder.number(0.25), mean)
        case 4:
            square = builder.chain(x.unsqueeze(1), y.unsqueeze(0))
            product = builder.chain(square.unsqueeze(1), half.permute((1, 0)).unsqueeze(0))
            return builder.map(Op.MUL, product, builder.number(0.01))
        case 5:
            guard = Guard(base=-2, coefficients=(0, 1), size=9, stride=2)
            return builder.map(Op.ADD, builder.read(x, (6, 20), (20, 0), [guard]), half)
        case 6:
            return builder.map(Op.MUL, builder.map(Op.COPY, x.slice(1, 19, 20, -1)), builder.number(0.9))
        case 7:
            return _looked_up(builder, half, draw)
        case _:
            turned = builder.map(Op.COPY, x.permute((1, 0)))
            return builder.map(Op.MUL, builder.reshape(turned, (6, 20)), builder.input(3))


def _looked_up(builder: Builder, x: Tensor, draw: np.random.Generator) -> Tensor:
    """Return rows of a tensor chosen by the batch, twice the batch's rows side by side."""
    table = builder.contiguous(x)
    guard = Guard(base=0, coefficients=(0, 0), size=6, stride=20)
    index = builder.reshape(builder.input(4), (6,))
    reading = builder.operand(
        Tensor(type=F, shape=(6, 20), value=table.value, offset=table.offset, strides=(0, 1)), [guard]
    )
    places = builder.operand(index.unsqueeze(1).expand((6, 20)))
    found = builder.emit(Op.GATHER, F, (6, 20), [reading, places])
    key = builder.operand(builder.iota((6, 20), (1, 0))) if draw.integers(2) else _counting()
    rows = found.permute((1, 0)).expand((6, 20, 6))
    return builder.match(key, index.expand((6, 20, 6)), rows, (6, 20))


def _counting() -> Operand:
    """Return the number of the row."""
    return Operand(kind=Kind.INDEX, view=View(offset=0, strides=(1, 0)))
