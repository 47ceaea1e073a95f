"""Times of small pieces of work, taken in turn, so that a busy machine disturbs all alike."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from teem.runtime import words

Work = Callable[[], Any]


class Measured(NamedTuple):
    """Percentiles of a piece of work, in milliseconds."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, milliseconds: NDArray[np.float64]) -> Measured:
        """Of several times."""
        return cls(*(float(value) for value in np.percentile(milliseconds, (50, 95, 99))))

    def row(self, scale: float = 1.0) -> tuple[str, str, str]:
        """As texts, each times `scale`."""
        p50, p95, p99 = (words.number(value * scale) for value in self)
        return p50, p95, p99


def in_turn(works: Mapping[str, Work], repeats: int = 15, prepare: Work = lambda: None) -> dict[str, Measured]:
    """Each piece once, then each once more, and so on; the first two rounds, which compile and warm up, don't count."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeats + 2):
        for name, work in works.items():
            prepare()
            begun = perf_counter()
            work()
            if turn >= 2:
                times[name].append((perf_counter() - begun) * 1e3)
    return {name: Measured.of(np.array(each)) for name, each in times.items()}


def one_by_one(work: Callable[[int], Any], count: int) -> Measured:
    """The work for each of range(count), timed one by one."""
    work(0)
    times = np.empty(count)
    for number in range(count):
        begun = perf_counter()
        work(number)
        times[number] = (perf_counter() - begun) * 1e3
    return Measured.of(times)


def allocated(work: Work) -> tuple[int, int]:
    """Bytes that a piece of work takes at its peak, and bytes that it leaves; Python's and NumPy's."""
    work()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = work()
        after, peak = tracemalloc.get_traced_memory()
        del kept
    finally:
        tracemalloc.stop()
    return peak - before, after - before
