"""Shared work: one kernel over a range, cut into contiguous parts that threads take in turn.

Kernels release the GIL and treat each index on its own, so the cut never changes a bit. One long-lived pool
serves the whole process; the calling thread takes its parts too.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter, sleep
from typing import Any

PARTS = 4  # a thread
AWAKE_S = 2e-4  # that the caller stays awake for the others' last parts: waking up takes half as long


class Threads:
    """`count` threads that share ranges; `count` 1 runs everything in the caller."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError(f"threads is {count}: at least 1")
        self.count = count
        self._pool = ThreadPoolExecutor(count - 1, "teem") if count > 1 else None

    def share(self, kernel: Callable[..., Any], total: int, *args: Any, at_least: int = 32) -> None:
        """Call `kernel(start, stop, *args)` over parts of range(total), none smaller than `at_least` but the last.

        There are a few parts a thread, and each thread takes the next when it is done: one that was held up by
        another process then holds up nobody.
        """
        part = max(at_least, -(-total // (PARTS * self.count)))
        if self._pool is None or total <= part:
            kernel(0, total, *args)
            return
        starts = iter(range(0, total, part))  # shared: taking the next is one step under the GIL

        def take() -> None:
            for start in starts:
                kernel(start, min(start + part, total), *args)

        others = [self._pool.submit(take) for _ in range(1, self.count)]
        take()
        for other in others:
            if not other.cancel():  # one that has not begun has nothing left to take
                _wait(other)

    def close(self) -> None:
        """End the pool's threads."""
        if self._pool is not None:
            self._pool.shutdown()


def _wait(other: Future[None]) -> None:
    """Return, or raise, when the other thread has done its parts."""
    until = perf_counter() + AWAKE_S
    while not other.done() and perf_counter() < until:
        sleep(0)
    other.result()
