"""Which bytes of the dataset feed one step.

Decides nothing: `market.protocol.specs.window_starts` says where the windows begin, this cuts them out.
"""

import torch

from market.protocol.specs import TrainSpec, UnitPlan, window_starts


def batch_of(spec: TrainSpec, unit: UnitPlan, step: int, tokens: torch.Tensor) -> torch.Tensor:
    """Return the windows of local step `step` as int64 [batch, window]. tokens: 1-D integers."""
    starts = window_starts(spec, unit, step, tokens.numel())
    return torch.stack([tokens[start : start + spec.window] for start in starts]).to(torch.int64)
