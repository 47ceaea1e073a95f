"""What a few replicates say: means with t-intervals, and whether two of them can be told apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

CONFIDENCE = 0.95
CLUSTERED_FROM = 3  # runs; from here on a run is one replicate, however many worlds it was put into


class Estimate(NamedTuple):
    """A mean with its interval of confidence; one replicate has no interval: its bounds are NaN."""

    mean: float
    low: float
    high: float
    replicates: int


def estimate(values: ArrayLike) -> Estimate:
    """The mean of independent replicates and its 95% interval (Student 1908)."""
    sample = np.asarray(values, np.float64)
    count, mean = len(sample), float(sample.mean())
    if count < 2:
        return Estimate(mean, float("nan"), float("nan"), count)
    error = float(sample.std(ddof=1)) / np.sqrt(count)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, count - 1)) * error
    return Estimate(mean, mean - half, mean + half, count)


def told_apart(one: Estimate, other: Estimate, difference: Estimate) -> int:
    """1 when `one` is the greater, -1 when it is the smaller, 0 when that can't be told.

    Both are asked: the intervals of the two means must lie apart, and that of the paired difference must
    leave out 0.
    """
    if one.low > other.high and difference.low > 0:
        return 1
    if one.high < other.low and difference.high < 0:
        return -1
    return 0


def replicates(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Independent replicates `[n, ...]` from values `[runs, worlds, ...]`.

    Worlds of one run share what it has learnt. From three runs on, each run's mean is one replicate; with
    fewer, a world is one, and what is said holds for these runs only.
    """
    if len(values) >= CLUSTERED_FROM:
        return np.asarray(values.mean(axis=1))
    return np.asarray(values.reshape(-1, *values.shape[2:]))


def as_plain(one: Estimate) -> dict[str, Any]:
    """An estimate as JSON takes it: bounds that aren't known are None."""
    bounds = [bound if np.isfinite(bound) else None for bound in (one.low, one.high)]
    return {"mean": one.mean, "low": bounds[0], "high": bounds[1], "replicates": one.replicates}
