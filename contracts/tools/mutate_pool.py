"""Runs one question over many changes on one or two benches at a time. The answers come in the order of the questions,
so how many benches there are changes nothing but the time.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from mutate_bench import Bench

CORES = 2  # what the room's machines have at least
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Pool:
    """Benches that are free, and threads that wait for one."""

    def __init__(self, benches: list[Bench], threads: ThreadPoolExecutor) -> None:
        """Take benches that are ready."""
        self.first = benches[0]
        self._benches = benches
        self._threads = threads
        self._free: SimpleQueue[Bench] = SimpleQueue()
        for bench in benches:
            self._free.put(bench)

    def each(self, act: Callable[[Bench], None]) -> None:
        """Let every bench do it; raises what any of them raises."""
        list(self._threads.map(act, self._benches))

    def map(self, ask: Callable[[Bench, Asked], Answer], questions: Iterable[Asked]) -> Iterator[Answer]:
        """Yield the answers; a bench is sound again after each."""

        def answer(question: Asked) -> Answer:
            bench = self._free.get()
            try:
                return ask(bench, question)
            finally:
                bench.restore()
                self._free.put(bench)

        return self._threads.map(answer, questions)


@contextmanager
def pool(work: Path | None, jobs: int) -> Iterator[Pool]:
    """Yield `jobs` benches: in `work`, which is kept and saves the next run a minute, or in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, ThreadPoolExecutor(jobs) as threads:
        folder = (work or Path(scratch)).resolve()
        benches = list(threads.map(lambda n: Bench(folder / str(n), CORES // jobs), range(jobs)))
        try:
            yield Pool(benches, threads)
        finally:
            threads.shutdown(cancel_futures=True)
            for bench in benches:
                bench.close()
