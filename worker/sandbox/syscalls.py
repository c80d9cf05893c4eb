"""The few system calls that Python 3.11 does not offer, through ctypes.

Decides nothing: each function is one call that raises OSError with the kernel's reason.
"""

import ctypes
import os
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_SECCOMP: Final = 22
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38

CAPSET: Final = {"x86_64": 126, "aarch64": 91}

_libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, call: str) -> int:
    """Return the result of a C call, or raise OSError naming the call."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: object, call: str) -> int:
    return checked(_libc.syscall(ctypes.c_long(number), *arguments), call)


def prctl(option: int, value: int = 0, pointer: object = 0) -> None:
    checked(_libc.prctl(option, ctypes.c_ulong(value), pointer, 0, 0), f"prctl({option})")


def unshare(flags: int) -> None:
    checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int) -> None:
    encoded = None if kind is None else kind.encode()
    checked(_libc.mount(source.encode(), target.encode(), encoded, ctypes.c_ulong(flags), None), f"mount({target})")


def drop_capabilities() -> None:
    """Give up every capability of this thread, so that root inside is root in name only."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    syscall(CAPSET[os.uname().machine], ctypes.byref(header), ctypes.byref(nothing), call="capset")
