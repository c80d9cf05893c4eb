"""A small causal transformer over characters, as plain PyTorch.

Decides an architecture whose every operator is on the allow-list and gives the same bits on one thread or several:
parameter-free RMS norms instead of LayerNorm, ReLU^2, attention written out. Shape suffixes: B batch, T time, D model,
H heads, K head size, F hidden, V vocabulary.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

_EPSILON = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a transformer. time: characters of context."""

    vocabulary: int
    time: int
    model: int = 128
    heads: int = 4
    hidden: int = 640
    layers: int = 2


class Block(nn.Module):
    """One layer: causal attention, then a ReLU^2 perceptron, each on a normed input and added to it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.qkv = nn.Parameter(torch.empty(shape.model, 3 * shape.model))
        self.merge = nn.Parameter(torch.empty(shape.model, shape.model))
        self.up = nn.Parameter(torch.empty(shape.model, shape.hidden))
        self.down = nn.Parameter(torch.empty(shape.hidden, shape.model))

    def forward(self, x_btd: torch.Tensor, future_tt: torch.Tensor) -> torch.Tensor:
        x_btd = x_btd + self._attend(rms(x_btd), future_tt)
        hidden_btf = functional.relu(rms(x_btd) @ self.up)
        return x_btd + (hidden_btf * hidden_btf) @ self.down

    def _attend(self, x_btd: torch.Tensor, future_tt: torch.Tensor) -> torch.Tensor:
        b, t, d = x_btd.shape
        h, k = self.shape.heads, d // self.shape.heads
        parts_3bhtk = (x_btd @ self.qkv).view(b, t, 3, h, k).permute(2, 0, 3, 1, 4)
        query, key, value = parts_3bhtk.reshape(3, b * h, t, k).unbind(0)
        scores = torch.bmm(query * k**-0.5, key.transpose(1, 2)).masked_fill(future_tt, -math.inf)
        mixed = torch.bmm(torch.softmax(scores, dim=-1), value)
        return mixed.view(b, h, t, k).transpose(1, 2).reshape(b, t, d) @ self.merge


class Transformer(nn.Module):
    """Characters in, logits for the next character out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(shape.vocabulary, shape.model))
        self.position = nn.Parameter(torch.empty(shape.time, shape.model))
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.head = nn.Parameter(torch.empty(shape.model, shape.vocabulary))

    def forward(self, tokens_bt: torch.Tensor) -> torch.Tensor:
        """Return logits [B, T, V] for tokens int64 [B, T]."""
        _, t = tokens_bt.shape
        x_btd = functional.embedding(tokens_bt, self.embedding) + self.position[:t]
        place = torch.arange(t)
        future_tt = place[None, :] > place[:, None]
        for block in self.blocks:
            x_btd = block(x_btd, future_tt)
        return rms(x_btd) @ self.head


def rms(x: torch.Tensor) -> torch.Tensor:
    """Return x scaled to unit root mean square along the last dimension."""
    return x * torch.rsqrt((x * x).mean(dim=-1, keepdim=True) + _EPSILON)


def loss_of(logits_btv: torch.Tensor, targets_bt: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy in nats per character."""
    return functional.cross_entropy(logits_btv.flatten(0, 1), targets_bt.reshape(-1))


def build(shape: Shape, *, seed: int) -> Transformer:
    """Return a transformer with weights drawn by numpy's Philox, the same on every machine."""
    model = Transformer(shape)
    random = np.random.Generator(np.random.Philox(seed))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            normal = random.standard_normal(tuple(weight.shape), dtype=np.float32)
            weight.copy_(torch.from_numpy(normal * _spread(name, weight, shape)))
    return model


def _spread(name: str, weight: torch.Tensor, shape: Shape) -> np.float32:
    if name in ("embedding", "position"):
        return np.float32(0.02)
    depth = 2 * shape.layers if name.endswith(("merge", "down")) else 1
    return np.float32(0.5 / math.sqrt(weight.shape[0] * depth))
