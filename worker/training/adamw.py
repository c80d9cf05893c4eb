"""One training step as a function of its state, written so that every operation is on the allow-list.

Decides the optimiser: AdamW with bias correction, its rate rising and falling linearly with the step number, its
moments part of the state under the names "moment1." and "moment2." before the parameter's own. The buyer traces it;
workers only ever see the trace.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from worker.engine.tensors import State

Loss = Callable[[State, torch.Tensor], torch.Tensor]
FIRST, SECOND = "moment1.", "moment2."


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamW:
    """Its settings. warmup_steps, cooldown_steps: over how many steps the rate rises to its height, and at the end of
    total_steps falls towards nothing."""

    total_steps: int
    cooldown_steps: int
    warmup_steps: int = 10
    rate: float = 3e-3
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-8
    decay: float = 0.05


def initial_state(model: nn.Module) -> State:
    """Return a model's parameters beside zero moments, as the step wants them."""
    weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    zeros = {FIRST + name: torch.zeros_like(weight) for name, weight in weights.items()}
    return weights | zeros | {SECOND + name: torch.zeros_like(weight) for name, weight in weights.items()}


def weights_of(state: State) -> State:
    """Return the parameters of a state without the moments."""
    return {name: tensor for name, tensor in state.items() if not name.startswith((FIRST, SECOND))}


def train_step(loss: Loss, settings: AdamW) -> Callable[..., tuple[State, torch.Tensor]]:
    """Return the step (state, tokens, step number) -> (new state, loss), ready to be captured."""

    def step(state: State, tokens: torch.Tensor, number: torch.Tensor) -> tuple[State, torch.Tensor]:
        weights = {name: tensor.detach().requires_grad_() for name, tensor in weights_of(state).items()}
        value = loss(weights, tokens)
        gradients = torch.autograd.grad(value, list(weights.values()))
        with torch.no_grad():
            renewed = _renew(state, dict(zip(weights, gradients, strict=True)), number, settings)
        return renewed, value.detach()

    return step


def _renew(state: State, gradients: State, number: torch.Tensor, settings: AdamW) -> State:
    debt1, debt2 = (1 - torch.pow(beta, number) for beta in (settings.beta1, settings.beta2))
    rising = torch.clamp(number / settings.warmup_steps, max=1.0)
    falling = torch.clamp((settings.total_steps + 1 - number) / settings.cooldown_steps, min=0.0, max=1.0)
    rate = rising * falling * settings.rate / debt1
    root2 = debt2.sqrt()
    renewed: State = {}
    for name, gradient in gradients.items():
        first = state[FIRST + name].lerp(gradient, 1 - settings.beta1)
        second = (state[SECOND + name] * settings.beta2).addcmul(gradient, gradient, value=1 - settings.beta2)
        change = first / (second.sqrt() / root2 + settings.epsilon) * rate
        renewed |= {name: state[name] * (1 - settings.rate * settings.decay) - change}
        renewed |= {FIRST + name: first, SECOND + name: second}
    return renewed
