"""Wake-ups inside one process: who sleeps on a topic hears that something may have changed.

Carries no data and promises nothing: a wake-up may be lost or spurious; every sleeper reads the database after it and
sleeps with a timeout. Topics: "assignments", "tasks", "job:<id>".
"""

import asyncio
from collections import defaultdict


class Wakeups:
    """Fan-out of wake-ups to any number of sleepers on one event loop."""

    def __init__(self) -> None:
        self._sleepers: dict[str, set[asyncio.Event]] = defaultdict(set)

    def wake(self, topic: str) -> None:
        """Wake all who sleep on the topic now."""
        for sleeper in self._sleepers.get(topic, ()):
            sleeper.set()

    def subscribe(self, topic: str) -> "Subscription":
        """Return a subscription; enter it before reading the database, so that no change in between is missed."""
        return Subscription(self._sleepers, topic)


class Subscription:
    """One sleeper on one topic, as a context manager."""

    def __init__(self, sleepers: dict[str, set[asyncio.Event]], topic: str) -> None:
        self._sleepers, self._topic, self._event = sleepers, topic, asyncio.Event()

    def __enter__(self) -> "Subscription":
        self._sleepers[self._topic].add(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        self._sleepers[self._topic].discard(self._event)
        if not self._sleepers[self._topic]:
            del self._sleepers[self._topic]

    async def sleep(self, seconds: float) -> bool:
        """Sleep until woken or for `seconds`; return whether woken."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        self._event.clear()
        return True
