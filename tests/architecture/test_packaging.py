"""What an install brings: the right requirements for each extra, all of them pinned, and every file that is read."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tree import CONTRACTS, ROOT, relative, tracked

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PIN = re.compile(r"([A-Za-z0-9._-]+)==([0-9][0-9a-z.!]*)")


def pins() -> dict[str, str]:
    lines = (ROOT / ".ci/constraints.txt").read_text().splitlines()
    found = [PIN.fullmatch(line) for line in lines if not line.startswith("#")]
    assert all(found), "a constraint is more than a name and a version"
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def closure(*extras: str) -> set[str]:
    """Return the names of everything that installing the project with these extras installs on this machine."""
    texts = PROJECT["dependencies"] + [text for extra in extras for text in PROJECT["optional-dependencies"][extra]]
    waiting = [Requirement(text) for text in texts]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        asked = {(canonicalize_name(requirement.name), extra) for extra in (requirement.extras or {""})} - seen
        seen |= asked
        for name, extra in asked:
            needs = [Requirement(text) for text in distribution(name).requires or []]
            waiting += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    return {name for name, _ in seen}


@pytest.mark.parametrize("extras", [(), ("market",), ("market", "dev")])
def test_the_market_installs_without_torch(extras: tuple[str, ...]) -> None:
    assert not {"torch", "nvidia-ml-py"} & closure(*extras)


def test_the_worker_installs_with_the_pinned_torch() -> None:
    assert "torch" in closure("worker")
    assert "torch==2.13.0" in PROJECT["optional-dependencies"]["worker"]


def test_the_worker_installs_without_the_markets_servers() -> None:
    assert not {"fastapi", "sqlalchemy", "celery", "uvicorn"} & closure("worker")


def test_every_package_that_set_up_installs_is_pinned() -> None:
    assert closure("market", "worker", "dev") - pins().keys() == set()


def test_the_pins_are_what_the_tests_run_with() -> None:
    names = closure("market", "worker", "dev")

    assert {name: distribution(name).version.partition("+")[0] for name in names} == {
        name: pins()[name] for name in names
    }


def test_the_node_tools_are_pinned_by_hash_and_name_no_host() -> None:
    lock = json.loads((CONTRACTS / "package-lock.json").read_text())
    wanted = json.loads((CONTRACTS / "package.json").read_text())["dependencies"]
    locked = {name: entry for name, entry in lock["packages"].items() if name}
    # Foundry's binaries for platforms that no maintainer runs are pinned by version alone: their hash was never seen.
    unseen = {name for name in locked if re.search(r"/(anvil|cast|forge)-(darwin|win32|linux-arm64)", name)}

    assert all(re.fullmatch(r"[0-9.]+", version) for version in wanted.values())
    assert all(entry["integrity"].startswith("sha512-") for name, entry in locked.items() if name not in unseen)
    assert not any("resolved" in entry for entry in locked.values())


def test_the_node_tools_are_locked_for_every_platform_that_they_exist_for() -> None:
    locked = json.loads((CONTRACTS / "package-lock.json").read_text())["packages"]
    asked = [f"node_modules/{name}" for entry in locked.values() for name in entry.get("optionalDependencies", {})]

    assert len(asked) == 15
    assert set(asked) <= locked.keys()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a wheel built from a copy of the tracked files."""
    copy, built = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("built")
    for path in tracked():
        if relative(path).startswith(("market/", "worker/", "migrations/", "pyproject.toml", "README.md")):
            target = copy / relative(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    program = f"from setuptools.build_meta import build_wheel; print(build_wheel({str(built)!r}))"
    made = subprocess.run([sys.executable, "-c", program], cwd=copy, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return set(zipfile.ZipFile(next(built.glob("*.whl"))).namelist())


def test_the_wheel_holds_every_module_and_every_file_that_a_module_reads(wheel: set[str]) -> None:
    unread = {".toml"}  # the linter's own configuration
    wanted = {
        relative(path)
        for path in tracked()
        if relative(path).startswith(("market/", "worker/", "migrations/")) and path.suffix not in unread
    }

    assert wanted - wheel == set()


def test_the_wheel_holds_no_tests(wheel: set[str]) -> None:
    assert not {name for name in wheel if name.startswith(("tests/", "contracts/"))}


def test_migrations_are_found_by_name_from_an_installed_wheel(wheel: set[str]) -> None:
    assert {"migrations/__init__.py", "migrations/env.py", "migrations/script.py.mako"} <= wheel


@pytest.mark.parametrize("script", sorted((ROOT / ".ci").iterdir()), ids=lambda path: path.name)
def test_a_script_of_the_build_is_executable_and_parses(script: Path) -> None:
    if script.read_bytes().startswith(b"#!/bin/sh"):
        assert script.stat().st_mode & 0o100
        assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
