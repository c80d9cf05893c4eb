"""Whole training steps: what the leaves say of a traced step is what PyTorch computes, within rounding."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from market.protocol.exact.encoding import decode, encode
from market.protocol.exact.leaf import ExactProgram, Op, WordType, check_program
from market.protocol.exact.recipes.table import exact_program
from market.protocol.graph import Program
from market.protocol.programs import ProgramLimits
from tests.support.exact_numpy import evaluate
from tests.unit.worker.charlm_samples import small
from worker.engine.capture import capture
from worker.engine.interpreter import Executable
from worker.engine.tensors import State
from worker.training.adamw import AdamW, initial_state, train_step

LIMITS = ProgramLimits(max_bytes=64 << 20)
# Sums in another order, elementary functions of another making; AdamW divides small moments by their own roots.
RTOL, ATOL = 1e-5, 2e-6


class Perceptron(nn.Module):
    """Embedded tokens, one of them padding, through biased layers and ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(11, 6, padding_idx=3)
        self.up, self.down = nn.Linear(6, 20), nn.Linear(20, 11)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.down(functional.relu(self.up(self.table(tokens))))


class Normed(nn.Module):
    """LayerNorm, a softmax gate and a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.norm = nn.Embedding(11, 6), nn.LayerNorm(6)
        self.gate, self.out = nn.Linear(6, 6), nn.Linear(6, 11)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.table(tokens)
        x = x + self.norm(x) * torch.softmax(self.gate(x), dim=-1)
        return self.out(x)


Traced = tuple[Program, State]


@cache
def traced(make: Callable[[], nn.Module]) -> Traced:
    """A model's step under AdamW on windows [4, 9]: it names the next token."""
    torch.manual_seed(5)
    model = make()
    state = initial_state(model)

    def loss(weights: State, tokens: torch.Tensor) -> torch.Tensor:
        logits = functional_call(model, weights, (tokens[:, :-1],))
        return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].reshape(-1), ignore_index=2)

    settings = AdamW(total_steps=20, cooldown_steps=5, warmup_steps=2, rate=1e-2)
    return capture(train_step(loss, settings), state, batch=4, window=9), state


def house() -> Traced:
    return small().program, small().state


@cache
def exact(make: Callable[[], Traced]) -> ExactProgram:
    return exact_program(make()[0])


def perceptron() -> Traced:
    return traced(Perceptron)


def normed() -> Traced:
    return traced(Normed)


MODELS = [house, perceptron, normed]


@pytest.mark.parametrize("make", MODELS)
def test_a_step_by_leaves_agrees_with_torch(make: Callable[[], Traced]) -> None:
    program, state = make()
    moved = trained(program, state, steps=3)
    batch = batch_of(program, seed=9)

    wanted, loss = Executable.load(program, LIMITS).step(moved, batch, 4)

    leaves, given, renewed = exact(make), dict(zip(state, moved, strict=True)), dict(zip(state, wanted, strict=True))
    slots = [given[slot.name].numpy() for slot in leaves.state_slots]
    values = evaluate(leaves, [*slots, batch.numpy(), np.array(4.0, np.float32)])
    for slot, value in zip(leaves.state_slots, leaves.outputs, strict=True):
        made = values[value].view(np.float32).reshape(slot.shape)
        np.testing.assert_allclose(made, renewed[slot.name].numpy(), rtol=RTOL, atol=ATOL, err_msg=slot.name)
    np.testing.assert_allclose(values[leaves.loss].view(np.float32)[0], loss.item(), rtol=RTOL)


def trained(program: Program, state: State, *, steps: int) -> list[torch.Tensor]:
    """The state after a few steps, when no moment is zero any more."""
    executable, held = Executable.load(program, LIMITS), list(state.values())
    for number in range(1, steps + 1):
        held, _ = executable.step(held, batch_of(program, seed=number), number)
    return held


def batch_of(program: Program, *, seed: int) -> torch.Tensor:
    shape = program.inputs[-2].type.shape
    return torch.randint(0, 11, shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("make", MODELS)
def test_every_leaf_is_sound_and_comes_back_from_its_bytes(make: Callable[[], Traced]) -> None:
    check_program(exact(make))

    assert all(decode(encode(leaf)) == leaf for leaf in exact(make).leaves)


@pytest.mark.parametrize("make", MODELS)
def test_lowering_twice_gives_the_same_leaves(make: Callable[[], Traced]) -> None:
    again = exact_program(Program.decode(make()[0].encode()))

    assert again == exact(make)


@pytest.mark.parametrize("make", MODELS)
def test_no_leaf_stands_twice_and_none_is_unread(make: Callable[[], Traced]) -> None:
    program = exact(make)
    read = {operand.source for leaf in program.leaves for operand in leaf.operands} | {*program.outputs, program.loss}
    first = len(program.inputs)

    assert len(set(program.leaves)) == len(program.leaves)
    assert {value for value in range(first, first + len(program.leaves)) if value not in read} == set()


def test_inputs_are_words() -> None:
    *states, batch, step = exact(house).inputs

    assert {slot.type for slot in states} == {WordType.F32}
    assert (batch.type, step.type, step.shape) == (WordType.I32, WordType.F32, ())


def test_the_embedding_is_trained_by_one_match() -> None:
    assert [leaf.op for leaf in exact(house).leaves].count(Op.MATCH) == 1
