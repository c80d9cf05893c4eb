"""What must be equal for two machines to compute the same bits, and the switches that keep one machine equal to itself.

Decides the facts that make a fingerprint: torch build, processor, instruction sets in use, threads, kernel switches.
Two workers with one fingerprint must agree bitwise on every pinned job; two that differ in any fact are never
compared. It does not prove that equal facts suffice: audits do, job by job.
"""

import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from torch.utils import deterministic

from market.protocol import canonical

THREADS: Final = 1
# Environment switches that choose other kernels, or another order of the same sums.
SWITCHES: Final = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_DEFAULT_FPMATH_MODE",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_DEBUG_CPU_TYPE",
    "MKL_DYNAMIC",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
)
_CPU_FIELDS: Final = frozenset(
    {"vendor_id", "cpu family", "model", "model name", "flags", "CPU implementer", "CPU part", "Features"}
)


@contextmanager
def pinned() -> Iterator[None]:
    """Hold this process to one thread, deterministic algorithms and true denormals; put all back afterwards."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    filling: bool = deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.set_num_threads(THREADS)
    # The public switch also tells the compiler, and imports it for that: a second at every start, for nothing here.
    _set_deterministic(True)
    # No allowed operator reads uninitialised memory, so filling it would cost time and change nothing.
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_flush_denormal(False)
    try:
        yield
    finally:
        deterministic.fill_uninitialized_memory = filling  # type: ignore[attr-defined]
        _set_deterministic(strict)
        torch.set_num_threads(threads)


def _set_deterministic(strict: bool) -> None:
    torch._C._set_deterministic_algorithms(strict, warn_only=False)


def facts(*, threads: int = THREADS) -> dict[str, Any]:
    """Return everything known to change the bits of a CPU kernel. threads: how many the work will run on."""
    return {
        "torch": torch.__version__,
        "torch_commit": torch.version.git_version,
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
        "threads": threads,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "build": torch.__config__.show(),
        "onednn": bool(torch.backends.mkldnn.enabled),
        "matmul_precision": torch.get_float32_matmul_precision(),
        "default_dtype": str(torch.get_default_dtype()),
        "switches": {name: os.environ[name] for name in SWITCHES if name in os.environ},
        "processor": processor(),
    }


def fingerprint(*, threads: int = THREADS) -> bytes:
    """Return the 32 bytes that two workers must share to be compared bitwise."""
    return hashlib.sha256(canonical.encode(facts(threads=threads))).digest()


def processor(source: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """Return what the kernel says of the first core, so far as it can choose another path through a kernel."""
    if not source.exists():
        return {"model name": platform.processor()}
    first = source.read_text().split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip() in _CPU_FIELDS}
