"""Which system calls a runner may not make: a filter in the kernel's own instruction set (classic BPF).

Decides the list. A runner computes on files it was given, so it starts no process, opens no socket, signals nobody but
itself and administers nothing; threads are allowed. A refused call fails with EPERM and the program goes on.
"""

import ctypes
import errno
import os
import struct
from typing import Final

from worker.sandbox import syscalls

# (x86_64, aarch64); None where the architecture has no such call
_DENIED: Final[dict[str, tuple[int | None, int | None]]] = {
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "bind": (49, 200), "listen": (50, 201),
    "socketpair": (53, 199), "accept4": (288, 242), "fork": (57, None), "vfork": (58, None), "execve": (59, 221),
    "execveat": (322, 281), "kill": (62, 129), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "setpgid": (109, 154), "setsid": (112, 157), "ptrace": (101, 117),
    "personality": (135, 92), "modify_ldt": (154, None), "pivot_root": (155, 41), "chroot": (161, 51),
    "acct": (163, 89), "mount": (165, 40), "umount2": (166, 39), "swapon": (167, 224), "swapoff": (168, 225),
    "reboot": (169, 142), "iopl": (172, None), "ioperm": (173, None), "init_module": (175, 105),
    "delete_module": (176, 106), "finit_module": (313, 273), "quotactl": (179, 60), "kexec_load": (246, 104),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "unshare": (272, 97), "setns": (308, 268),
    "move_pages": (279, 239), "perf_event_open": (298, 241), "fanotify_init": (300, 262),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "kcmp": (312, 272), "bpf": (321, 280), "userfaultfd": (323, 282),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "pidfd_send_signal": (424, 424), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "mount_setattr": (442, 442),
}  # fmt: skip
_CLONE: Final = (56, 220)
_CLONE3: Final = 435
_TGKILL: Final = (234, 131)
_CLONE_THREAD: Final = 0x10000
_X32_BIT: Final = 0x40000000
_ARCHITECTURES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16


def _error(number: int) -> int:
    return 0x00050000 | number


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def is_supported() -> bool:
    return os.uname().machine in _ARCHITECTURES


def program(machine: str, pid: int) -> bytes:
    """Return the filter for one architecture. pid: the only process that tgkill (raise, abort) may name."""
    column, architecture = _ARCHITECTURES[machine]
    refuse = _step(_RETURN, _error(errno.EPERM))
    steps = [
        _step(_LOAD, _ARCHITECTURE_AT), _step(_JUMP_EQUAL, architecture, 1, 0), _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        _step(_JUMP_AT_LEAST, _X32_BIT, 0, 1), refuse,
        # glibc falls back to clone, whose flags a filter can read
        _step(_JUMP_EQUAL, _CLONE3, 0, 1), _step(_RETURN, _error(errno.ENOSYS)),
        _step(_JUMP_EQUAL, _CLONE[column], 0, 4), _step(_LOAD, _FIRST_ARGUMENT_AT),
        _step(_JUMP_ANY_BIT, _CLONE_THREAD, 0, 1), _step(_RETURN, _ALLOW), refuse,
        _step(_JUMP_EQUAL, _TGKILL[column], 0, 4), _step(_LOAD, _FIRST_ARGUMENT_AT),
        _step(_JUMP_EQUAL, pid, 0, 1), _step(_RETURN, _ALLOW), refuse,
    ]  # fmt: skip
    for numbers in _DENIED.values():
        number = numbers[column]
        if number is not None:
            steps += [_step(_JUMP_EQUAL, number, 0, 1), refuse]
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def confine() -> None:
    """Load the filter for this process; needs no_new_privs and a single thread, and cannot be undone."""
    code = program(os.uname().machine, os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))

    class _Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))

    filled = _Program(len(code) // 8, ctypes.addressof(buffer))
    syscalls.prctl(syscalls.PR_SET_SECCOMP, 2, ctypes.byref(filled))
