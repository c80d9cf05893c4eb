"""Builds what others use of the contracts: artifacts for the deployer, ABI and storage snapshots for the reviewer.

`python contracts/tools/build.py` compiles `src/` with forge and writes the files; `--check` writes nothing and exits 1
with the names of files that are not what the sources give. Only `src/` is compiled, into a folder of its own, so the
result does not depend on which tests exist. Never deploys, and needs nothing but Python and the tools in node_modules.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOM = Path(__file__).resolve().parents[1]
ARTIFACTS = ROOM.parent / "market" / "chain" / "artifacts"
CONTRACTS = ("PayoutToken", "Bonds", "Jobs", "Games", "Disputes", "Channels")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed files instead of writing them")
    arguments = parser.parse_args()
    built = dict(build())
    if arguments.check:
        return _report([path for path, text in built.items() if not path.is_file() or path.read_text() != text])
    for path, text in built.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


def build() -> Iterator[tuple[Path, str]]:
    """Yield each file's path and the text that the sources give it."""
    out = compile_sources()
    sources = source_hash()
    for name in CONTRACTS:
        compiled = json.loads((out / f"{name}.sol" / f"{name}.json").read_text())
        abi = sorted(compiled["abi"], key=_abi_key)
        artifact = {
            "abi": abi,
            "bytecode": compiled["bytecode"]["object"],
            "deployedBytecode": compiled["deployedBytecode"]["object"],
            "sourceHash": sources,
        }
        yield ARTIFACTS / f"{name}.json", _render(artifact)
        yield ROOM / "snapshots" / "abi" / f"{name}.json", _render([signature(entry) for entry in abi])
        yield ROOM / "snapshots" / "storage" / f"{name}.json", _render(storage(compiled["storageLayout"]))


def compile_sources() -> Path:
    """Run forge over src alone; raises CalledProcessError when it does not compile."""
    out = ROOM / "out" / "release"
    forge = ROOM / "tools" / "forge"
    folders: list[str | Path] = ["--out", out, "--cache-path", ROOM / "cache" / "release"]
    command = [forge, "build", "src", "--extra-output", "storageLayout", *folders]
    # FOUNDRY_* settings of whoever calls (a test profile, say) must not reach the released bytecode.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FOUNDRY_")}
    subprocess.run(command, cwd=ROOM, env=environment, check=True, stdout=sys.stderr)  # noqa: S603 - the pinned forge, our own flags
    return out


def source_hash() -> str:
    """Return SHA-256 over foundry.toml and every source, each with its name and length, in sorted order."""
    digest = hashlib.sha256()
    for path in sorted([ROOM / "foundry.toml", *(ROOM / "src").rglob("*.sol")]):
        text = path.read_bytes()
        digest.update(f"{path.relative_to(ROOM).as_posix()} {len(text)}\n".encode() + text)
    return digest.hexdigest()


def signature(entry: dict[str, Any]) -> str:
    """Return one ABI entry as a line a reviewer can read."""
    inputs = ", ".join(_parameter(item) for item in entry.get("inputs", []))
    outputs = ", ".join(_parameter(item) for item in entry.get("outputs", []))
    mutability = entry.get("stateMutability", "")
    tail = f" {mutability}" if mutability not in {"", "nonpayable"} else ""
    return f"{entry['type']} {entry.get('name', '')}({inputs}){tail}" + (f" returns ({outputs})" if outputs else "")


def storage(layout: dict[str, Any]) -> list[str]:
    """Return one line per storage variable: slot, offset, type, name. Compiler-internal ids are left out."""
    return [
        f"slot {item['slot']} offset {item['offset']}: {_type_label(layout, item['type'])} {item['label']}"
        for item in layout["storage"]
    ]


def _type_label(layout: dict[str, Any], kind: str) -> str:
    described = layout["types"][kind]
    members = [
        f"{_type_label(layout, m['type'])} {m['label']} @{m['slot']}+{m['offset']}"
        for m in described.get("members", [])
    ]
    value = _type_label(layout, described["value"]) if "value" in described else ""
    label = re.sub(r"=> .*", f"=> {value})", described["label"]) if value else described["label"]
    return label + (" {" + ", ".join(members) + "}" if members else "")


def _parameter(item: dict[str, Any]) -> str:
    kind = item["type"]
    if "components" in item:
        kind = "(" + ", ".join(_parameter(part) for part in item["components"]) + ")" + kind.removeprefix("tuple")
    return " ".join(part for part in (kind, "indexed" if item.get("indexed") else "", item["name"]) if part)


def _abi_key(entry: dict[str, Any]) -> tuple[str, str, str]:
    return (entry["type"], entry.get("name", ""), json.dumps(entry.get("inputs", [])))


def _render(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def _report(stale: list[Path]) -> int:
    for path in stale:
        name = path.relative_to(ROOM.parent)
        sys.stderr.write(f"{name} is not what the sources give; run contracts/tools/build.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
