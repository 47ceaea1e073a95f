"""Named spans: how long each part of a step takes, in fixed memory."""

from __future__ import annotations

from time import perf_counter_ns
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from teem.measure.trace import Trace


class Spans:
    """The last `window` durations of each name, and totals since the start.

    A span entered several times between two `close_step` calls counts as one duration, their sum. Names are
    nested by dots: `world.move` is a part of `world`. There are at most `most` names. A `trace` is told of every
    single span, with its beginning.
    """

    trace: Trace | None = None
    open: str = ""  # the innermost span that is being timed; "": none

    def __init__(self, window: int = 2048, most: int = 256) -> None:
        self.window, self.most = window, most
        self.names: dict[str, int] = {}
        self.steps = 0
        self._recent = np.zeros((0, window), np.int64)  # [names, window] nanoseconds
        self._now: list[int] = []
        self._totals: list[int] = []

    def __call__(self, name: str) -> _Block:
        """Time a block under `name`."""
        return _Block(self, name)

    def add(self, name: str, nanoseconds: int, begun: int | None = None) -> None:
        """Count a duration that was measured elsewhere; it began at `begun` by `perf_counter_ns`, or is just over."""
        row = self.names.get(name)
        if row is None:
            if len(self.names) == self.most:
                raise ValueError(f"{name} is one span more than {self.most}: name what is done, not each time it is")
            row = self.names[name] = len(self.names)
            self._recent = np.vstack([self._recent, np.zeros((1, self.window), np.int64)])
            self._now.append(0)
            self._totals.append(0)
        self._now[row] += nanoseconds
        if self.trace is not None:
            self.trace.note(row, perf_counter_ns() - nanoseconds if begun is None else begun, nanoseconds)

    def close_step(self) -> None:
        """File this step's durations; names that did not occur count as 0."""
        column = self.steps % self.window
        self._recent[:, column] = self._now
        for row, nanoseconds in enumerate(self._now):
            self._totals[row] += nanoseconds
            self._now[row] = 0
        self.steps += 1

    def forget(self) -> None:
        """Let what was measured so far count no more; names stay."""
        self.steps = 0
        self._recent[:] = 0
        self._now = [0] * len(self._now)
        self._totals = [0] * len(self._totals)

    def recent_ms(self, name: str) -> NDArray[np.float64]:
        """The durations in the window, in milliseconds, oldest to newest not guaranteed."""
        return self._recent[self.names[name], : min(self.steps, self.window)] / 1e6

    def last_ms(self, name: str) -> float:
        """What the last step took for it, in milliseconds; 0 where it has never occurred."""
        row = self.names.get(name)
        return 0.0 if row is None else float(self._recent[row, (self.steps - 1) % self.window]) / 1e6

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


class _Block:
    """A block that is being timed; a generator would take twice as long to enter and leave."""

    __slots__ = ("_begun", "_name", "_outer", "_spans")

    def __init__(self, spans: Spans, name: str) -> None:
        self._spans = spans
        self._name = name

    def __enter__(self) -> None:
        self._outer, self._spans.open = self._spans.open, self._name
        self._begun = perf_counter_ns()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        begun = self._begun
        self._spans.open = self._outer
        self._spans.add(self._name, perf_counter_ns() - begun, begun)
