"""Tensors to bytes and back.

Decides how a state lies in memory: one freshly allocated, contiguous tensor per name, so that alignment (and with it
the path through a kernel) does not depend on where a file happened to end up. Bytes are little-endian, as safetensors
has them. Reads only what `market.protocol.tensors` has found sound; computes nothing.
"""

import sys
from collections.abc import Iterator, Mapping

import torch

from market.protocol import tensors as documents
from market.protocol.shapes import DType
from market.protocol.state import NamedBytes
from worker.engine.aten import DTYPES, type_of

State = dict[str, torch.Tensor]

assert sys.byteorder == "little", "state roots are defined over little-endian bytes"


def load(data: bytes) -> State:
    """Return the tensors of a safetensors document, by name, each in memory of its own; raises TensorsMalformed."""
    return {item.name: _tensor(item) for item in documents.read(data)}


def save(state: Mapping[str, torch.Tensor]) -> bytes:
    """Return the one safetensors document that holds these tensors."""
    return documents.encode(named_bytes(state))


def named_bytes(state: Mapping[str, torch.Tensor]) -> Iterator[NamedBytes]:
    """Yield every tensor as bytes for `market.protocol.state.state_root`, without copying contiguous ones.

    Raises UnknownDtype.
    """
    for name, tensor in state.items():
        flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
        yield NamedBytes(
            name=name, dtype=type_of(tensor).dtype.value, shape=tuple(tensor.shape), data=flat.numpy().data
        )


def _tensor(item: NamedBytes) -> torch.Tensor:
    flat = torch.frombuffer(bytearray(item.data), dtype=DTYPES[DType(item.dtype)])
    return flat.clone().reshape(item.shape)
