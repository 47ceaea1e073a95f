"""Shared work: one kernel over a range, cut into contiguous parts, a thread a part.

Kernels release the GIL and treat each index on its own, so the cut never changes a bit. One long-lived pool
serves the whole process; the calling thread takes the first part itself.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Threads:
    """`count` threads that share ranges; `count` 1 runs everything in the caller."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError(f"threads is {count}: at least 1")
        self.count = count
        self._pool = ThreadPoolExecutor(count - 1, "teem") if count > 1 else None

    def share(self, kernel: Callable[..., Any], total: int, *args: Any, at_least: int = 64) -> None:
        """Call `kernel(start, stop, *args)` over parts of range(total), none smaller than `at_least`."""
        parts = max(1, min(self.count, total // at_least))
        if self._pool is None or parts == 1:
            kernel(0, total, *args)
            return
        cuts = [total * part // parts for part in range(parts + 1)]
        others = [self._pool.submit(kernel, cuts[part], cuts[part + 1], *args) for part in range(1, parts)]
        kernel(cuts[0], cuts[1], *args)
        for other in others:
            other.result()

    def close(self) -> None:
        """End the pool's threads."""
        if self._pool is not None:
            self._pool.shutdown()
