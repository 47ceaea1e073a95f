"""How numbers went over a whole run, in fixed memory: neighbours are merged whenever the room is full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class History:
    """Up to `series` named curves over one clock, of at most `most` points each.

    A point is the mean of `stride` samples; when there are `most` of them, neighbours are merged and a point is of
    twice as many from then on. A number that isn't there is NaN or None, and NaN where all of a point's samples are.
    """

    def __init__(self, most: int = 128, series: int = 256) -> None:
        if most % 2:
            raise ValueError(f"most is {most}: points are merged in pairs, so give an even number")
        self.most, self.series_most = most, series
        self.refused = 0  # names that found no room
        self.stride = 1
        self._row: dict[str, int] = {}
        self._points = np.full((1 + series, most), np.nan)  # [clock and series, points]
        self._sum = np.zeros(1 + series)
        self._seen = np.zeros(1 + series, np.int64)  # samples in the sum, of each
        self._samples = 0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def names(self) -> tuple[str, ...]:
        """The curves, in the order they were first seen."""
        return tuple(self._row)

    def add(self, clock: float, values: Mapping[str, float | None]) -> None:
        """Take in a sample; `clock` never falls."""
        self._put(0, clock)
        for name, value in values.items():
            row = self._row.get(name)
            if row is None:
                if len(self._row) == self.series_most:
                    self.refused += 1
                    continue
                row = self._row[name] = 1 + len(self._row)
            self._put(row, value)
        self._samples += 1
        if self._samples == self.stride:
            self._close_point()

    def curve(self, name: str) -> tuple[Floats, Floats]:
        """The clock and the numbers `[points]` of a curve, where they are known."""
        row = self._row.get(name)
        if row is None:
            return np.empty(0), np.empty(0)
        clock, values = self._points[0, : self._length], self._points[row, : self._length]
        known = np.isfinite(values)
        return clock[known], values[known]

    @property
    def clock(self) -> Floats:
        """When each point was, on average `[points]`."""
        return self._points[0, : self._length]

    def table(self, names: Sequence[str]) -> Floats:
        """The numbers of several curves, a row each `[names, points]`; NaN where one isn't known."""
        return self._points[[self._row[name] for name in names], : self._length]

    def _put(self, row: int, value: float | None) -> None:
        if value is not None and np.isfinite(value):
            self._sum[row] += value
            self._seen[row] += 1

    def _close_point(self) -> None:
        with np.errstate(invalid="ignore"):
            self._points[:, self._length] = np.where(self._seen, self._sum / np.maximum(self._seen, 1), np.nan)
        self._sum[:], self._seen[:], self._samples = 0.0, 0, 0
        self._length += 1
        if self._length == self.most:
            pairs = self._points.reshape(len(self._points), -1, 2)
            known = np.isfinite(pairs)
            count = known.sum(axis=2)
            merged = np.where(count, np.where(known, pairs, 0.0).sum(axis=2) / np.maximum(count, 1), np.nan)
            self._points[:, : self.most // 2] = merged
            self._points[:, self.most // 2 :] = np.nan
            self._length //= 2
            self.stride *= 2
