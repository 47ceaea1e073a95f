"""Curves are what a plain computation makes of the rows, whatever parts they come in."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from teem.plots.curve import MOST, Curve, Extent, Fold, Grid, across, line, quantile

VALUES = st.one_of(st.none(), st.floats(-1e6, 1e6))
ROWS = st.lists(st.tuples(st.integers(0, 3), VALUES), min_size=1, max_size=20)


def sums(rows: list[tuple[int, float | None]]) -> list[tuple[int, int, float | None, float | None, float | None]]:
    """What SQL makes of rows: place, values known, their sum, least and most."""
    places = defaultdict(list)
    for place, value in rows:
        places[place].append(value)
    found = []
    for place, values in places.items():
        known = [one for one in values if one is not None]
        found.append((place, len(known), *((sum(known), min(known), max(known)) if known else (None,) * 3)))
    return found


@settings(deadline=None)
@given(rows=ROWS, cut=st.integers(0, 20))
def test_a_fold_is_the_mean_least_and_most_of_each_place_whatever_its_parts(
    rows: list[tuple[int, float | None]], cut: int
) -> None:
    fold = Fold()
    for part in (rows[:cut], rows[cut:]):
        fold.add(sums(part))
    curve = fold.curve()
    assert curve.place.tolist() == sorted({place for place, _ in rows})
    for number, place in enumerate(curve.place):
        known = [value for at, value in rows if at == place and value is not None]
        if known:
            assert curve.mean[number] == pytest.approx(sum(known) / len(known), rel=1e-9, abs=1e-6)
            assert (curve.low[number], curve.high[number]) == (min(known), max(known))
        else:
            assert np.isnan([curve.mean[number], curve.low[number], curve.high[number]]).all()


@settings(deadline=None)
@given(
    table=st.integers(2, 6).flatmap(
        lambda n: st.lists(st.lists(st.one_of(st.just(math.nan), st.floats(-1e3, 1e3)), min_size=n, max_size=n),
                           min_size=1, max_size=8)
    )
)  # fmt: skip
def test_means_and_intervals_are_those_of_scipy_column_by_column(table: list[list[float]]) -> None:
    values = np.array(table)
    mean, half = across(values)
    for column in range(values.shape[1]):
        known = values[np.isfinite(values[:, column]), column]
        if len(known) == 0:
            assert np.isnan(mean[column])
        else:
            assert mean[column] == pytest.approx(known.mean(), abs=1e-9)
        if len(known) < 2:
            assert np.isnan(half[column])
        elif known.std() > 1e-6:
            low, high = stats.t.interval(0.95, len(known) - 1, known.mean(), stats.sem(known))
            assert (mean[column] - half[column], mean[column] + half[column]) == pytest.approx((low, high), rel=1e-6)


def test_the_quantile_is_students() -> None:
    assert quantile(5) == pytest.approx(stats.t.ppf(0.975, 4))
    assert math.isnan(quantile(1))


def test_a_grid_is_exact_where_it_can_be_and_never_has_more_places_than_that() -> None:
    exact = Grid.over([Extent(0, 10_000_000, MOST), Extent(50, 60, 3)])
    assert exact == (0, 1)
    coarse = Grid.over([Extent(100, 1_000_099, MOST + 1)])
    assert coarse == (100, 500)
    assert (1_000_099 - 100) // coarse.width < MOST
    assert coarse.steps(np.array([0, 1])).tolist() == [349.5, 849.5]
    assert exact.steps(np.array([0, 7])).tolist() == [0.0, 7.0]


@given(every=st.integers(1, 70), rows=st.integers(MOST + 1, 3 * MOST))
def test_steps_at_even_distances_leave_no_place_between_them_empty(every: int, rows: int) -> None:
    last = every * (rows - 1)
    grid = Grid.over([Extent(0, last, rows)])
    places = np.unique(np.arange(0, last + 1, every) // grid.width)
    assert (np.diff(places) == 1).all()


def test_a_run_that_ended_sooner_is_left_out_where_it_was_no_more() -> None:
    grid = Grid(0, 1)

    def curve(values: list[float]) -> Curve:
        known = np.array(values)
        return Curve(np.arange(len(values)), known, known, known)

    drawn = line(grid, [curve([1.0, 2.0, 3.0]), curve([3.0, 4.0]), curve([5.0, math.nan, 9.0])])
    assert drawn.mean.tolist() == [3.0, 3.0, 6.0]
    half = stats.t.ppf(0.975, 2) * stats.sem([1, 3, 5])
    assert (drawn.low[0], drawn.high[0]) == pytest.approx((3 - half, 3 + half))
