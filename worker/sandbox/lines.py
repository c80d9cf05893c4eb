"""Messages between agent and runner: one JSON object per line, at most `MAX_LINE_BYTES` long.

Decides the framing for both sides. Whatever the runner writes is a stranger's word: a line that is too long, not JSON
or not an object is an error with a name, never a crash of the agent.
"""

import json
import os
from dataclasses import dataclass
from typing import Any, Final

from market.protocol.errors import CommonwattError

MAX_LINE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine(CommonwattError):
    """The other process wrote something that is not a message."""

    reason: str


def encode(message: dict[str, Any]) -> bytes:
    """Return the message as one line; raises BadLine when it is too long."""
    line = json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise BadLine(reason=f"{len(line)} bytes")
    return line


def decode(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadLine(reason=f"not JSON: {error}") from error
    if not isinstance(message, dict):
        raise BadLine(reason="not an object")
    return message


class LineStream:
    """The runner's blocking end, over a plain file descriptor (a runner has no sockets to call)."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pending = b""

    def receive(self) -> dict[str, Any] | None:
        """Return the next message, or None when the other side has closed."""
        while b"\n" not in self._pending:
            if len(self._pending) > MAX_LINE_BYTES:
                raise BadLine(reason="longer than the limit")
            data = os.read(self._descriptor, 1 << 16)
            if not data:
                return None
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return decode(line)

    def send(self, message: dict[str, Any]) -> None:
        data = memoryview(encode(message))
        while data:
            data = data[os.write(self._descriptor, data) :]
