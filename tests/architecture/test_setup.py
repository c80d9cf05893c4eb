"""Set-up finds a Python that will do, or says in words what is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOT


def find_python(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run .ci/python with nothing on the PATH but one folder."""
    return subprocess.run(
        [ROOT / ".ci/python"], env={"PATH": str(folder), **environment}, capture_output=True, text=True, check=False
    )


def test_set_up_takes_python3_when_it_is_new_enough(tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(os.path.realpath(sys.executable))

    assert find_python(tmp_path).stdout.strip() == str(tmp_path / "python3")


def test_set_up_passes_over_a_name_with_nothing_behind_it(tmp_path: Path) -> None:
    shim = tmp_path / "python3.11"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    (tmp_path / "python3").symlink_to(os.path.realpath(sys.executable))

    assert find_python(tmp_path).stdout.strip() == str(tmp_path / "python3")


def test_set_up_without_python_says_what_it_needs_and_how_to_name_it(tmp_path: Path) -> None:
    found = find_python(tmp_path)

    assert found.returncode == 1
    assert "needs Python 3.11 or newer" in found.stderr
    assert "PYTHON=" in found.stderr


def test_set_up_believes_a_python_that_is_named(tmp_path: Path) -> None:
    assert find_python(tmp_path, PYTHON=sys.executable).stdout.strip() == sys.executable


def test_set_up_takes_the_node_that_is_there() -> None:
    own = shutil.which("node")
    assert own is not None, "make test puts one on the PATH"

    found = subprocess.run([ROOT / ".ci/node"], capture_output=True, text=True, check=True)

    assert found.stderr == ""
    assert found.stdout.strip() == str(Path(own).parent)
