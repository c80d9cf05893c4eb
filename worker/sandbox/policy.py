"""What one keeper and one runner are granted, as values that cross the process boundary in JSON.

Decides the fixed environment and Python's own readable paths; everything else is the caller's.
"""

import shutil
import sys
import sysconfig
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from worker.sandbox.levels import Isolation

_PACKAGES: Final = Path(__file__).resolve().parents[2]
_SYSTEM: Final = (
    "/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/dev/null", "/dev/zero",
    "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/sys/devices/system/cpu",
    "/sys/devices/system/node",
)  # fmt: skip


def python_paths() -> tuple[Path, ...]:
    """Return what an interpreter with torch must read: itself, its libraries, and this package."""
    own = {Path(sys.prefix), Path(sys.base_prefix), *(Path(sysconfig.get_path(key)) for key in ("stdlib", "purelib"))}
    packages = {_PACKAGES / "worker", _PACKAGES / "market"}
    return tuple(sorted({*own, *packages, *map(Path, _SYSTEM)}))


RUNNER_VARIABLES: Final = frozenset({
    "PATH", "LANG", "LC_CTYPE", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TMPDIR",
})  # fmt: skip


def environment(threads: int) -> dict[str, str]:
    """Return the whole environment of a keeper and its runners."""
    count = str(threads)
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one runner may use up. memory_bytes counts on top of the warm interpreter."""

    memory_bytes: int
    cpu_seconds: int
    file_bytes: int
    open_files: int = 256
    processes: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One runner: which function serves it, what it may read, and the one folder it may write."""

    entry: str
    read: tuple[str, ...]
    folder: str
    limits: Limits

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        limits = Limits(**document["limits"])
        return cls(entry=document["entry"], read=tuple(document["read"]), folder=document["folder"], limits=limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class JailPlan:
    """One keeper: its level, the module it keeps warm ("" for none), the folder of all runs, its threads.

    modules: a folder outside the installation from which runners may import too.
    """

    level: Isolation
    warm: str
    root: Path
    threads: int = 1
    modules: Path | None = None

    def command(self, control: int) -> list[str]:
        """Return the command line of the keeper. control: its end of the control socket."""
        keeper = [sys.executable, "-I", "-B", "-m", "worker.sandbox.keeper", self.level, str(control), self.warm]
        keeper += [str(self.modules)] if self.modules else []
        return [*self._bubblewrap(), *keeper] if self.level is Isolation.BUBBLEWRAP else keeper

    def _bubblewrap(self) -> list[str]:
        program = shutil.which("bwrap") or "bwrap"  # here, because the keeper's own PATH is fixed
        command = [program, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
        for path in (*python_paths(), *([self.modules] if self.modules else [])):
            made_below = path.is_relative_to("/dev") or path.is_relative_to("/proc") or path.is_symlink()
            if path.exists() and not made_below:
                command += ["--ro-bind", str(path), str(path)]
        for link in ("/lib", "/lib64", "/bin", "/usr/bin"):
            if Path(link).is_symlink():
                command += ["--symlink", str(Path(link).readlink()), link]
        root = str(self.root)
        return [*command, "--proc", "/proc", "--dev", "/dev", "--bind", root, root, "--chdir", "/"]
