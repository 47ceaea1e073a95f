"""The uniform grid: points in cells by a counting sort; the default index.

Other kernels may walk `grid.cells` themselves: `teem.space.cells` says how.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.space.cells import around, cell_of, columns_for, parts, span, stretch
from teem.space.distance import distance2
from teem.space.points import Floats, Ints, Points
from teem.space.queries import Queries
from teem.space.ranges import LANES, collect_range, count_range, keep_best, write_in_order, write_nearest
from teem.threads import Threads

CELLS_A_SLOT = 4  # more cells than this would cost more to clear than they save
FEWEST_CELLS = 4096
CARRIED = 4  # points that may change cell; a rebuild costs about as much as 10, whatever the population


@njit(nogil=True, cache=True)
def _sort_into_cells(px, py, living, plane, home, cells):  # type: ignore[no-untyped-def]
    """A counting sort, stable in place: the order inside a cell is the order of the living."""
    _, _, columns, inverse = plane
    start, ex, ey, eplace, eslot = cells
    start[:] = 0
    n = px.shape[0]
    for i in range(n):
        cell = cell_of(py[i], columns, inverse) * columns + cell_of(px[i], columns, inverse)
        home[i] = cell
        start[cell + 1] += 1
    for cell in range(columns * columns):
        start[cell + 1] += start[cell]
    for i in range(n):  # start[cell] runs ahead to the end of its cell ...
        e = start[home[i]]
        start[home[i]] = e + 1
        ex[e] = px[i]
        ey[e] = py[i]
        eplace[e] = i
        eslot[e] = living[i]
    for cell in range(columns * columns, 0, -1):  # ... and is put back
        start[cell] = start[cell - 1]
    start[0] = 0


@njit(nogil=True, cache=True)
def _carry(moved, place, px, py, plane, home, cells):  # type: ignore[no-untyped-def]
    """Bring the entries of moved points up to date; return False when more than CARRIED changed cell."""
    _, _, columns, inverse = plane
    start, ex, ey, eplace, eslot = cells
    changed = 0
    for j in range(moved.shape[0]):
        i = place[moved[j]]
        old = home[i]
        new = cell_of(py[i], columns, inverse) * columns + cell_of(px[i], columns, inverse)
        e = start[old]
        while eplace[e] != i:
            e += 1
        if new != old:
            changed += 1
            if changed > CARRIED:
                return False
            e = _shift(e, i, old, new, cells)
            home[i] = new
            eplace[e] = i
            eslot[e] = moved[j]
        ex[e] = px[i]
        ey[e] = py[i]
    return True


@njit(**INNER)
def _shift(e, i, old, new, cells):  # type: ignore[no-untyped-def]
    """Open a gap for place i in cell `new` by moving the entries between by one; return where it is."""
    start, ex, ey, eplace, eslot = cells
    step = 1 if new > old else -1
    for cell in range(min(old, new) + 1, max(old, new) + 1):
        start[cell] -= step
    last = start[new + 1] - 1 if step > 0 else start[new]
    while e != last:
        other = e + step
        if start[new] <= e < start[new + 1] and (eplace[other] > i) == (step > 0):
            break
        ex[e] = ex[other]
        ey[e] = ey[other]
        eplace[e] = eplace[other]
        eslot[e] = eslot[other]
        e = other
    return e


@njit(nogil=True, cache=True)
def _count(begin, end, qx, qy, radius, plane, cells, out):  # type: ignore[no-untyped-def]
    """Write how many points lie within the radius of each query."""
    _, period, columns, _ = plane
    start, ex, ey, _, _ = cells
    for i in range(begin, end):
        x, y = qx[i], qy[i]
        first_row, rows = span(y, radius, plane)
        first, width = span(x, radius, plane)
        count = np.int32(0)
        for r in range(rows):
            row = around(first_row + r, columns)
            for part in range(parts(first, width, columns)):
                a, b = stretch(row, first, width, part, columns, start)
                count += count_range(a, b, x, y, ex, ey, period, radius * radius)
        out[i] = count


@njit(nogil=True, cache=True)
def _write(begin, end, qx, qy, radius, plane, cells, living, lists, out):  # type: ignore[no-untyped-def]
    """Write the points within the radius of each query, from `lists[query]` on."""
    _, period, columns, _ = plane
    start, ex, ey, eplace, _ = cells
    found = np.empty(living.shape[0] + 1, np.int32)
    near = np.empty(LANES, np.uint8)
    for i in range(begin, end):
        x, y = qx[i], qy[i]
        first_row, rows = span(y, radius, plane)
        first, width = span(x, radius, plane)
        count = np.int64(0)
        for r in range(rows):
            row = around(first_row + r, columns)
            for part in range(parts(first, width, columns)):
                a, b = stretch(row, first, width, part, columns, start)
                count = collect_range(a, b, x, y, ex, ey, eplace, period, radius * radius, near, found, count)
        write_in_order(found, count, living, out[lists[i] : lists[i + 1]])


@njit(**INNER)
def _best(x, y, within, leave, plane, cells, best, squares):  # type: ignore[no-untyped-def]
    """Keep the best points within a radius of (x, y), slot `leave` aside; return how many, of how many."""
    _, period, columns, _ = plane
    start, ex, ey, eplace, eslot = cells
    first_row, rows = span(y, within, plane)
    first, width = span(x, within, plane)
    count = 0
    seen = 0
    bar = within * within  # comes down to the worst of the best, once there are enough
    for r in range(rows):
        row = around(first_row + r, columns)
        for part in range(parts(first, width, columns)):
            a, b = stretch(row, first, width, part, columns, start)
            for signed in range(a, b):
                e = np.uint64(signed)
                square = distance2(x, y, ex[e], ey[e], period)
                if square <= bar:
                    seen += 1
                    if eslot[e] != leave:
                        count = keep_best(eplace[e], square, best, squares, count)
                        bar = squares[count - 1] if count == best.shape[0] else bar
    return count, seen


@njit(nogil=True, cache=True)
def _search(begin, end, qx, qy, radius, guess, exclude, plane, cells, living, slot, distance):  # type: ignore[no-untyped-def]
    """Look wider and wider around each query, until k points are found or nobody is left."""
    best = np.empty(slot.shape[1], np.int32)
    squares = np.empty(slot.shape[1], np.float32)
    for i in range(begin, end):
        within = min(guess, radius)
        while True:
            count, seen = _best(qx[i], qy[i], within, exclude[i], plane, cells, best, squares)
            if count == best.shape[0] or seen == living.shape[0] or within >= radius:
                break
            within = min(within * np.float32(2), radius)
        write_nearest(best, squares, count, living, slot[i], distance[i])


class Grid(Queries):
    """A uniform grid over [0, size)^2, bounded or a torus; see `SpatialIndex` for its answers.

    It holds nothing that a rebuild does not restore, so it has no state to save.
    """

    cell_start: Ints  # [columns^2 + 1] first entry of each cell, row by row, and the end
    cell_x: Floats  # [n] positions, cell by cell, inside a cell in the order of the living
    cell_y: Floats  # [n]
    cell_place: Ints  # [n] places in `living`
    cell_slot: Ints  # [n] slots

    count, write, search = _count, _write, _search

    def __init__(self, size: float, torus: bool, capacity: int, cell: float, threads: Threads) -> None:
        super().__init__(Points(size, torus, capacity), threads)
        self.size, self.period = self.points.size, self.points.period
        self.columns = columns_for(size, cell, max(FEWEST_CELLS, CELLS_A_SLOT * capacity))
        self.cell = float(size) / self.columns
        self.inverse = np.float32(self.columns / float(size))
        self.cell_start = np.zeros(self.columns**2 + 1, np.int32)
        self._home = np.empty(capacity, np.int32)  # cell of each place
        # LANES to spare: kernels compare whole blocks.
        self._floats = np.zeros((2, capacity + LANES), np.float32)
        self._ints = np.zeros((2, capacity + LANES), np.int32)
        self._hold(0)

    def _hold(self, n: int) -> None:
        self.cell_x, self.cell_y = self._floats[0, :n], self._floats[1, :n]
        self.cell_place, self.cell_slot = self._ints[0, :n], self._ints[1, :n]

    @property
    def held(self) -> tuple[Any, ...]:
        """Plane and cells."""
        return self.plane, self.cells

    @property
    def plane(self) -> tuple[np.float32, np.float32, int, np.float32]:
        """(size, period, columns, inverse of a cell's side), as kernels take it."""
        return self.size, self.period, self.columns, self.inverse

    @property
    def cells(self) -> tuple[Ints, Floats, Floats, Ints, Ints]:
        """(cell_start, cell_x, cell_y, cell_place, cell_slot), until the next `rebuild`."""
        return self.cell_start, self.cell_x, self.cell_y, self.cell_place, self.cell_slot

    def rebuild(self, x: Floats, y: Floats, living: Ints) -> None:
        """Hold the positions of the living, in their order."""
        self.points.take(x, y, living)
        self._hold(len(living))
        self._sort()

    def _sort(self) -> None:
        points = self.points
        _sort_into_cells(points.px, points.py, points.living, self.plane, self._home, self.cells)

    def moved(self, slots: Ints) -> None:
        """Take over the new positions of these slots; entries are shifted while few change cell."""
        points = self.points
        points.follow(slots)
        if not _carry(slots, points.place, points.px, points.py, self.plane, self._home, self.cells):
            self._sort()
