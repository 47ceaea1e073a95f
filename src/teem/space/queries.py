"""The three questions, asked of kernels in one shape and shared by threads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from teem.space.points import Floats, Ints, Neighbours, Points
from teem.threads import Threads


class Queries(ABC):
    """`within`, `in_range` and `nearest` of an index that has three kernels.

    Kernels treat each query on its own, so threads never change an answer:
    `count(begin, end, qx, qy, radius, *held, out)`,
    `write(begin, end, qx, qy, radius, *held, living, lists, out)` with the lists' starts, and
    `search(begin, end, qx, qy, radius, guess, exclude, *held, living, slot, distance)`.
    """

    count: ClassVar[Callable[..., None]]
    write: ClassVar[Callable[..., None]]
    search: ClassVar[Callable[..., None]]

    def __init__(self, points: Points, threads: Threads) -> None:
        self.points = points
        self.threads = threads

    @property
    @abstractmethod
    def held(self) -> tuple[Any, ...]:
        """What the kernels read, between their queries and their results."""

    def in_range(self, qx: Floats, qy: Floats, radius: float) -> Ints:
        """How many points lie within the radius of each query."""
        qx, qy = self.points.queries(qx, qy)
        count = np.empty(len(qx), np.int32)
        self.threads.share(type(self).count, len(qx), qx, qy, checked_radius(radius), *self.held, count)
        return count

    def within(self, qx: Floats, qy: Floats, radius: float) -> Neighbours:
        """The points within the radius of each query, in the order of the living."""
        qx, qy = self.points.queries(qx, qy)
        near = (qx, qy, checked_radius(radius), *self.held)
        count = np.empty(len(qx), np.int32)
        self.threads.share(type(self).count, len(qx), *near, count)
        start = np.zeros(len(qx) + 1, np.int64)
        np.cumsum(count, out=start[1:])
        slot = np.empty(int(start[-1]), np.int32)
        self.threads.share(type(self).write, len(qx), *near, self.points.living, start, slot)
        return Neighbours(start, slot)

    def nearest(
        self, qx: Floats, qy: Floats, k: int, radius: float = np.inf, exclude: Ints | None = None
    ) -> tuple[Ints, Floats]:
        """The k nearest points of each query, and how far they are."""
        points = self.points
        qx, qy = points.queries(qx, qy)
        slot, distance = empty_nearest(len(qx), k)
        look = (checked_radius(radius), points.typical_distance(k), checked_exclude(exclude, len(qx)))
        self.threads.share(type(self).search, len(qx), qx, qy, *look, *self.held, points.living, slot, distance)
        return slot, distance


def checked_radius(radius: float) -> np.float32:
    """The radius as float32; ValueError for NaN and below 0."""
    if not radius >= 0:
        raise ValueError(f"radius is {radius}: at least 0 is needed")
    return np.float32(radius)


def checked_exclude(exclude: Ints | None, queries: int) -> Ints:
    """The slot that each query leaves out, -1 where there is none."""
    if exclude is None:
        return np.full(queries, -1, np.int32)
    if exclude.shape != (queries,):
        raise ValueError(f"exclude is {list(exclude.shape)}: one slot a query is needed, [{queries}]")
    return np.ascontiguousarray(exclude, np.int32)


def empty_nearest(queries: int, k: int) -> tuple[Ints, Floats]:
    """Room for the k nearest of each query; ValueError below 1."""
    if k < 1:
        raise ValueError(f"k is {k}: at least 1 is needed")
    return np.empty((queries, k), np.int32), np.empty((queries, k), np.float32)
