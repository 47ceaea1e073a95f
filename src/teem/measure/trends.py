"""Trends that hold against outliers, noise that is not independent, and levels that jump.

A curve is cut where it changes (piecewise lines, ruptures), its last piece is put into blocks so that neighbours are no
longer alike, and the slope through the blocks is Theil and Sen's with its interval (SciPy). It is a trend only if the
piece rises all along: a curve that levels off, or that jumped once, is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# SciPy and ruptures take a second to import and are needed late, if at all: each function imports what it uses.

Floats = NDArray[np.float64]

LEAST = 20  # points that a trend needs
BLOCKS = 20  # means that the slope is drawn through
CONFIDENCE = 0.99
_PIECE = 8  # points that a piece has at least
_EVEN = 3.0  # times that one third of a trend may rise as much as another
_PENALTY = 30.0  # of a change, times the noise's variance: neighbours are alike, so a few are not news


@dataclass(frozen=True, slots=True)
class Trend:
    """A line through the last piece of a curve; slopes are a unit of its clock."""

    slope: float
    low: float  # of the slope, 99%
    high: float
    begin: float  # on the clock
    end: float
    level: float  # the line at the end
    rises: bool  # beyond doubt, and all along

    @property
    def growth(self) -> float:
        """By how much the line rises in all."""
        return self.slope * (self.end - self.begin)

    @property
    def share(self) -> float:
        """The growth as a share of what it began with; infinite from nothing."""
        first = self.level - self.growth
        return self.growth / first if first > 0 else float("inf") if self.growth > 0 else 0.0

    def until(self, limit: float) -> tuple[float, float, float]:
        """How far ahead on the clock the line comes to a limit: likely, at the earliest, at the latest; inf: never."""
        room = limit - self.level
        likely, early, late = (
            0.0 if room <= 0 else room / slope if slope > 0 else float("inf")
            for slope in (self.slope, self.high, self.low)
        )
        return likely, early, late


def has_risen(values: Floats, least: float) -> bool:
    """Whether a curve may have risen by as much, at a glance: enough to look closely only at what may have."""
    third = len(values) // 3
    return len(values) >= LEAST and bool(np.median(values[-third:]) - np.median(values[:third]) >= least / 4)


def trend_of(clock: Floats, values: Floats) -> Trend | None:
    """The trend since the last change; None where there are too few points to tell.

    Where too few came after it, but they rise as those before did, it was a jump, and is taken out.
    """
    if len(values) < LEAST:
        return None
    *_, before, first = [0, 0, *changes_of(clock, values)]
    if len(values) - first >= LEAST:
        return line_through(clock[first:], values[first:])
    if first - before < LEAST:
        return None
    whole = _without_jump(clock[before:], values[before:], first - before)
    return None if whole is None else line_through(clock[before:], whole)


def _without_jump(clock: Floats, values: Floats, at: int) -> Floats | None:
    """A curve of which what comes before a point is lifted to where it goes on from there.

    None where what follows doesn't rise as what comes before did, as far as so few points tell.
    """
    from scipy import stats

    slope, level, *_ = stats.theilslopes(values[:at], clock[:at])
    _, _, low, high = stats.theilslopes(values[at:], clock[at:], CONFIDENCE)
    if slope <= 0 or low >= slope * _EVEN or high <= slope / _EVEN:
        return None
    jump = np.median(values[at:] - level - slope * clock[at:])
    return np.concatenate([values[:at] + jump, values[at:]])


def line_through(clock: Floats, values: Floats) -> Trend | None:
    """The trend of one piece, which is taken as it is; None where it has too few points."""
    if len(values) < LEAST:
        return None
    from scipy import stats

    x, y = blocks(clock, values)
    slope, _, low, high = (float(number) for number in stats.theilslopes(y, x, CONFIDENCE))
    level = float(np.median(y - slope * x)) + slope * float(clock[-1])
    return Trend(slope, low, high, float(clock[0]), float(clock[-1]), level, low > 0 and _is_even(x, y))


def blocks(clock: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Means of the clock and medians of the values over stretches of as many points each."""
    pairs = list(pairwise(np.linspace(0, len(values), min(BLOCKS, len(values)) + 1).astype(int)))
    return (
        np.array([clock[start:stop].mean() for start, stop in pairs]),
        np.array([np.median(values[start:stop]) for start, stop in pairs]),
    )


def _is_even(x: Floats, y: Floats) -> bool:
    """Whether each half rises, and neither much more than the other."""
    from scipy import stats

    half = len(y) // 2
    slopes = [float(stats.theilslopes(y[part], x[part])[0]) for part in (slice(None, half), slice(half, None))]
    return min(slopes) > 0 and max(slopes) < _EVEN * min(slopes)


def changes_of(clock: Floats, values: Floats) -> list[int]:
    """The points at which the curve's pieces after the first begin."""
    from ruptures import Binseg
    from scipy.signal import medfilt

    smooth = medfilt(values, 5)
    smooth[[0, -1]] = np.median(values[:5]), np.median(values[-5:])
    noise = noise_of(values)
    span = float(clock[-1] - clock[0])
    if span <= 0 or noise == 0:
        return []
    signal = np.column_stack([smooth / noise, (clock - clock[0]) / span, np.ones(len(values))])
    search = Binseg(model="linear", min_size=_PIECE, jump=2).fit(signal)
    return [int(change) for change in search.predict(pen=_PENALTY * np.log(len(values)))[:-1]]


def noise_of(values: Floats) -> float:
    """The deviation of what is no trend, by the second differences, of which a line has none.

    It is at least a fiftieth of the range, so that a staircase of small steps is taken for the line that it is.
    """
    from scipy import stats

    found = float(stats.median_abs_deviation(np.diff(values, 2), scale="normal")) / 6**0.5
    return max(found, (float(values.max()) - float(values.min())) / 50)
