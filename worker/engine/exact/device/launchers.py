"""The two places where the device's text runs.

Decides how it is compiled and called: on a GPU by NVRTC, which comes with PyTorch's CUDA builds, with every flag that
could move a bit turned off; on the host by the library that `native/device.inc` is part of.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from market.protocol.errors import CommonwattError
from worker.engine.exact.device.machine import THREADS
from worker.engine.exact.native import Library

SOURCE: Final = Path(__file__).with_name("leaf.cu")
# The intrinsics already say how each operation rounds; these keep the compiler from touching the rest.
_FLAGS: Final = ["--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoGpu(CommonwattError):
    """There is no CUDA device here."""


class CudaLauncher:
    """Runs leaves on the current CUDA device; raises NoGpu where there is none."""

    def __init__(self) -> None:
        if not torch.cuda.is_available():
            raise NoGpu
        self.device = torch.device("cuda", torch.cuda.current_device())
        text = SOURCE.read_text()
        compiled = torch.cuda._compile_kernel
        self._kernels: dict[str, Any] = {
            name: compiled(text, name, nvcc_options=_FLAGS) for name in ("leaf_map", "leaf_chain")
        }

    def launch(self, name: str, table: torch.Tensor, sources: Sequence[torch.Tensor], out: torch.Tensor) -> None:
        blocks = -(-out.numel() // THREADS)
        self._kernels[name](grid=(blocks, 1, 1), block=(THREADS, 1, 1), args=[table, *sources, out])


class HostLauncher:
    """Runs the same text on the host, one thread after another: for tests."""

    device = torch.device("cpu")

    def __init__(self, library: Library) -> None:
        pointers = [ctypes.c_void_p] * 5
        self._functions = {
            name: library.function(f"exact_device_{name.removeprefix('leaf_')}", None, *pointers)
            for name in ("leaf_map", "leaf_chain")
        }

    def launch(self, name: str, table: torch.Tensor, sources: Sequence[torch.Tensor], out: torch.Tensor) -> None:
        self._functions[name](*(tensor.data_ptr() for tensor in (table, *sources, out)))
