"""The clock, as an argument: wall time in unix milliseconds. Money's clock is the block timestamp, never this one."""

import time
from typing import Protocol


class Clock(Protocol):
    """Anything that knows the wall time."""

    def now_ms(self) -> int: ...


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000
