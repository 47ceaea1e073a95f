"""Looking at everyone, in plain NumPy: the specification that every index equals."""

from __future__ import annotations

import numpy as np

from teem.space.distance import distance2_plain
from teem.space.points import Floats, Ints, Neighbours, Points
from teem.space.queries import checked_exclude, checked_radius, empty_nearest


class BruteForce:
    """All distances, each time: `O(queries * points)`; see `SpatialIndex` for its answers."""

    def __init__(self, size: float, torus: bool, capacity: int) -> None:
        self.points = Points(size, torus, capacity)

    def rebuild(self, x: Floats, y: Floats, living: Ints) -> None:
        """Hold the positions of the living, in their order."""
        self.points.take(x, y, living)

    def moved(self, slots: Ints) -> None:
        """Read the positions of these slots again."""
        self.points.follow(slots)

    def _squares(self, qx: Floats, qy: Floats) -> Floats:
        points = self.points
        return distance2_plain(*points.queries(qx, qy), points.px, points.py, points.period)

    def in_range(self, qx: Floats, qy: Floats, radius: float) -> Ints:
        """How many points lie within the radius of each query."""
        limit = np.square(checked_radius(radius))
        return np.asarray((self._squares(qx, qy) <= limit).sum(axis=1), np.int32)

    def within(self, qx: Floats, qy: Floats, radius: float) -> Neighbours:
        """The points within the radius of each query, in the order of the living."""
        query, place = np.nonzero(self._squares(qx, qy) <= np.square(checked_radius(radius)))
        start = np.searchsorted(query, np.arange(len(qx) + 1)).astype(np.int64)
        return Neighbours(start, self.points.living[place])

    def nearest(
        self, qx: Floats, qy: Floats, k: int, radius: float = np.inf, exclude: Ints | None = None
    ) -> tuple[Ints, Floats]:
        """The k nearest points of each query, and how far they are."""
        squares = self._squares(qx, qy)
        slot, distance = empty_nearest(len(qx), k)
        slot[:], distance[:] = -1, np.inf
        leave = checked_exclude(exclude, len(qx))
        inside = (squares <= np.square(checked_radius(radius))) & (self.points.living != leave[:, None])
        for i in range(len(qx)):
            places = np.flatnonzero(inside[i])
            best = places[np.argsort(squares[i, places], kind="stable")][:k]
            slot[i, : len(best)] = self.points.living[best]
            distance[i, : len(best)] = np.sqrt(squares[i, best])
        return slot, distance
