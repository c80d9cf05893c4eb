"""How the end states of a round become the start state of the next.

Decides the mean: float tensors are summed in unit order in their own dtype and divided once, so every worker gets the
same bits; integer tensors must be equal in all states. Never weighs one state above another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from market.protocol.errors import CommonwattError
from worker.engine.tensors import State


@dataclass(frozen=True, slots=True, kw_only=True)
class StatesDiffer(CommonwattError):
    """States that should be merged do not have the same form."""

    tensor: str
    reason: str


def merge(states: Sequence[State]) -> State:
    """Return the mean of the states in the given order, each tensor in memory of its own; raises StatesDiffer."""
    first = states[0]
    for state in states[1:]:
        if odd := sorted(state.keys() ^ first.keys()):
            raise StatesDiffer(tensor=odd[0], reason="not in every state")
    return {name: _mean(name, [state[name] for state in states]) for name in first}


def _mean(name: str, tensors: list[torch.Tensor]) -> torch.Tensor:
    first = tensors[0]
    if any(tensor.shape != first.shape or tensor.dtype != first.dtype for tensor in tensors):
        raise StatesDiffer(tensor=name, reason="shapes or dtypes differ")
    if not first.is_floating_point():
        if any(not torch.equal(tensor, first) for tensor in tensors):
            raise StatesDiffer(tensor=name, reason="integers differ, and integers have no mean here")
        return first.clone()
    total = first.clone()
    for tensor in tensors[1:]:
        total += tensor
    return total.div_(len(tensors))
