"""The class EXACT on a CPU: the primitives of `market.protocol.exact`, fast, with one set of bits on every machine.

Decides which kernels this process computes with. They differ in speed only: `choose` may be told a name for a test or a
measurement, and a result never depends on it.
"""

import importlib.util
import os
from dataclasses import dataclass
from typing import Final

from market.protocol.errors import CommonwattError
from worker.engine.exact import native
from worker.engine.exact.blocks import Kernels

NAMES: Final = ("c-avx512", "c-avx2", "c-wide", "c-scalar", "numba", "numba-generic")


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelsUnavailable(CommonwattError):
    """These kernels do not run here. `name` is what was asked for, `usable` what there is."""

    name: str
    usable: tuple[str, ...]


def usable() -> tuple[str, ...]:
    """Return the names of the kernels that run here, fastest first."""
    library = native.load()
    compiled = tuple(f"c-{isa}" for isa in library.isas()) if library else ()
    if importlib.util.find_spec("numba") is None:
        return compiled
    # A generic processor is numba's own switch, read when it is first imported; it cannot be had later.
    generic = os.environ.get("NUMBA_CPU_NAME") == "generic"
    return (*compiled, "numba-generic" if generic else "numba")


def choose(prefer: str | None = None) -> Kernels:
    """Return the kernels called `prefer` (one of NAMES), or the fastest that run here; raises KernelsUnavailable."""
    names = usable()
    name = prefer if prefer is not None else (names[0] if names else "")
    if name not in names:
        raise KernelsUnavailable(name=name, usable=names)
    library = native.load()
    if library is not None and name.startswith("c-"):
        return native.NativeKernels(library, name.removeprefix("c-"))
    # Imported here because it takes a second, and a machine with the library never needs it.
    from worker.engine.exact import numbaed  # noqa: PLC0415

    return numbaed.NumbaKernels(name)
