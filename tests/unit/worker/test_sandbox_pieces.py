"""The sandbox's pieces that need no process: lines, the system call filter, the grants."""

import errno
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox import lines, seccomp
from worker.sandbox.levels import Isolation
from worker.sandbox.lines import BadLine, LineStream
from worker.sandbox.policy import Grant, JailPlan, Limits, environment, python_paths

ALLOW, KILL, DENY, NO_SUCH = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
X86, ARM = 0xC000003E, 0xC00000B7


def run(program: bytes, *, architecture: int, number: int, argument: int = 0) -> int:
    """Interpret the filter as the kernel does and return its verdict."""
    data = struct.pack("=IIQQ", number, architecture, 0, argument)
    steps = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at, value = 0, 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        if code == 0x20:
            value = struct.unpack_from("=I", data, operand)[0]
        elif code == 0x06:
            return int(operand)
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += if_true if holds else if_false


@pytest.mark.parametrize(
    ("number", "argument", "verdict"),
    [
        (0, 0, ALLOW),  # read
        (1, 0, ALLOW),  # write
        (9, 0, ALLOW),  # mmap
        (41, 2, DENY),  # socket
        (57, 0, DENY),  # fork
        (59, 0, DENY),  # execve
        (101, 0, DENY),  # ptrace
        (165, 0, DENY),  # mount
        (321, 0, DENY),  # bpf
        (425, 0, DENY),  # io_uring_setup
        (56, 0x3D0F00, ALLOW),  # clone of a thread, as glibc asks for it
        (56, 17, DENY),  # clone of a process
        (435, 0, NO_SUCH),  # clone3
        (234, 4242, ALLOW),  # tgkill of oneself
        (234, 1, DENY),  # tgkill of another
        (62, 4242, DENY),  # kill
        (0x40000000 + 1, 0, DENY),  # the x32 twin of write
    ],
)
def test_the_filter_judges_x86_64_calls(number: int, argument: int, verdict: int) -> None:
    program = seccomp.program("x86_64", pid=4242)

    assert run(program, architecture=X86, number=number, argument=argument) == verdict


@pytest.mark.parametrize(
    ("number", "argument", "verdict"),
    [(63, 0, ALLOW), (198, 2, DENY), (221, 0, DENY), (220, 0x3D0F00, ALLOW), (220, 17, DENY), (131, 7, DENY)],
)
def test_the_filter_judges_aarch64_calls(number: int, argument: int, verdict: int) -> None:
    program = seccomp.program("aarch64", pid=4242)

    assert run(program, architecture=ARM, number=number, argument=argument) == verdict


def test_a_call_of_another_architecture_kills() -> None:
    assert run(seccomp.program("x86_64", pid=1), architecture=ARM, number=0) == KILL


@given(st.dictionaries(st.text(max_size=20), st.integers() | st.text(max_size=50) | st.none(), max_size=5))
def test_a_message_survives_the_line(message: dict[str, object]) -> None:
    line = lines.encode(message)

    assert line.count(b"\n") == 1
    assert lines.decode(line) == message


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"7", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_message_is_named(line: bytes) -> None:
    with pytest.raises(BadLine):
        lines.decode(line)


def test_a_message_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(BadLine):
        lines.encode({"text": "x" * lines.MAX_LINE_BYTES})


def test_a_stream_puts_split_messages_together_and_ends_with_none() -> None:
    reading, writing = os.pipe()
    os.write(writing, b'{"a":1}\n{"b"')
    os.write(writing, b":2}\n")
    os.close(writing)
    stream = LineStream(reading)

    received = [stream.receive(), stream.receive(), stream.receive()]
    os.close(reading)

    assert received == [{"a": 1}, {"b": 2}, None]


def test_a_grant_crosses_the_process_boundary_unchanged() -> None:
    limits = Limits(memory_bytes=1, cpu_seconds=2, file_bytes=3)
    grant = Grant(entry="worker.runner:serve", read=("/in",), folder="/out", limits=limits)

    assert Grant.from_json(grant.to_json()) == grant


def test_a_runners_environment_is_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    monkeypatch.setenv("COMMONWATT_WORKER_PASSWORD", "secret")

    assert set(environment(1)) == {"PATH", "LANG", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"}


def test_no_level_but_the_last_goes_without_a_filter() -> None:
    assert [level for level in Isolation if not level.has_filter] == [Isolation.LIMITS]


def test_the_keeper_starts_python_isolated_from_environment_and_folder(tmp_path: object) -> None:
    plan = JailPlan(level=Isolation.NAMESPACES, warm="worker.runner", root=python_paths()[0])

    assert plan.command(7)[1:] == ["-I", "-B", "-m", "worker.sandbox.keeper", "namespaces", "7", "worker.runner"]
