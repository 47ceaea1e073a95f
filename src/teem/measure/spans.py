"""Named spans: how long each part of a step takes, in fixed memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray


class Spans:
    """The last `window` durations of each name, and totals since the start.

    A span entered several times between two `close_step` calls counts as one duration, their sum. Names are
    nested by dots: `world.move` is a part of `world`. There are at most `most` names.
    """

    def __init__(self, window: int = 2048, most: int = 256) -> None:
        self.window, self.most = window, most
        self.names: dict[str, int] = {}
        self.steps = 0
        self._recent = np.zeros((0, window), np.int64)  # [names, window] nanoseconds
        self._now: list[int] = []
        self._totals: list[int] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time a block under `name`."""
        begun = perf_counter_ns()
        try:
            yield
        finally:
            self.add(name, perf_counter_ns() - begun)

    def add(self, name: str, nanoseconds: int) -> None:
        """Count a duration that was measured elsewhere."""
        row = self.names.get(name)
        if row is None:
            if len(self.names) == self.most:
                raise ValueError(f"{name} is one span more than {self.most}: name what is done, not each time it is")
            row = self.names[name] = len(self.names)
            self._recent = np.vstack([self._recent, np.zeros((1, self.window), np.int64)])
            self._now.append(0)
            self._totals.append(0)
        self._now[row] += nanoseconds

    def close_step(self) -> None:
        """File this step's durations; names that did not occur count as 0."""
        column = self.steps % self.window
        self._recent[:, column] = self._now
        for row, nanoseconds in enumerate(self._now):
            self._totals[row] += nanoseconds
            self._now[row] = 0
        self.steps += 1

    def recent_ms(self, name: str) -> NDArray[np.float64]:
        """The durations in the window, in milliseconds, oldest to newest not guaranteed."""
        return self._recent[self.names[name], : min(self.steps, self.window)] / 1e6

    def total_s(self, name: str) -> float:
        """Seconds since the start."""
        return self._totals[self.names[name]] / 1e9

    def totals(self) -> dict[str, int]:
        """Nanoseconds of each name since the start."""
        return dict(zip(self.names, self._totals, strict=True))

    def percentiles(self, name: str) -> dict[str, float]:
        """p50, p95 and p99 in milliseconds over the window; NaN before the first step."""
        recent = self.recent_ms(name)
        if not len(recent):
            return {"p50_ms": float("nan"), "p95_ms": float("nan"), "p99_ms": float("nan")}
        p50, p95, p99 = np.percentile(recent, (50, 95, 99))
        return {"p50_ms": float(p50), "p95_ms": float(p95), "p99_ms": float(p99)}
