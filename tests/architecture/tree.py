"""Where things stand in the repository, and the little reading of Solidity that the architecture tests share."""

import importlib
import pkgutil
import re
import subprocess
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "contracts"
# A migration is a record of one day's tables: generated, long, and never edited again.
UNSHAPED = ("migrations/versions/",)


def tracked(*suffixes: str) -> list[Path]:
    """Return the files that git knows or would add, by suffix; all files when none is given."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    paths = [ROOT / name for name in listing.split("\0") if name]
    return sorted(path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes))


def shaped(*suffixes: str) -> list[Path]:
    """Return the files that a person writes and reads."""
    return [path for path in tracked(*suffixes) if not relative(path).startswith(UNSHAPED)]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def modules(package: str) -> list[ModuleType]:
    """Return the package and everything under it, imported."""
    top = importlib.import_module(package)
    names = [info.name for info in pkgutil.walk_packages(top.__path__, f"{package}.")]
    return [top, *(importlib.import_module(name) for name in names)]


def solidity(path: Path) -> str:
    """Return the source without comments."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)


def enums(source: str) -> dict[str, list[str]]:
    """Return each enum's members in order."""
    found = re.findall(r"\benum\s+(\w+)\s*\{([^}]*)\}", source)
    return {name: [member.strip() for member in body.split(",") if member.strip()] for name, body in found}


def structs(source: str) -> dict[str, list[tuple[str, str]]]:
    """Return each struct's fields in order, as (type, name)."""
    found = re.findall(r"\bstruct\s+(\w+)\s*\{([^}]*)\}", source)
    fields = {name: [line.split() for line in body.split(";") if line.strip()] for name, body in found}
    return {name: [(words[0], words[-1]) for words in lines] for name, lines in fields.items()}


def abi_type(kind: str, words: dict[str, list[str]]) -> str:
    """Return the ABI's name of a Solidity type: an enum travels as uint8."""
    return "uint8" if kind in words else kind
