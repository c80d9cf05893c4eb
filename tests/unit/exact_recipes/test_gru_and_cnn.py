"""Whole training steps of a convolutional and of a recurrent network: captured, pinned, lowered, one meaning."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from market.protocol.exact.leaf import ExactProgram, check_program
from market.protocol.exact.recipes.table import exact_program
from market.protocol.graph import Program
from market.protocol.programs import ProgramLimits, check
from tests.support.exact_numpy import evaluate
from worker.engine.capture import capture
from worker.engine.determinism import pinned
from worker.engine.interpreter import Executable
from worker.engine.tensors import State
from worker.training.adamw import AdamW, initial_state, train_step

LIMITS = ProgramLimits(max_bytes=64 << 20)
SIDE, CLASSES, BATCH = 8, 11, 3
SETTINGS = AdamW(total_steps=20, cooldown_steps=5, warmup_steps=2, rate=1e-2)


class Images(nn.Module):
    """Two convolutions and both poolings; the tokens are pixels and, last, the class."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False)
        self.greatest, self.average = nn.MaxPool2d(2), nn.AvgPool2d(2)
        self.out = nn.Linear(6, CLASSES)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = (tokens[:, :-1].float() / 16).view(-1, 1, SIDE, SIDE)
        x = self.greatest(functional.relu(self.first(x)))
        x = self.average(functional.silu(self.second(x)))
        return functional.cross_entropy(self.out(x.flatten(1)), tokens[:, -1])


class Words(nn.Module):
    """A recurrent cell over embedded tokens, each step naming the next token."""

    def __init__(self, cell: type[nn.Module]) -> None:
        super().__init__()
        self.table, self.cell, self.out = nn.Embedding(11, 6), cell(6, 7), nn.Linear(7, 11)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        state = torch.zeros(tokens.shape[0], 7)
        held, said = (state, state) if isinstance(self.cell, nn.LSTMCell) else state, []
        for at in range(tokens.shape[1] - 1):
            held = self.cell(self.table(tokens[:, at]), held)
            said.append(self.out(held[0] if isinstance(held, tuple) else held))
        return functional.cross_entropy(torch.stack(said, 1).flatten(0, 1), tokens[:, 1:].reshape(-1))


class Layer(nn.Module):
    """nn.GRU itself."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(11, 6), nn.GRU(6, 7, batch_first=True)
        self.out = nn.Linear(7, 11)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        said, _ = self.layer(self.table(tokens[:, :-1]), torch.zeros(1, tokens.shape[0], 7))
        return functional.cross_entropy(self.out(said).flatten(0, 1), tokens[:, 1:].reshape(-1))


MODELS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "images": (Images, SIDE * SIDE + 1),
    "gru cell": (lambda: Words(nn.GRUCell), 5),
    "lstm cell": (lambda: Words(nn.LSTMCell), 5),
    "gru": (Layer, 5),
}


@cache
def traced(name: str) -> tuple[Program, State]:
    make, window = MODELS[name]
    torch.manual_seed(3)
    model = make()
    state = initial_state(model)

    def loss(weights: State, tokens: torch.Tensor) -> torch.Tensor:
        return functional_call(model, weights, (tokens,))

    return capture(train_step(loss, SETTINGS), state, batch=BATCH, window=window), state


@cache
def exact(name: str) -> ExactProgram:
    return exact_program(traced(name)[0])


def batch_of(name: str, seed: int) -> torch.Tensor:
    return torch.randint(0, 11, (BATCH, MODELS[name][1]), generator=torch.Generator().manual_seed(seed))


def stepped(name: str, steps: int) -> tuple[list[torch.Tensor], torch.Tensor]:
    executable, held = Executable.load(traced(name)[0], LIMITS), list(traced(name)[1].values())
    loss = torch.zeros(())
    with pinned():
        for number in range(1, steps + 1):
            held, loss = executable.step(held, batch_of(name, number), number)
    return held, loss


@pytest.mark.parametrize("name", MODELS)
def test_the_traced_step_passes_the_markets_check(name: str) -> None:
    assert check(Program.decode(traced(name)[0].encode()), LIMITS).flops > 0


@pytest.mark.parametrize("name", MODELS)
def test_the_traced_step_is_the_step(name: str) -> None:
    make, _ = MODELS[name]
    _, state = traced(name)
    torch.manual_seed(3)
    wanted = make()(batch_of(name, 1))

    _, loss = stepped(name, 1)

    assert torch.allclose(loss, wanted, rtol=1e-5)
    assert len(state) == 3 * len(list(make().parameters()))


@pytest.mark.parametrize("name", MODELS)
def test_a_pinned_step_gives_the_same_bits_again(name: str) -> None:
    first, second = stepped(name, 3), stepped(name, 3)

    assert all(torch.equal(a, b) for a, b in zip(first[0], second[0], strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_a_step_by_leaves_agrees_with_torch(name: str) -> None:
    program, (before, _), (after, loss) = exact(name), stepped(name, 3), stepped(name, 4)
    check_program(program)
    given, wanted = dict(zip(traced(name)[1], before, strict=True)), dict(zip(traced(name)[1], after, strict=True))

    slots = [given[slot.name].numpy() for slot in program.state_slots]
    values = evaluate(program, [*slots, batch_of(name, 4).numpy(), np.array(4.0, np.float32)])

    for slot, value in zip(program.state_slots, program.outputs, strict=True):
        made = values[value].view(np.float32).reshape(slot.shape)
        np.testing.assert_allclose(made, wanted[slot.name].numpy(), rtol=1e-5, atol=5e-6, err_msg=slot.name)
    np.testing.assert_allclose(values[program.loss].view(np.float32)[0], loss.item(), rtol=1e-5)
