"""The spatial hash: any number of cells in a table the size of the population; for planes mostly empty.

Points of one bucket hang in a chain (open hashing), so a point that moves is unlinked and linked again in
constant time, which pays until about half of all points change cell. Memory follows the capacity, where a
grid's follows the plane.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.space.cells import around, cell_of, columns_for, span
from teem.space.chains import collect_chain, link, unlink
from teem.space.distance import distance2
from teem.space.points import Floats, Ints, Points
from teem.space.queries import Queries
from teem.space.ranges import keep_all, write_in_order, write_nearest
from teem.threads import Threads

RELINKED = 0.45  # share of points that change cell above which linking all anew is faster
MOST_CELLS = 2**40  # cell numbers stay exact, and a coordinate's float32 tells no more columns apart


@njit(nogil=True, cache=True, inline="always")
def _bucket(cell, buckets):  # type: ignore[no-untyped-def]
    """The bucket of a cell; `buckets` is a power of two (Fibonacci hashing, Knuth 1973, 6.4)."""
    mixed = np.uint64(cell) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((mixed >> np.uint64(32)) & np.uint64(buckets - 1))


@njit(nogil=True, cache=True)
def _fill(px, py, plane, table):  # type: ignore[no-untyped-def]
    """Link every point anew."""
    _, _, columns, inverse = plane
    head, after, before, home = table
    head[:] = -1
    for i in range(px.shape[0]):
        home[i] = cell_of(py[i], columns, inverse) * columns + cell_of(px[i], columns, inverse)
        link(i, _bucket(home[i], head.shape[0]), head, after, before)


@njit(nogil=True, cache=True)
def _relink(moved, place, px, py, plane, table):  # type: ignore[no-untyped-def]
    """Take the moved points that changed cell over to their new chain; anew when RELINKED of all did."""
    _, _, columns, inverse = plane
    head, after, before, home = table
    changed = 0
    for slot in moved:
        i = place[slot]
        cell = cell_of(py[i], columns, inverse) * columns + cell_of(px[i], columns, inverse)
        changed += int(cell != home[i])
    if changed > RELINKED * px.shape[0]:
        _fill(px, py, plane, table)
        return
    for slot in moved:
        i = place[slot]
        cell = cell_of(py[i], columns, inverse) * columns + cell_of(px[i], columns, inverse)
        if cell != home[i]:
            unlink(i, _bucket(home[i], head.shape[0]), head, after, before)
            link(i, _bucket(cell, head.shape[0]), head, after, before)
            home[i] = cell


@njit(nogil=True, cache=True)
def _gather(x, y, radius, px, py, plane, table, found):  # type: ignore[no-untyped-def]
    """Write the places within the radius into `found`, in any order; return how many."""
    _, period, columns, _ = plane
    head, after, _, home = table
    first_row, rows = span(y, radius, plane)
    first, width = span(x, radius, plane)
    radius2 = radius * radius
    count = 0
    if rows * width > px.shape[0]:  # fewer points than cells to look into
        for i in range(px.shape[0]):
            if distance2(x, y, px[i], py[i], period) <= radius2:
                found[count] = i
                count += 1
        return count
    for r in range(rows):
        row = around(first_row + r, columns) * columns
        for c in range(width):
            cell = row + around(first + c, columns)
            chain = head[_bucket(cell, head.shape[0])]
            count = collect_chain(chain, cell, x, y, px, py, home, after, period, radius2, found, count)
    return count


@njit(nogil=True, cache=True)
def _count(begin, end, qx, qy, radius, px, py, plane, table, out):  # type: ignore[no-untyped-def]
    found = np.empty(px.shape[0], np.int32)
    for i in range(begin, end):
        out[i] = _gather(qx[i], qy[i], radius, px, py, plane, table, found)


@njit(nogil=True, cache=True)
def _write(begin, end, qx, qy, radius, px, py, plane, table, living, lists, out):  # type: ignore[no-untyped-def]
    found = np.empty(px.shape[0], np.int32)
    for i in range(begin, end):
        count = _gather(qx[i], qy[i], radius, px, py, plane, table, found)
        write_in_order(found, count, living, out[lists[i] : lists[i + 1]])


@njit(nogil=True, cache=True)
def _search(begin, end, qx, qy, radius, guess, exclude, px, py, plane, table, living, slot, distance):  # type: ignore[no-untyped-def]
    """Look wider and wider around each query, until k points are found or nobody is left."""
    best = np.empty(slot.shape[1], np.int32)
    squares = np.empty(slot.shape[1], np.float32)
    found = np.empty(px.shape[0], np.int32)
    for i in range(begin, end):
        within = min(guess, radius)
        while True:
            seen = _gather(qx[i], qy[i], within, px, py, plane, table, found)
            count = keep_all(found, seen, qx[i], qy[i], px, py, plane[1], living, exclude[i], best, squares)
            if count == best.shape[0] or seen == living.shape[0] or within >= radius:
                break
            within = min(within * np.float32(2), radius)
        write_nearest(best, squares, count, living, slot[i], distance[i])


class Hash(Queries):
    """A hash table of square cells; see `SpatialIndex` for its answers."""

    count, write, search = _count, _write, _search

    def __init__(self, size: float, torus: bool, capacity: int, cell: float, threads: Threads) -> None:
        super().__init__(Points(size, torus, capacity), threads)
        self.columns = columns_for(size, cell, MOST_CELLS)
        self.cell = float(size) / self.columns
        self._plane = (
            self.points.size,
            self.points.period,
            self.columns,
            np.float32(self.columns / float(size)),
        )
        self._head = np.full(1 << int(2 * capacity - 1).bit_length(), -1, np.int32)
        self._links = np.full((2, capacity), -1, np.int32)
        self._home = np.full(capacity, -1, np.int64)  # cell of each place

    @property
    def _table(self) -> tuple[Ints, Ints, Ints, NDArray[np.int64]]:
        return self._head, self._links[0], self._links[1], self._home

    @property
    def held(self) -> tuple[Any, ...]:
        """Positions, plane and table."""
        return self.points.px, self.points.py, self._plane, self._table

    def rebuild(self, x: Floats, y: Floats, living: Ints) -> None:
        """Hold the positions of the living, in their order."""
        self.points.take(x, y, living)
        _fill(*self.held)

    def moved(self, slots: Ints) -> None:
        """Take over the new positions of these slots, in constant time each while few change cell."""
        self.points.follow(slots)
        _relink(slots, self.points.place, *self.held)
