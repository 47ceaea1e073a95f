"""Curves in bounded memory: what was recorded, added up in the places of a grid of steps, and means over several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

MOST = 2000  # places a curve has at most; a picture has fewer pixels
CONFIDENCE = 0.95
TOGETHER = 0.75  # of all runs know a number, on average, at the places that a mean is drawn at
ROWS_A_PLACE = 4  # at least, where the rows of several runs lie apart

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Sums = tuple[int, int, float | None, float | None, float | None]
"""Of a place: its number, how many values are known, their sum, the least and the most; None where none is known."""


class Extent(NamedTuple):
    """From which step to which something was recorded, and in how many rows at most."""

    first: int
    last: int
    rows: int


class Grid(NamedTuple):
    """Places of `width` steps each, counted from step `first`; those of one step each keep all values apart."""

    first: int
    width: int

    @classmethod
    def over(cls, extents: Sequence[Extent], most: int = MOST) -> Grid:
        """One grid for several curves: exact where none has more than `most` rows."""
        first, last = min(one.first for one in extents), max(one.last for one in extents)
        exact = max(one.rows for one in extents) <= most
        return cls(first, 1 if exact else -(-(last - first + 1) // most))

    @classmethod
    def shared(cls, extents: Sequence[Extent]) -> Grid:
        """One grid for several curves whose rows lie apart: so coarse that each has some at most places."""
        return cls.over(extents, max(2, min(MOST, min(one.rows for one in extents) // ROWS_A_PLACE)))

    def steps(self, places: Ints) -> Floats:
        """The step in the middle of each place."""
        return np.asarray(self.first + places * self.width + (self.width - 1) / 2, np.float64)


@dataclass(frozen=True, slots=True)
class Curve:
    """What is known of a number at each place that has rows of it: NaN, a gap, where no row of a place knows it.

    A place without rows is no gap, and is not there: between two rows nothing was asked.
    """

    place: Ints  # [n] rising
    mean: Floats  # [n]
    low: Floats  # [n] the least, or the lower bound that was recorded with it
    high: Floats  # [n]


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A curve to be drawn, of one run or as the mean of several."""

    step: Floats  # [n]
    mean: Floats  # [n] NaN: a gap
    low: Floats  # [n] of the band; NaN where there is none
    high: Floats  # [n]


class Fold:
    """Adds up the sums of a curve's places, which come in any order and in any number of parts."""

    def __init__(self) -> None:
        self._sums: dict[int, tuple[int, float, float, float]] = {}

    def add(self, sums: Iterable[Sums]) -> None:
        """Take in sums of some rows."""
        for place, known, total, least, most in sums:
            before = self._sums.get(place, (0, 0.0, np.inf, -np.inf))
            if known and total is not None and least is not None and most is not None:
                before = (before[0] + known, before[1] + total, min(before[2], least), max(before[3], most))
            self._sums[place] = before

    def curve(self) -> Curve:
        """What they came to."""
        places = sorted(self._sums)
        table = np.array([self._sums[place] for place in places], np.float64).reshape(-1, 4)
        table[table[:, 0] == 0] = np.nan
        return Curve(np.array(places, np.int64), table[:, 1] / table[:, 0], table[:, 2], table[:, 3])


def apart(curves: Sequence[Curve]) -> bool:
    """Whether runs seldom have rows at the same places, where all of them go on: a mean there would be of few."""
    if len(curves) < 2:
        return False
    first, last = max(one.place[0] for one in curves), min(one.place[-1] for one in curves)
    within = [one.place[(one.place >= first) & (one.place <= last)] for one in curves]
    return sum(map(len, within)) < TOGETHER * len(curves) * len(np.unique(np.concatenate(within)))


def line(grid: Grid, curves: Sequence[Curve]) -> DrawnLine:
    """One curve as it is with its band from least to most; of several their mean, with its 95% interval.

    A run that doesn't know the number at a place is left out there.
    """
    if len(curves) == 1:
        only = curves[0]
        return DrawnLine(grid.steps(only.place), only.mean, only.low, only.high)
    places = np.unique(np.concatenate([one.place for one in curves]))
    values = np.full((len(curves), len(places)), np.nan)
    for row, one in zip(values, curves, strict=True):
        row[np.searchsorted(places, one.place)] = one.mean
    mean, half = across(values)
    return DrawnLine(grid.steps(places), mean, mean - half, mean + half)


def across(values: Floats) -> tuple[Floats, Floats]:
    """Of values `[runs, n]`: their mean over the runs that know one, and half its 95% interval (Student 1908).

    The mean of none, and the interval of fewer than two, are NaN.
    """
    known = np.isfinite(values)
    runs = known.sum(axis=0)
    some, several = np.where(runs, runs, np.nan), np.where(runs > 1, runs, np.nan)
    mean = np.where(known, values, 0.0).sum(axis=0) / some
    spread = np.where(known, values - mean, 0.0)
    deviation = np.sqrt((spread**2).sum(axis=0) / (several - 1))
    half = np.array([quantile(int(one)) for one in runs]) * deviation / np.sqrt(some)
    return mean, half


@cache
def quantile(replicates: int) -> float:
    """How many standard errors the mean of so many may be off, with 95% confidence; NaN of fewer than two."""
    return float(stdtrit(replicates - 1, 0.5 + CONFIDENCE / 2)) if replicates > 1 else float("nan")
