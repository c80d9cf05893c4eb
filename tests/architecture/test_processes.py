"""What a process loads: the market no torch and no worker, and nobody a library that takes a safeguard away."""

import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT

IMPORT_ALL_WITHOUT_TORCH = """
import importlib, importlib.abc, pkgutil, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "pynvml", "worker"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import market

names = [info.name for info in pkgutil.walk_packages(market.__path__, "market.", onerror=lambda name: sys.exit(name))]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_every_module_of_the_market_imports_without_torch_and_worker() -> None:
    imported = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL_WITHOUT_TORCH], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert imported.returncode == 0, imported.stderr
    assert int(imported.stdout.splitlines()[-1]) > 30


@pytest.mark.parametrize("process", ["market.api.app", "market.cli.demo.command", "worker.agent.loop", "worker.runner"])
def test_no_library_takes_the_brake_off_a_process_that_reads_strangers_documents(process: str) -> None:
    program = f"import sys, {process}; print(sys.getrecursionlimit())"

    imported = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert int(imported.stdout) <= 1000
