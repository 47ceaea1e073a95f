"""What other kernels rely on when they walk the grid's cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.testing import assert_array_equal

from teem.space.brute import BruteForce
from teem.space.cells import around, cell_of, columns_for, parts, span, stretch
from teem.space.distance import distance2, distance2_plain, gap, onto_plane
from teem.space.grid import CARRIED, Grid
from teem.space.points import Floats
from teem.threads import Threads


@njit
def walk(x, y, radius, plane, cells, out):  # type: ignore[no-untyped-def]
    """The walk that `teem.space.cells` documents."""
    period, columns = plane[1], plane[2]
    cell_start, cell_x, cell_y, _, cell_slot = cells
    first_row, rows = span(y, radius, plane)
    first, width = span(x, radius, plane)
    count = 0
    for r in range(rows):
        row = around(first_row + r, columns)
        for part in range(parts(first, width, columns)):
            begin, end = stretch(row, first, width, part, columns, cell_start)
            for e in range(begin, end):
                if distance2(x, y, cell_x[e], cell_y[e], period) <= radius * radius:
                    out[count] = cell_slot[e]
                    count += 1
    return count


def a_grid(seed: int, torus: bool, cell: float) -> tuple[Grid, BruteForce, Floats, Floats]:
    random, count = np.random.default_rng(seed), 60
    x, y = np.minimum((random.random((2, count)) * 20).astype(np.float32), 20)
    living = random.permutation(count)[: count - 5].astype(np.int32)
    grid, twin = Grid(20.0, torus, count, cell, Threads(1)), BruteForce(20.0, torus, count)
    grid.rebuild(x, y, living)
    twin.rebuild(x, y, living)
    return grid, twin, x, y


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    torus=st.booleans(),
    cell=st.sampled_from([0.7, 2.0, 7.0, 20.0]),
    radius=st.sampled_from([0.0, 0.5, 2.0, 9.9, 10.0, 30.0]),
)
def test_the_documented_walk_visits_each_neighbour_once(seed: int, torus: bool, cell: float, radius: float) -> None:
    grid, twin, _, _ = a_grid(seed, torus, cell)
    queries = (np.random.default_rng(seed + 1).random((2, 10)) * 20).astype(np.float32)
    expected = twin.within(queries[0], queries[1], radius)
    found = np.empty(60, np.int32)
    for i in range(10):
        count = walk(queries[0, i], queries[1, i], np.float32(radius), grid.plane, grid.cells, found)
        assert_array_equal(np.sort(found[:count]), np.sort(expected.of(i)))


def assert_sorted_into_cells(grid: Grid) -> None:
    """Each entry lies in its cell, in the order of the living, and carries its point."""
    points = grid.points
    assert grid.cell_start[0] == 0
    assert grid.cell_start[-1] == len(points)
    assert_array_equal(np.sort(grid.cell_place), np.arange(len(points)))
    assert_array_equal(grid.cell_slot, points.living[grid.cell_place])
    assert_array_equal(grid.cell_x, points.px[grid.cell_place])
    assert_array_equal(grid.cell_y, points.py[grid.cell_place])
    columns = np.minimum((grid.cell_x * grid.inverse).astype(int), grid.columns - 1)
    rows = np.minimum((grid.cell_y * grid.inverse).astype(int), grid.columns - 1)
    cell = rows * grid.columns + columns
    assert_array_equal(np.repeat(np.arange(grid.columns**2), np.diff(grid.cell_start)), cell)
    same = np.diff(cell) == 0
    assert (np.diff(grid.cell_place)[same] > 0).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), cell=st.sampled_from([0.7, 2.0, 7.0]))
def test_cells_hold_their_points_in_the_order_of_the_living(seed: int, cell: float) -> None:
    assert_sorted_into_cells(a_grid(seed, True, cell)[0])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), cell=st.sampled_from([0.7, 2.0, 7.0]), moves=st.integers(1, CARRIED))
def test_shifted_entries_equal_a_rebuild(seed: int, cell: float, moves: int) -> None:
    assert moves <= CARRIED
    grid, _, x, y = a_grid(seed, True, cell)
    random = np.random.default_rng(seed)
    slots = random.choice(grid.points.living, moves, replace=False)
    x[slots], y[slots] = random.random((2, moves)).astype(np.float32) * 20
    grid.moved(slots)
    assert_sorted_into_cells(grid)
    shifted = [array.copy() for array in grid.cells]
    grid.rebuild(x, y, grid.points.living.copy())
    for ours, rebuilt in zip(shifted, grid.cells, strict=True):
        assert_array_equal(ours, rebuilt)


def test_the_check_of_cells_finds_an_entry_in_the_wrong_cell() -> None:
    grid = a_grid(0, True, 2.0)[0]
    grid.cell_x[0] = 19.0
    with pytest.raises(AssertionError):
        assert_sorted_into_cells(grid)


def test_a_cell_is_never_smaller_than_asked_nor_are_there_more_than_allowed() -> None:
    assert columns_for(100.0, 7.0, 10**6) == 14
    assert columns_for(100.0, 500.0, 10**6) == 1
    assert columns_for(100.0, 0.001, 400) == 20


def test_coordinates_off_the_plane_belong_to_the_edge() -> None:
    inverse = np.float32(1)
    cells = [cell_of(np.float32(p), 10, inverse) for p in (-5, 0, 9.99, 10, 1e30, np.nan)]
    assert cells == [0, 0, 9, 9, 9, 0]


@settings(max_examples=50, deadline=None)
@given(
    q=st.floats(0, 100, width=32, exclude_max=True),
    p=st.floats(0, 100, width=32),
    torus=st.booleans(),
)
def test_distances_equal_their_plain_twin(q: float, p: float, torus: bool) -> None:
    period = np.float32(100 if torus else np.inf)
    a, b = np.array([q], np.float32), np.array([p], np.float32)
    assert distance2(a[0], b[0], b[0], a[0], period) == distance2_plain(a, b, b, a, period)[0, 0]
    if torus:
        assert abs(gap(a[0], b[0], period)) <= 50


@settings(max_examples=50, deadline=None)
@given(q=st.floats(-1e6, 1e6, width=32), size=st.sampled_from([1.0, 100.3]))
def test_a_query_wrapped_onto_the_torus_lies_on_it(q: float, size: float) -> None:
    wrapped = onto_plane(np.array([q], np.float32), np.float32(size))
    assert 0 <= wrapped[0] < np.float32(size)
    if 0 <= q < np.float32(size):
        assert wrapped[0] == q
