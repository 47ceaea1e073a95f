"""What repeats say: medians and ratios with bootstrap intervals, and exponents fitted to a sweep."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
DRAWS = 2000
QUARTILE = 0.25

Table = NDArray[np.float64]  # [repeats, 1 + kinds]: a launch's costs, each beside its calibrations


class Interval(Struct, frozen=True):
    """A value, and the bounds within which it lies with 95% confidence; None where too few repeats were made."""

    value: float
    low: float | None = None
    high: float | None = None


def median(samples: ArrayLike, seed: int = 0) -> Interval:
    """The median of samples, with a percentile bootstrap interval (Efron 1979)."""
    given = np.asarray(samples, np.float64)
    return _interval(float(np.median(given)), _medians(given, np.random.default_rng(seed)) if len(given) > 2 else None)


def ratio(numerators: ArrayLike, denominators: ArrayLike, seed: int = 0) -> Interval:
    """The median of paired ratios: what was measured in one round was measured on the same machine."""
    return median(np.divide(numerators, denominators), seed)


def paired_change(before: Sequence[ArrayLike], after: Sequence[ArrayLike], seed: int = 0) -> Interval:
    """How many times `before` the cost `after` is, where both were measured in the same rounds; a row for every launch.

    It is the median over the launches of their rounds' median ratio; launches are drawn first, then rounds in them.
    """
    ratios = [np.divide(new, old) for old, new in zip(before, after, strict=True)]
    value = float(np.median([np.median(one) for one in ratios]))
    if min(map(len, ratios)) < 3:
        return Interval(value)
    rng = np.random.default_rng(seed)
    return _interval(value, _over_launches(np.array([_medians(one, rng) for one in ratios]), rng))


def _medians(samples: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Medians of samples drawn again and again, with replacement."""
    drawn = rng.integers(0, len(samples), (DRAWS, len(samples)))
    return np.asarray(np.median(samples[drawn], axis=1))


def _interval(value: float, draws: NDArray[np.float64] | None) -> Interval:
    if draws is None:
        return Interval(value)
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(value, float(low), float(high))


def change(before: Sequence[Table], after: Sequence[Table], seed: int = 0) -> Interval:
    """How many times `before` the cost `after` is, relative to calibrations; a table for every launch.

    A launch has luck of its own: where its memory happens to lie changes its speed by some percent for as long as it
    lasts, and no repeat within it tells. So what is drawn is launches first, then repeats in them; and where one side
    was launched fewer times than three, the luck that the other side's launches had is drawn for it too.
    """
    rng = np.random.default_rng(seed)
    old, new = _launches(before, rng), _launches(after, rng)
    value = _centre(after) / _centre(before)
    if len(before) < 3 <= len(after):
        old = old * np.median(rng.choice(_luck(after), (DRAWS, len(before))), axis=1)
    if len(after) < 3 <= len(before):
        new = new * np.median(rng.choice(_luck(before), (DRAWS, len(after))), axis=1)
    return _interval(value, new / old)


def relative(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """`[...]` costs in calibration calls, of `[..., repeats, 1 + kinds]`: the cost, then a calibration of each kind.

    It is the lower quartile of the costs over the geometric mean of the calibrations' lower quartiles: what was held
    up by another process lies in the upper half of either.
    """
    quartiles = np.quantile(table, QUARTILE, axis=-2)
    return np.asarray(quartiles[..., 0] / np.exp(np.log(quartiles[..., 1:]).mean(axis=-1)))


def _centre(launches: Sequence[Table]) -> float:
    return float(np.median([relative(one) for one in launches]))


def _luck(launches: Sequence[Table]) -> NDArray[np.float64]:
    """Each launch's cost over the median of all."""
    return np.array([relative(one) for one in launches]) / _centre(launches)


def _launches(launches: Sequence[Table], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draws of the median over launches of their relative costs."""
    return _over_launches(
        np.array([relative(one[rng.integers(0, len(one), (DRAWS, len(one)))]) for one in launches]), rng
    )


def _over_launches(each: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """`[DRAWS]` medians over launches that are drawn, if there are enough, of `[launches, DRAWS]`."""
    if len(each) < 3:
        return np.asarray(np.median(each, axis=0))
    chosen = rng.integers(0, len(each), (DRAWS, len(each)))
    return np.asarray(np.median(each[chosen, np.arange(DRAWS)[:, None]], axis=1))


def exponent(sizes: ArrayLike, costs: ArrayLike) -> Interval:
    """The k of cost = c x size^k: least squares on logarithms, with a t-interval."""
    from scipy import stats  # takes long to import, and workers never ask

    x, y = np.log(np.asarray(sizes, np.float64)), np.log(np.asarray(costs, np.float64))
    fitted = stats.linregress(x, y)
    slope = float(fitted.slope)
    if len(x) < 3:
        return Interval(slope)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(x) - 2)) * float(fitted.stderr)
    return Interval(slope, slope - half, slope + half)


def last_exponent(sizes: ArrayLike, costs: ArrayLike) -> float:
    """The exponent between the two largest sizes, where what is fixed weighs least."""
    order = np.argsort(sizes)[-2:]
    x, y = np.log(np.asarray(sizes, np.float64)[order]), np.log(np.asarray(costs, np.float64)[order])
    return float((y[1] - y[0]) / (x[1] - x[0]))
