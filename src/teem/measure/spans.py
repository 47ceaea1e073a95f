"""Named spans: how long each part of a step takes, in fixed memory."""

from __future__ import annotations

from array import array
from pathlib import Path
from time import perf_counter_ns
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from teem.measure.trace import FILE, Trace

QUANTILES = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99}


class Spans:
    """The last `window` durations of each name, and totals since the start.

    A span entered several times between two `close_step` calls counts as one duration, their sum. Names are
    nested by dots: `world.move` is a part of `world`. There are at most `most` names. A `trace` is told of every
    single span, with its beginning.
    """

    open: str = ""  # the innermost span that is being timed; "": none

    def __init__(self, window: int = 2048, most: int = 256, trace: Trace | None = None) -> None:
        self.trace = trace
        self.window, self.most = window, most
        self.names: dict[str, int] = {}
        self.steps = 0
        self._totals = array("q", bytes(8 * most))  # nanoseconds; only ever added to
        self._told = np.frombuffer(self._totals, np.int64)
        self._ring = np.zeros((window + 1, 0), np.int64)  # [steps, names] the totals after each of the last steps
        self._blocks: dict[str, _Block] = {}

    def __call__(self, name: str) -> _Block:
        """Time a block under `name`, which is not within another of the same name, in one thread."""
        block = self._blocks.get(name)
        if block is None:
            block = self._blocks[name] = _Block(self, name, self._row(name))
        return block

    def add(self, name: str, nanoseconds: int, begun: int | None = None) -> None:
        """Count a duration that was measured elsewhere; it began at `begun` by `perf_counter_ns`, or is just over."""
        row = self._row(name)
        self._totals[row] += nanoseconds
        if self.trace is not None:
            self.trace.note(row, perf_counter_ns() - nanoseconds if begun is None else begun, nanoseconds)

    def close_step(self) -> None:
        """File this step's durations; names that did not occur count as 0."""
        self.steps += 1
        self._ring[self.steps % (self.window + 1)] = self._told[: len(self.names)]

    def leave_trace(self, folder: Path) -> None:
        """Write what the trace holds into a folder; nothing if there is none."""
        if self.trace is not None:
            self.trace.write(folder / FILE, self.names)

    def forget(self) -> None:
        """Let what was measured so far count no more; names stay."""
        self.steps = 0
        self._ring[:] = 0
        self._told[:] = 0

    def recent_ms(self, name: str) -> NDArray[np.float64]:
        """The durations in the window, in milliseconds, oldest to newest."""
        row = self.names[name]
        return self._durations_ms()[:, row]

    def last_ms(self, name: str) -> float:
        """What the last step took for it, in milliseconds; 0 where it has never occurred."""
        row = self.names.get(name)
        if row is None or not self.steps:
            return 0.0
        ring, steps = self._ring, self.steps
        return float(ring[steps % len(ring), row] - ring[(steps - 1) % len(ring), row]) / 1e6

    def total_s(self, name: str) -> float:
        """Seconds since the start."""
        return self._totals[self.names[name]] / 1e9

    def totals(self) -> dict[str, int]:
        """Nanoseconds of each name since the start."""
        return {name: self._totals[row] for name, row in self.names.items()}

    def percentiles(self, name: str) -> dict[str, float]:
        """p50, p95 and p99 in milliseconds over the window; NaN before the first step."""
        return _percentiles(self.recent_ms(name)[:, None])[0]

    def summary(self) -> dict[str, dict[str, float]]:
        """The percentiles of each name, and `total_s`; for less than asking for each."""
        names, told = tuple(self.names), _percentiles(self._durations_ms())
        return {name: {**each, "total_s": self.total_s(name)} for name, each in zip(names, told, strict=False)}

    def _durations_ms(self) -> NDArray[np.float64]:
        """What each step in the window took `[steps, names]`, oldest to newest."""
        ring, steps = self._ring, self.steps
        count = min(steps, self.window)
        after = np.arange(steps - count, steps + 1) % len(ring)
        return np.diff(ring[after], axis=0) / 1e6

    def _row(self, name: str) -> int:
        row = self.names.get(name)
        if row is not None:
            return row
        if len(self.names) == self.most:
            raise ValueError(f"{name} is one span more than {self.most}: name what is done, not each time it is")
        self._ring = np.hstack([self._ring, np.zeros((self.window + 1, 1), np.int64)])
        self.names[name] = len(self.names)
        return self.names[name]


def _percentiles(durations: NDArray[np.float64]) -> list[dict[str, float]]:
    """p50, p95 and p99 of each column."""
    if not len(durations):
        return [dict.fromkeys(QUANTILES, float("nan"))] * durations.shape[1]
    found = np.percentile(durations, list(QUANTILES.values()), axis=0)
    return [dict(zip(QUANTILES, map(float, column), strict=True)) for column in found.T]


class _Block:
    """A block that is timed each time it is entered; a generator would take four times as long to enter and leave."""

    __slots__ = ("_begun", "_name", "_outer", "_row", "_spans", "_totals")

    def __init__(self, spans: Spans, name: str, row: int) -> None:
        self._spans, self._totals, self._name, self._row = spans, spans._totals, name, row

    def __enter__(self) -> None:
        spans = self._spans
        self._outer, spans.open = spans.open, self._name
        self._begun = perf_counter_ns()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        begun = self._begun
        nanoseconds = perf_counter_ns() - begun
        spans = self._spans
        spans.open = self._outer
        self._totals[self._row] += nanoseconds
        if spans.trace is not None:
            spans.trace.note(self._row, begun, nanoseconds)
