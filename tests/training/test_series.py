"""A curve in fixed memory: what it keeps, and that it keeps no more after ten million values."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.training.series import Series


def drawn(length: int, seed: int, unknown: float) -> np.ndarray:
    """So many values, a part of them unknown."""
    random = np.random.default_rng(seed)
    return np.where(random.random(length) < unknown, np.nan, random.normal(0, 1e3, length))


VALUES = st.builds(drawn, st.integers(0, 700), st.integers(0, 99), st.sampled_from([0.0, 0.1, 0.9, 1.0]))


def plain(steps, values, points):
    """Each point's figures from the values themselves."""
    for first, last, count, low, mean, high in zip(*points, strict=True):
        known = values[(steps >= first) & (steps <= last)]
        known = known[~np.isnan(known)]
        assert count == len(known)
        expected = (known.min(), known.mean(), known.max()) if len(known) else (np.nan,) * 3
        np.testing.assert_allclose((low, mean, high), expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=60)
@given(VALUES, st.sampled_from([(4, 4), (8, 4), (8, 16), (16, 8)]), st.integers(1, 90))
def test_points_say_what_the_values_between_their_steps_were(values, sizes, piece):
    steps = 3 * np.arange(len(values))
    series = Series(*sizes)
    for begin in range(0, len(values), piece):
        series.extend(steps[begin : begin + piece], values[begin : begin + piece])
    points = series.points()
    plain(steps, values, points)
    assert points.known.sum() == (~np.isnan(values)).sum() == series.total - series.unknown
    covered = np.concatenate([np.arange(a, b + 1, 3) for a, b in zip(points.first, points.last, strict=True)] or [[]])
    np.testing.assert_array_equal(covered, steps)  # no value is in two points, none is in none
    sizes_of_points = (points.last - points.first) // 3 + 1
    assert np.isin(sizes_of_points, (1, series.stride), invert=True).sum() <= 1  # the one that is not whole
    exact = min(len(values), sizes[0] // 2)
    np.testing.assert_array_equal(series.recent()[1][len(series.recent()[1]) - exact :], values[len(values) - exact :])
    assert len(series) == len(points.first) <= sum(sizes) + 1


@given(VALUES)
def test_one_by_one_and_all_at_once_are_the_same(values):
    one, other = Series(8, 8), Series(8, 8)
    for step, value in enumerate(values):
        one.add(step, value)
    other.extend(np.arange(len(values)), values)
    for mine, theirs in zip(one.points(), other.points(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert one.unknown == other.unknown == int(np.isnan(values).sum())


def test_ten_million_values_take_as_much_memory_as_a_hundred_thousand():
    series, values = Series(), np.random.default_rng(0).normal(size=100_000)
    series.extend(np.arange(100_000), values)
    begun = len(pickle.dumps(series))
    for turn in range(1, 100):
        series.extend(np.arange(100_000) + turn * 100_000, values)
    assert series.total == 10_000_000
    assert abs(len(pickle.dumps(series)) - begun) < 1000  # a point that is not whole may be there or not
    assert len(series) <= 1024 + 512 + 1
    assert abs(float(np.average(series.points().mean, weights=series.points().known)) - values.mean()) < 1e-6


@pytest.mark.parametrize(("recent", "older"), [(100, 512), (2, 512), (1024, 3), (1024, 256)])
def test_sizes_that_can_not_be_merged_are_refused(recent, older):
    with pytest.raises(ValueError, match=r"recent is|older is"):
        Series(recent, older)


def test_steps_and_values_must_be_as_many():
    with pytest.raises(ValueError, match="2 steps for 1 values"):
        Series().extend([1, 2], [1.0])
