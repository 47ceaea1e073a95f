"""What the runs say: each setting's mean over seeds with its interval, and which settings can be told apart."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from teem.evaluate.statistics import estimate

Test = Literal["t", "wilcoxon", "permutation"]
LEVEL = 0.05  # p below which a difference is called significant
ABOUT: Mapping[Test, str] = {
    "t": "paired t-test over seeds (Student 1908)",
    "wilcoxon": "Wilcoxon's signed-rank test over seeds (1945)",
    "permutation": "permutation test of the paired differences' mean over seeds (Fisher 1935)",
}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A setting's figure over the seeds that have one."""

    name: str
    mean: float | None
    low: float | None  # of the 95% interval; None of fewer than two seeds
    high: float | None
    values: dict[int, float]  # by seed


class Contrast(msgspec.Struct, frozen=True, kw_only=True):
    """Two settings, compared on the seeds that both have."""

    one: int  # their numbers, from 1 on
    other: int
    pairs: int
    difference: float | None  # the mean of one less other
    low: float | None
    high: float | None
    p: float | None  # of the test alone; None where it can't be made
    p_holm: float | None  # of all pairs together (Holm 1979)
    significant: bool


def standing(name: str, values: Mapping[int, float]) -> Standing:
    """The mean of a setting's runs, with its t-interval."""
    mean, low, high = _estimate(list(values.values()))
    return Standing(name=name, mean=mean, low=low, high=high, values=dict(values))


def compare(standings: Sequence[Standing], test: Test) -> list[Contrast]:
    """Every pair of settings, by rising p; p is None where fewer than two seeds are in both."""
    found = []
    for (number, one), (count, other) in combinations(enumerate(standings, 1), 2):
        seeds = [seed for seed in one.values if seed in other.values]
        differences = np.array([one.values[seed] - other.values[seed] for seed in seeds])
        mean, low, high = _estimate(differences)
        p = p_value(differences, test)
        found.append(
            Contrast(
                one=number, other=count, pairs=len(seeds), difference=mean, low=low, high=high, p=p, p_holm=None,
                significant=False,
            )
        )  # fmt: skip
    known = [one for one in found if one.p is not None]
    for contrast, p in zip(known, holm([one.p or 0.0 for one in known]), strict=True):
        place = found.index(contrast)
        found[place] = msgspec.structs.replace(contrast, p_holm=float(p), significant=bool(p < LEVEL))
    return sorted(found, key=lambda one: (one.p is None, one.p))


def p_value(differences: ArrayLike, test: Test) -> float | None:
    """Two-sided p that paired differences are only chance; None of fewer than two."""
    given = np.asarray(differences, np.float64)
    if len(given) < 2:
        return None
    if not given.any():
        return 1.0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # of differences that are all but equal: p is all but 0
        p = float(_TESTS[test](given))
    return p if np.isfinite(p) else None


def _permuted(differences: NDArray[np.float64]) -> float:
    """Exact up to 13 pairs, of which 2^13 signs can be had; beyond that by 9,999 draws from a fixed seed."""
    found = stats.permutation_test(
        (differences,), lambda some, axis: np.mean(some, axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=9999, rng=np.random.default_rng(0),
    )  # fmt: skip
    return float(found.pvalue)


_TESTS: dict[Test, Callable[[NDArray[np.float64]], Any]] = {
    "t": lambda given: stats.ttest_1samp(given, 0.0).pvalue,
    "wilcoxon": lambda given: stats.wilcoxon(given).pvalue,
    "permutation": _permuted,
}


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Each p corrected for how many there are, so that all together are wrong in 5% (Holm 1979)."""
    given = np.asarray(p, np.float64)
    order = np.argsort(given, kind="stable")
    raised = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    corrected = np.empty_like(given)
    corrected[order] = np.minimum(raised, 1.0)
    return corrected


def _estimate(values: ArrayLike) -> tuple[float | None, float | None, float | None]:
    """Mean and bounds of the interval; None where they aren't known."""
    given = np.asarray(values, np.float64)
    if not len(given):
        return None, None, None
    found = estimate(given)
    low, high = (float(bound) if np.isfinite(bound) else None for bound in (found.low, found.high))
    return found.mean, low, high
