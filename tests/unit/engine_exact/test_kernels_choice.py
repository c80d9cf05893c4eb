"""Which kernels a process computes with: what is there, what was asked for, and what must not matter."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.architecture.tree import ROOT
from tests.unit.engine_exact.kernel_samples import elsewhere, floats, product, same
from worker.engine.exact import NAMES, KernelsUnavailable, choose, native, usable
from worker.engine.exact.blocks import Matrix, address

PRODUCT = """
import hashlib
import numpy as np
from worker.engine.exact import choose
from worker.engine.exact.blocks import Matrix, address
from tests.unit.engine_exact.kernel_samples import floats
a, b, out = floats(1, 33, 300), floats(2, 300, 70), np.empty((33, 70), np.float32)
kernels = choose({name!r})
kernels.gemm((33, 70, 300), Matrix(address(a), 300), Matrix(address(b), 70), Matrix(address(out), 70))
print(kernels.name, hashlib.sha256(out.tobytes()).hexdigest())
"""


def test_the_fastest_kernels_come_first() -> None:
    assert [name for name in NAMES if name in usable()] == list(usable())
    assert choose().name == usable()[0]


def test_kernels_that_do_not_run_here_are_refused_by_name() -> None:
    with pytest.raises(KernelsUnavailable) as refused:
        choose("abacus")

    assert refused.value.usable == usable()


def test_without_the_library_numba_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "load", lambda: None)

    assert choose().name == "numba"


def test_a_generic_processor_computes_the_same_bits() -> None:
    here = elsewhere(PRODUCT.format(name=usable()[0])).split()[1]

    generic = elsewhere(PRODUCT.format(name="numba-generic"), NUMBA_CPU_NAME="generic")

    assert generic == f"numba-generic {here}"


def test_numba_needs_no_folder_to_write_to() -> None:
    found = elsewhere(PRODUCT.format(name="numba"), NUMBA_CACHE_DIR="/proc/none", HOME="/proc/none")

    assert found.startswith("numba ")


def test_the_library_computes_subnormals_in_a_thread_that_flushes_them() -> None:
    a, b = floats(1, 20, 30) * np.float32(1e-24), floats(2, 30, 20) * np.float32(1e-18)
    expected, found = product(a, b), []
    torch.set_flush_denormal(True)
    try:
        for name in (name for name in usable() if name.startswith("c-")):
            found.append(np.empty((20, 20), np.float32))
            matrices = Matrix(address(a), 30), Matrix(address(b), 20), Matrix(address(found[-1]), 20)
            choose(name).gemm((20, 20, 30), *matrices)
    finally:
        torch.set_flush_denormal(False)

    assert all(same(out, expected) for out in found)


def test_a_change_of_any_native_source_builds_the_library_again() -> None:
    module = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["ext-modules"][0]
    folder = ROOT / "worker/engine/exact"

    assert set(module["sources"] + module["depends"]) == {
        str(path.relative_to(ROOT)) for path in folder.rglob("*") if path.suffix in {".c", ".h", ".inc", ".cu"}
    }


def test_an_install_without_a_compiler_goes_on(tmp_path: Path) -> None:
    words = ["build_ext", "--build-lib", str(tmp_path / "lib"), "--build-temp", str(tmp_path / "temp"), "--force"]

    elsewhere(f"import sys; sys.argv[1:] = {words}; from setuptools import setup; setup()", CC="/bin/false")

    assert not list(tmp_path.rglob("_native*.so"))
