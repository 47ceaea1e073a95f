"""SciPy's KD-tree, made exact: it finds candidates, the shared arithmetic decides."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from teem.space.distance import SLACK, distance2
from teem.space.points import Floats, Ints, Neighbours, Points
from teem.space.queries import checked_exclude, checked_radius, empty_nearest
from teem.space.ranges import keep_all, write_nearest

SPARE = 4  # candidates asked for beyond k, to settle near ties without asking again


@njit(nogil=True, cache=True)
def _inside(query, place, qx, qy, px, py, period, radius):  # type: ignore[no-untyped-def]
    """Which pairs of query and place lie within the radius."""
    inside = np.empty(query.shape[0], np.bool_)
    for j in range(query.shape[0]):
        i, p = query[j], place[j]
        inside[j] = distance2(qx[i], qy[i], px[p], py[p], period) <= radius * radius
    return inside


@njit(nogil=True, cache=True)
def _choose(rows, candidate, beyond, qx, qy, px, py, period, radius, slack, living, exclude, slot, distance):  # type: ignore[no-untyped-def]
    """Write the best of each row's candidates; return which rows need more of them.

    `beyond` is the distance of a row's last candidate: whoever is no candidate is at least as far.
    """
    unsure = np.zeros(rows.shape[0], np.bool_)
    best = np.empty(slot.shape[1], np.int32)
    squares = np.empty(slot.shape[1], np.float32)
    found = np.empty(candidate.shape[1], np.int32)
    for j in range(rows.shape[0]):
        i = rows[j]
        seen = 0
        for c in candidate[j]:
            if c < px.shape[0] and distance2(qx[i], qy[i], px[c], py[c], period) <= radius * radius:
                found[seen] = c
                seen += 1
        count = keep_all(found, seen, qx[i], qy[i], px, py, period, living, exclude[i], best, squares)
        needed = radius
        if count == best.shape[0]:
            needed = np.sqrt(squares[count - 1])
        unsure[j] = beyond[j] <= needed * (1 + SLACK) + slack
        write_nearest(best, squares, count, living, slot[i], distance[i])
    return unsure


class KDTree:
    """A `scipy.spatial.cKDTree`; see `SpatialIndex` for its answers.

    It has no update in place: whatever moves, the next question builds it anew.
    """

    def __init__(self, size: float, torus: bool, capacity: int) -> None:
        self.points = Points(size, torus, capacity)
        self._tree: cKDTree | None = None  # None: to be built at the next query

    def rebuild(self, x: Floats, y: Floats, living: Ints) -> None:
        """Hold the positions of the living, in their order; the tree is built when it is first asked."""
        self.points.take(x, y, living)
        self._tree = None

    def moved(self, slots: Ints) -> None:
        """Take over the new positions of these slots; the tree is built anew when it is next asked."""
        self.points.follow(slots)
        self._tree = None

    def _plant(self, x: Floats, y: Floats) -> cKDTree:
        """A tree of any points; on the torus, size and 0 are one place."""
        points = self.points
        at = np.stack([x, y], axis=1).astype(np.float64)
        if not points.torus:
            return cKDTree(at)
        size = float(points.size)
        at[at >= size] = 0.0
        return cKDTree(at, boxsize=np.full(2, size))

    @property
    def tree(self) -> cKDTree:
        """The tree over the points, by place."""
        if self._tree is None:
            self._tree = self._plant(self.points.px, self.points.py)
        return self._tree

    def _slack(self, qx: Floats, qy: Floats) -> float:
        """How much farther than a radius candidates must be looked for."""
        farthest = max(np.abs(qx).max(initial=0), np.abs(qy).max(initial=0))
        return 2 * float(SLACK) * float(farthest + self.points.size)

    def _pairs(self, qx: Floats, qy: Floats, radius: np.float32) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every (query, place) within the radius, by query, then place; queries are on the plane."""
        points = self.points
        far = min(float(radius) * (1 + float(SLACK)) + self._slack(qx, qy), 1e300)
        near = self._plant(qx, qy).sparse_distance_matrix(self.tree, far, output_type="ndarray")
        query, place = near["i"].astype(np.int64), near["j"].astype(np.int64)
        inside = _inside(query, place, qx, qy, points.px, points.py, points.period, radius)
        query, place = query[inside], place[inside]
        order = np.argsort(query * max(len(points), 1) + place)
        return query[order], place[order]

    def in_range(self, qx: Floats, qy: Floats, radius: float) -> Ints:
        """How many points lie within the radius of each query."""
        return np.diff(self.within(qx, qy, radius).start).astype(np.int32)

    def within(self, qx: Floats, qy: Floats, radius: float) -> Neighbours:
        """The points within the radius of each query, in the order of the living."""
        qx, qy = self.points.queries(qx, qy)
        query, place = self._pairs(qx, qy, checked_radius(radius))
        start = np.searchsorted(query, np.arange(len(qx) + 1)).astype(np.int64)
        return Neighbours(start, self.points.living[place])

    def nearest(
        self, qx: Floats, qy: Floats, k: int, radius: float = np.inf, exclude: Ints | None = None
    ) -> tuple[Ints, Floats]:
        """The k nearest points of each query, and how far they are; ties ask again, for twice as many."""
        points = self.points
        qx, qy = points.queries(qx, qy)
        slot, distance = empty_nearest(len(qx), k)
        leave = checked_exclude(exclude, len(qx))
        rows = np.arange(len(qx))
        asked = k + SPARE
        while len(rows):
            asked = min(asked, max(len(points), 1))
            at = np.stack([qx[rows], qy[rows]], axis=1).astype(np.float64)
            gap, candidate = self.tree.query(at, k=np.arange(1, asked + 1))
            beyond = np.asarray(gap)[:, -1] if asked < len(points) else np.full(len(rows), np.inf)
            unsure = _choose(
                rows,
                candidate,
                beyond,
                qx,
                qy,
                points.px,
                points.py,
                points.period,
                checked_radius(radius),
                self._slack(qx, qy),
                points.living,
                leave,
                slot,
                distance,
            )
            rows = rows[unsure & (asked < len(points))]
            asked *= 2
        return slot, distance
