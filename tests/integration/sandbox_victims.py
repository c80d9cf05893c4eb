"""Programs that misbehave inside a runner, each in one way. Imported by the runner, never by a test."""

import os
import resource
import sys
import time
from pathlib import Path

from worker.sandbox.lines import LineStream


def echo(stream: LineStream) -> None:
    """Send every message back, and say in which process."""
    while (message := stream.receive()) is not None:
        stream.send({"pid": os.getpid(), **message})


def spin(stream: LineStream) -> None:
    """Burn the processor for ever."""
    stream.send({"began": True})
    while True:
        pass


def sleep(stream: LineStream) -> None:
    """Say nothing for ever."""
    stream.send({"began": True})
    time.sleep(3600)


def eat_memory(stream: LineStream) -> None:
    """Take a mebibyte after the other and report how many it got."""
    eaten = []
    try:
        while True:
            eaten.append(bytearray(1 << 20))
    except MemoryError:
        count = len(eaten)
        eaten.clear()
        stream.send({"mebibytes": count})


def fill_disk(stream: LineStream) -> None:
    """Write one file for ever."""
    written = 0
    with open("big", "wb", buffering=0) as file:  # noqa: PTH123
        try:
            while True:
                written += file.write(bytes(1 << 16))
        except OSError as error:
            stream.send({"written": written, "errno": error.errno})


def open_files(stream: LineStream) -> None:
    """Open files for ever."""
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        count = len(held)
        for descriptor in held:
            os.close(descriptor)
        stream.send({"opened": count})


def breed(stream: LineStream) -> None:
    """Start children that outlive their parent's session, report them, and stay."""
    children = []
    for escape in (False, True):
        pid = os.fork()
        if pid == 0:
            if escape:
                os.setsid()
            time.sleep(3600)
        children.append(pid)
    stream.send({"children": children})
    time.sleep(3600)


def try_to_breed(stream: LineStream) -> None:
    """Fork a hundred times and report how often it worked."""
    born = 0
    for _ in range(100):
        try:
            pid = os.fork()
        except OSError:
            continue
        if pid == 0:
            os._exit(0)
        born += 1
    stream.send({"born": born})


def look_around(stream: LineStream) -> None:
    """Report what a stranger would look for first."""
    core, _ = resource.getrlimit(resource.RLIMIT_CORE)
    descriptors = [number for number in range(64) if _is_open(number)]
    stream.send(
        {"environment": sorted(os.environ), "descriptors": descriptors, "core": core, "folder": str(Path.cwd())}
    )


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def shout(stream: LineStream) -> None:
    """Print on stdout and stderr, then answer."""
    sys.stdout.write("printed by a library\n")
    os.write(2, b"written to stderr\n")
    stream.send({"answer": 1})


def babble(stream: LineStream) -> None:
    """Write something that is no message, then a line without end."""
    os.write(3, b"not json\n")
    os.write(3, b"[1]\n")
    while True:
        os.write(3, b"x" * (1 << 16))
