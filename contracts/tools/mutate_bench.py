"""A scratch copy of the contracts room in which other bytecode is tried without compiling the tests again.

forge compiles the copy once (a minute). Afterwards a warm solc compiles only the contracts that a changed source
reaches, their bytecode is written into the copy's artifacts, and `forge test`, which sees no changed source, runs the
tests on it: about a second for either. Never touches the room itself. Refuses to start when the warm solc gives other
bytecode than forge did, for then its verdicts would say nothing.
"""

import fcntl
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutate_graph import Artifact, Graph, Node

ROOM = Path(__file__).resolve().parents[1]
Codes = dict[Artifact, tuple[str, str]]  # creation and runtime bytecode
OUTPUT = ["evm.bytecode.object", "evm.deployedBytecode.object"]


@dataclass(frozen=True)
class Stage:
    """Suites that run together, and how long their campaigns are. `folder` is one of tests/contracts."""

    folder: str
    settings: Mapping[str, str]
    fail_fast: bool = True

    def runs(self, suite: str) -> bool:
        """Return whether the suite is its own; `unit` takes all that have no stage, the gas figures none at all."""
        folder = Path(suite).parent.name
        return folder == self.folder or (self.folder == "unit" and folder not in {"fuzz", "invariant", "gas"})


class NotReady(Exception):
    """The copy cannot be trusted to judge anything."""


class DoesNotCompile(Exception):
    """What the compiler says to a changed source."""


class Bench:
    """One copy, one compiler, one forge at a time."""

    def __init__(self, work: Path, threads: int) -> None:
        """Copy the room's sources and tests to `work`, compile them, and take the measure of both."""
        self._room = work / "contracts"
        self._dirty = work / "dirty"  # a bench that was killed may have left a mutant among its artifacts
        self._threads = threads
        self._solc: subprocess.Popen[str] | None = None
        self._sound: Codes = {}
        self._changed: dict[Path, bytes] = {}
        work.mkdir(parents=True, exist_ok=True)
        self._lock = (work / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotReady(f"another run uses {work}") from None
        if self._dirty.exists():
            shutil.rmtree(self._room / "out", ignore_errors=True)
            self.restore()
        self._copy(work)
        self._forge("build", seconds=900, check=True)
        settings = tomllib.loads((self._room / "foundry.toml").read_text())["profile"]["default"]
        self._settings = settings_of(settings)
        self._special = {
            rule["paths"]: settings_of(settings | _relaxed(rule)) for rule in settings["compilation_restrictions"]
        }
        self.asts = self._read_asts()
        self.graph = Graph(self.asts)

    def source(self, file: str) -> str:
        """Return the copy's text of a source, by its name under the room."""
        return (self._room / file).read_text()

    def compile(self, sources: Mapping[str, str], artifacts: Iterable[Artifact]) -> Codes:
        """Return the bytecode of the artifacts when these sources read so, or raise DoesNotCompile."""
        wanted = sorted(artifacts)
        ordinary = [one for one in wanted if one[0] not in self._special]
        codes = self._compile(sources, ordinary, self._settings) if ordinary else {}
        for file, settings in self._special.items():
            if special := [one for one in wanted if one[0] == file]:
                codes |= self._compile(sources, special, settings)
        return codes

    def _compile(self, sources: Mapping[str, str], wanted: list[Artifact], settings: Mapping[str, Any]) -> Codes:
        selection: dict[str, dict[str, list[str]]] = {}
        for file, name in wanted:
            selection.setdefault(file, {})[name] = OUTPUT
        texts = {file: self.source(file) for file, _ in wanted} | dict(sources)
        answer = self._ask(texts, selection, settings)
        if errors := [error["message"] for error in answer.get("errors", []) if error["severity"] == "error"]:
            raise DoesNotCompile("; ".join(errors))
        made = {(file, name): answer["contracts"][file][name]["evm"] for file, name in wanted}
        return {one: (evm["bytecode"]["object"], evm["deployedBytecode"]["object"]) for one, evm in made.items()}

    def sound(self, artifacts: set[Artifact]) -> Codes:
        """Return the bytecode of the unchanged sources, which must be what forge made of them."""
        missing = artifacts - self._sound.keys()
        if missing:
            self._sound |= self.compile({}, missing)
        for one in missing:
            forged = json.loads(self._artifact(one).read_text())["bytecode"]["object"].removeprefix("0x")
            if self._sound[one][0] != forged:
                raise NotReady(f"{one[0]}:{one[1]}: the warm solc gives other bytecode than forge")
        return {one: self._sound[one] for one in artifacts}

    def put(self, codes: Codes) -> None:
        """Let the tests deploy this bytecode until `restore`."""
        self._dirty.touch()
        for one, (creation, runtime) in codes.items():
            path = self._artifact(one)
            self._changed.setdefault(path, path.read_bytes())
            artifact = json.loads(path.read_bytes())
            artifact["bytecode"]["object"] = "0x" + creation
            artifact["deployedBytecode"]["object"] = "0x" + runtime
            path.write_text(json.dumps(artifact))

    def restore(self) -> None:
        """Put the sound artifacts back, and forget the inputs that failed: no verdict may hang on the one before."""
        for path, content in self._changed.items():
            path.write_bytes(content)
        self._changed.clear()
        self._dirty.unlink(missing_ok=True)
        for campaign in ("fuzz", "invariant"):
            shutil.rmtree(self._room / "cache" / campaign, ignore_errors=True)

    def failures(self, stage: Stage, suites: set[str], seconds: float) -> list[str]:
        """Return the tests of these suites that fail, as `folder/File.t.sol:Contract.test`."""
        chosen = sorted(suite for suite in suites if stage.runs(suite))
        if not chosen:
            return []
        globs = ",".join("*/" + "/".join(Path(suite).parts[-2:]) for suite in chosen)
        flags = ["--json", "--threads", str(self._threads), *(["--fail-fast"] if stage.fail_fast else [])]
        try:
            ran = self._forge("test", "--match-path", f"{{{globs},}}", *flags, settings=stage.settings, seconds=seconds)
        except subprocess.TimeoutExpired:
            return ["the time limit"]
        failed = sorted(_failed(json.loads(ran.stdout.splitlines()[-1])))
        if bool(ran.returncode) != bool(failed):
            raise NotReady(f"forge ended with {ran.returncode} and {len(failed)} failures: {ran.stderr[-2000:]}")
        return failed

    def close(self) -> None:
        """End the compiler and let go of the copy."""
        self._lock.close()
        if self._solc:
            self._solc.kill()
            self._solc.wait()
            self._solc = None

    def _copy(self, work: Path) -> None:
        for name in ("contracts/src", "contracts/tools", "tests/contracts", "tests/vectors"):
            shutil.rmtree(work / name, ignore_errors=True)
            shutil.copytree(ROOM.parent / name, work / name, copy_function=shutil.copy2)
        shutil.copy2(ROOM / "foundry.toml", self._room)
        modules = self._room / "node_modules"
        if not modules.is_symlink():
            modules.symlink_to((ROOM / "node_modules").resolve())

    def _artifact(self, one: Artifact) -> Path:
        return self._room / "out" / Path(one[0]).name / f"{one[1]}.json"

    def _read_asts(self) -> dict[str, Node]:
        files = [os.path.relpath(path, self._room) for path in sorted(self._room.parent.rglob("*.sol"))]
        ours = [file for file in files if file.startswith(("src/", "../tests/"))]
        texts = {file: self.source(file) for file in ours}
        answer = self._ask(texts, {file: {"": ["ast"]} for file in ours}, self._settings)
        return {file: answer["sources"][file]["ast"] for file in ours}

    def _ask(
        self, sources: Mapping[str, str], selection: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> dict[str, Any]:
        question = {
            "language": "Solidity",
            "sources": {file: {"content": text} for file, text in sources.items()},
            "settings": {**settings, "outputSelection": selection},
        }
        if self._solc is None:
            command = [self._room / "tools" / "solc-server", self._room]
            self._solc = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own script
        assert self._solc.stdin
        assert self._solc.stdout
        self._solc.stdin.write(json.dumps(question) + "\n")
        self._solc.stdin.flush()
        answer = self._solc.stdout.readline()
        if not answer:
            raise NotReady("the compiler died; its own words stand above")
        return dict(json.loads(answer))

    def _forge(
        self, *words: str, seconds: float, settings: Mapping[str, str] | None = None, check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run forge in the copy. Settings of whoever calls (a test profile, say) must not decide what survives."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("FOUNDRY_", "FORGE_"))}
        command = [str(self._room / "tools" / "forge"), *words]
        with subprocess.Popen(  # noqa: S603 - the pinned forge, our own flags
            command, cwd=self._room, env=environment | dict(settings or {}), text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as running:  # fmt: skip
            try:
                out, err = running.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, 9)
                raise
        if check and running.returncode:
            raise NotReady(f"forge {words[0]} failed: {out[-2000:]}{err[-2000:]}")
        return subprocess.CompletedProcess(command, running.returncode, out, err)


def settings_of(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return solc's settings for a profile of foundry.toml."""
    return {
        "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
        "evmVersion": profile["evm_version"],
        "metadata": {"bytecodeHash": profile["bytecode_hash"], "appendCBOR": profile["cbor_metadata"]},
        "remappings": profile["remappings"],
        "viaIR": profile.get("via_ir", False),
    }


def _relaxed(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a compilation restriction asks for, in the words of a profile: the least that it accepts."""
    return {name.removeprefix("min_"): value for name, value in rule.items() if name != "paths"}


def _failed(report: dict[str, Any]) -> Iterable[str]:
    for suite, result in report.items():
        file, contract = suite.rsplit(":", 1)
        for test, outcome in result["test_results"].items():
            if outcome["status"] == "Failure":
                yield f"{'/'.join(Path(file).parts[-2:])}:{contract}.{test.split('(')[0]}"
