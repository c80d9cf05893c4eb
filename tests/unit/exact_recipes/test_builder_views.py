"""A tensor gets another shape without a leaf exactly where PyTorch can view it so."""

from random import Random

import pytest
import torch

from market.protocol.exact.build import restrided


def strided(random: Random) -> torch.Tensor:
    """A tensor whose dimensions were reordered, cut, spread or reversed in part."""
    x = torch.arange(2 * 3 * 4 * 6).view(2, 3, 4, 6).permute(random.sample(range(4), 4))
    if random.random() < 0.4:
        dim = random.randrange(4)
        x = x.narrow(dim, 0, max(1, x.shape[dim] - 1))
    return x.unsqueeze(0).expand(random.choice([1, 2, 3]), *x.shape) if random.random() < 0.5 else x


def regrouped(random: Random, shape: torch.Size) -> list[int]:
    """The same count of elements, a few neighbours joined and some sizes split."""
    sizes = list(shape)
    for _ in range(random.randrange(4)):
        at = random.randrange(len(sizes))
        if random.random() < 0.5 and at + 1 < len(sizes):
            sizes[at : at + 2] = [sizes[at] * sizes[at + 1]]
        elif sizes[at] % 2 == 0:
            sizes[at : at + 1] = random.choice([[2, sizes[at] // 2], [sizes[at] // 2, 2], [sizes[at], 1]])
    return sizes


@pytest.mark.parametrize("seed", range(20))
def test_strides_for_another_shape_are_torchs(seed: int) -> None:
    random = Random(seed)
    for _ in range(50):
        x = strided(random)
        size = regrouped(random, x.shape)
        found = restrided(tuple(x.shape), x.stride(), size)
        try:
            wanted = x.view(size).flatten().tolist()
        except RuntimeError:
            assert found is None, (x.shape, x.stride(), size)
            continue
        assert found is not None, (x.shape, x.stride(), size)
        assert torch.as_strided(x, size, found).flatten().tolist() == wanted
