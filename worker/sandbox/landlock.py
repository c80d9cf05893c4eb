"""Which paths a process may touch, enforced by the kernel (Landlock, Linux 5.13 on).

Decides the bits per kernel ABI. `confine` is for the calling process and its children and cannot be undone. On newer
kernels it also refuses TCP (ABI 4), devices' ioctls (5), and signals and abstract sockets to outside (6). It does not
hide that a path exists: `stat` still answers.
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from worker.sandbox import syscalls

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_TRUNCATE: Final = 1 << 14
_ABI_OF_LAST_FS_BIT: Final = ((5, 16), (3, 15), (2, 14), (1, 13))

READ: Final = _READ_FILE | _READ_DIR | _EXECUTE
WRITE: Final = READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE
_ON_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """Return the kernel's Landlock version, 0 when it has none."""
    try:
        return syscalls.syscall(_CREATE_RULESET, None, 0, 1, call="landlock_create_ruleset")
    except OSError:
        return 0


def confine(read: Iterable[Path], write: Iterable[Path]) -> None:
    """Refuse this process every path but these; a path that does not exist is left out.

    Needs no_new_privs. Raises OSError when the kernel refuses.
    """
    version = abi()
    handled = (1 << next(bits for least, bits in _ABI_OF_LAST_FS_BIT if version >= least)) - 1 if version else 0
    words = (handled, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0)
    attributes = (ctypes.c_uint64 * 3)(*words)
    size = 8 * (1 + (version >= 4) + (version >= 6))
    ruleset = syscalls.syscall(_CREATE_RULESET, ctypes.byref(attributes), size, 0, call="landlock_create_ruleset")
    try:
        for paths, access in ((read, READ), (write, WRITE)):
            for path in paths:
                _allow(ruleset, path, access & handled)
        syscalls.syscall(_RESTRICT_SELF, ruleset, 0, call="landlock_restrict_self")
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, access: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = _PathBeneath(access if path.is_dir() else access & _ON_FILES, parent)
        syscalls.syscall(_ADD_RULE, ruleset, 1, ctypes.byref(rule), 0, call=f"landlock_add_rule({path})")
    finally:
        os.close(parent)
