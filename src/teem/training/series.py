"""A number over a whole training, in fixed memory: the latest as they were, older ones as minimum, mean, maximum."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]


class Points(NamedTuple):
    """A curve, a row a point: what is known of the values from one step to another. NaN where none is known."""

    first: Steps  # [points] the step of a point's first value
    last: Steps  # [points] and of its last
    known: Steps  # [points] values of it that are known
    minimum: Floats  # [points]
    mean: Floats  # [points]
    maximum: Floats  # [points]

    @classmethod
    def of(cls, steps: Steps, values: Floats) -> Points:
        """A point for each value."""
        return cls(steps, steps, (~np.isnan(values)).astype(np.int64), values, values, values)

    def first_of(self, points: int) -> Points:
        """As many from the first on."""
        columns: Iterable[Any] = (column[:points] for column in self)
        return Points(*columns)

    def merged(self, by: int) -> Points:
        """As many neighbours made one; their number divides that of the points."""
        if by == 1:
            return self
        columns: Iterable[NDArray[Any]] = (column.reshape(-1, by) for column in self)
        first, last, known, minimum, mean, maximum = columns
        values = known.sum(axis=1)
        with warnings.catch_warnings(), np.errstate(invalid="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)  # of points of which nothing is known
            mean = np.where(values, np.nansum(mean * known, axis=1) / np.maximum(values, 1), np.nan)
            return Points(
                first[:, 0], last[:, -1], values, np.fmin.reduce(minimum, 1), mean, np.fmax.reduce(maximum, 1)
            )


class Series:
    """Values with their steps, of which the last `recent / 2` at least are kept exactly.

    Whenever there are `recent` of them, the first half becomes points of `stride` values each; whenever there are
    `older` such points, neighbours are merged and the stride doubles. So memory is the same after any number of
    values, and a value costs the same on average.
    """

    def __init__(self, recent: int = 1024, older: int = 512) -> None:
        for name, size in (("recent", recent), ("older", older)):
            if size < 4 or size & (size - 1):
                raise ValueError(f"{name} is {size}: points are merged in pairs, so give a power of two, 4 at least")
        if recent > 2 * older:
            raise ValueError(f"recent is {recent}, older {older}: half of the recent ones become older points at once")
        self.total = 0  # values so far
        self.unknown = 0  # of them, that were NaN
        self.stride = 1  # values a point
        self._steps, self._values = np.zeros(recent, np.int64), np.zeros(recent)
        self._length = 0
        self._older = _joined([Points.of(np.zeros(older, np.int64), np.zeros(older))])
        self._older_length = 0
        self._begun: Points | None = None  # a point that is not whole yet, where one is of more than half of them
        self._begun_of = 0  # values it is of

    def __len__(self) -> int:
        """Points that are kept."""
        return self._older_length + (self._begun is not None) + self._length

    @property
    def latest(self) -> float:
        """The last value; NaN before the first."""
        return float(self._values[self._length - 1]) if self._length else float("nan")

    def add(self, step: int, value: float) -> None:
        """Take in a value; steps don't fall."""
        self._steps[self._length] = step
        self._values[self._length] = value
        self._length += 1
        self.total += 1
        self.unknown += value != value
        if self._length == len(self._values):
            self._make_room()

    def extend(self, steps: ArrayLike, values: ArrayLike) -> None:
        """Take in several values with their steps `[n]`."""
        some_steps, some = np.asarray(steps, np.int64).ravel(), np.asarray(values, np.float64).ravel()
        if len(some_steps) != len(some):
            raise ValueError(f"{len(some_steps)} steps for {len(some)} values: give as many")
        self.total += len(some)
        self.unknown += int(np.isnan(some).sum())
        done = 0
        while done < len(some):
            fit = min(len(self._values) - self._length, len(some) - done)
            room, taken = slice(self._length, self._length + fit), slice(done, done + fit)
            self._steps[room], self._values[room] = some_steps[taken], some[taken]
            self._length += fit
            done += fit
            if self._length == len(self._values):
                self._make_room()

    def recent(self) -> tuple[Steps, Floats]:
        """Steps and values that are kept as they were, copied."""
        return self._steps[: self._length].copy(), self._values[: self._length].copy()

    def points(self) -> Points:
        """The whole curve, copied."""
        begun = [] if self._begun is None else [self._begun]
        exact = Points.of(self._steps[: self._length], self._values[: self._length])
        return _joined([self._older.first_of(self._older_length), *begun, exact])

    def _make_room(self) -> None:
        """Turn the first half of the exact values into points."""
        half = len(self._values) // 2
        points = Points.of(self._steps[:half].copy(), self._values[:half].copy()).merged(min(self.stride, half))
        self._steps[:half], self._values[:half] = self._steps[half:], self._values[half:]
        self._length = half
        if self.stride > half:  # a point needs the halves of several times
            self._begun = points if self._begun is None else _joined([self._begun, points]).merged(2)
            self._begun_of += half
            if self._begun_of < self.stride:
                return
            points, self._begun, self._begun_of = self._begun, None, 0
        room = slice(self._older_length, self._older_length + len(points.first))
        for column, some in zip(self._older, points, strict=True):
            column[room] = some
        self._older_length = room.stop
        if self._older_length == len(self._older.first):
            self._older_length //= 2
            for column, some in zip(self._older, self._older.merged(2), strict=True):
                column[: self._older_length] = some
            self.stride *= 2


def _joined(parts: list[Points]) -> Points:
    columns: Iterable[Any] = (np.concatenate(several) for several in zip(*parts, strict=True))
    return Points(*columns)
