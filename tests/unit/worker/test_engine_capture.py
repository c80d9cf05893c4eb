"""Tracing a training step writes down the step and nothing else."""

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from market.protocol.graph import Program, Role
from market.protocol.programs import check
from tests.unit.worker.charlm_samples import BATCH, CONTEXT, LIMITS, small
from worker.engine.capture import CannotCapture, capture
from worker.engine.interpreter import Executable
from worker.engine.tensors import State
from worker.training.adamw import AdamW, initial_state, train_step

PLAIN = AdamW(total_steps=10, cooldown_steps=5)


def test_the_traced_step_passes_the_markets_check() -> None:
    assert check(Program.decode(small().program.encode()), LIMITS).flops > 0


def test_flops_of_the_traced_step_are_near_six_per_weight_and_token() -> None:
    matrices = [weight for name, weight in small().model.named_parameters() if name not in ("embedding", "position")]
    expected = 6 * sum(weight.numel() for weight in matrices) * BATCH * CONTEXT

    assert 1.0 < check(small().program, LIMITS).flops / expected < 3.0


def test_inputs_come_in_the_order_of_the_state_then_batch_then_step() -> None:
    assert [item.name for item in small().program.inputs] == [*small().state, "batch", "step"]
    assert [item.name for item in small().program.inputs_of(Role.STATE)] == list(small().state)


def test_nodes_that_change_nothing_are_left_out() -> None:
    operators = {node.operator for node in small().program.nodes}

    assert not operators & {"aten.detach.default", "aten.alias.default"}


def test_every_value_is_used() -> None:
    program = small().program
    used = {value for node in program.nodes for value in node.references()} | set(program.outputs)
    value = len(program.inputs)
    for node in program.nodes:
        made = set(range(value, value + len(node.outputs)))
        assert made & used, node
        value += len(node.outputs)


class Usual(nn.Module):
    """What people write: LayerNorm, GELU, biases."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(13, 8)
        self.norm = nn.LayerNorm(8)
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 13)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.down(functional.gelu(self.up(self.norm(self.table(tokens)))))
        return made


def loss_under(model: nn.Module, weights: State, tokens: torch.Tensor) -> torch.Tensor:
    logits = functional_call(model, weights, (tokens[:, :-1],))
    return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].reshape(-1))


def test_layer_norm_and_gelu_fall_apart_into_allowed_operators() -> None:
    torch.manual_seed(0)
    model = Usual()
    state = initial_state(model)
    tokens = torch.randint(0, 13, (2, 5))

    program = capture(train_step(lambda w, x: loss_under(model, w, x), PLAIN), state, batch=2, window=5)
    _, loss = Executable.load(program, LIMITS).step(list(state.values()), tokens, 1)

    assert torch.allclose(loss, loss_under(model, {k: v for k, v in state.items() if "moment" not in k}, tokens))


def test_a_random_step_cannot_be_captured() -> None:
    weight = {"weight": torch.ones(4)}

    def noisy(state: State, tokens: torch.Tensor, number: torch.Tensor) -> tuple[State, torch.Tensor]:
        return {"weight": functional.dropout(state["weight"], 0.5)}, state["weight"].sum()

    with pytest.raises(CannotCapture, match="allow-list"):
        capture(noisy, weight, batch=2, window=3)


def test_a_tensor_from_outside_the_state_cannot_be_captured() -> None:
    outside = torch.rand(4)

    def leaning(state: State, tokens: torch.Tensor, number: torch.Tensor) -> tuple[State, torch.Tensor]:
        return {"weight": state["weight"] + outside}, state["weight"].sum()

    with pytest.raises(CannotCapture, match="constant tensor"):
        capture(leaning, {"weight": torch.ones(4)}, batch=2, window=3)
