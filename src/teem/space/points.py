"""The points that an index holds: whose they are, where, and in which order they are told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.space.distance import onto_plane

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(slots=True)
class Neighbours:
    """A list a query, end to end: query i found `slot[start[i]:start[i + 1]]`, in the order of `living`."""

    start: NDArray[np.int64]  # [queries + 1]
    slot: Ints  # [found]

    def of(self, query: int) -> Ints:
        """The slots that one query found."""
        return self.slot[self.start[query] : self.start[query + 1]]


@njit(nogil=True, cache=True)
def _take(x, y, living, size, px, py, place):  # type: ignore[no-untyped-def]
    """Copy the living's positions; return the first place that is wrong, -1 when none is."""
    place[:] = -1
    for i in range(living.shape[0]):
        slot = living[i]
        if slot < 0 or slot >= x.shape[0] or place[slot] >= 0:
            return i
        if not (x[slot] >= 0 and x[slot] <= size and y[slot] >= 0 and y[slot] <= size):
            return i
        place[slot] = i
        px[i] = x[slot]
        py[i] = y[slot]
    return -1


@njit(nogil=True, cache=True)
def _follow(x, y, slots, size, place, px, py):  # type: ignore[no-untyped-def]
    """Copy the positions of `slots` anew; return the first entry that is wrong, -1 when none is."""
    for j in range(slots.shape[0]):
        slot = slots[j]
        if slot < 0 or slot >= x.shape[0] or place[slot] < 0:
            return j
        if not (x[slot] >= 0 and x[slot] <= size and y[slot] >= 0 and y[slot] <= size):
            return j
        px[place[slot]] = x[slot]
        py[place[slot]] = y[slot]
    return -1


class Points:
    """Positions copied at the last `take` or `follow`, by place in `living`.

    Every index numbers its points by place, not by slot, so that no answer depends on slots. Coordinates lie
    in [0, size]; `size` itself is allowed, because rounding lands there when a torus is wrapped.
    """

    def __init__(self, size: float, torus: bool, capacity: int) -> None:
        if not (np.isfinite(size) and size > 0):
            raise ValueError(f"size is {size}: a plane needs a finite length above 0")
        if capacity < 1:
            raise ValueError(f"capacity is {capacity}: at least 1")
        self.size = np.float32(size)
        self.period = np.float32(size if torus else np.inf)
        self.torus = torus
        self.capacity = capacity
        self.living: Ints = np.empty(0, np.int32)  # [n] slot of each place
        self.px: Floats = np.empty(0, np.float32)  # [n] by place
        self.py: Floats = np.empty(0, np.float32)
        self.place: Ints = np.full(capacity, -1, np.int32)  # [capacity] place of each slot; -1: not living
        self._x: Floats = np.empty(0, np.float32)  # the caller's columns, read again by `follow`
        self._y: Floats = np.empty(0, np.float32)
        self._slots = np.empty(capacity, np.int32)
        self._copies = np.empty((2, capacity), np.float32)

    def __len__(self) -> int:
        return len(self.living)

    def take(self, x: Floats, y: Floats, living: Ints) -> None:
        """Hold the living's positions; ValueError for a slot listed twice or a point off the plane."""
        if len(x) != self.capacity or len(y) != self.capacity:
            raise ValueError(f"x has {len(x)} and y has {len(y)} rows: both need the capacity, {self.capacity}")
        if len(living) > self.capacity:
            raise ValueError(f"living lists {len(living)} slots: the capacity is {self.capacity}")
        self._x, self._y = x, y
        self.living = self._slots[: len(living)]
        self.px, self.py = self._copies[0, : len(living)], self._copies[1, : len(living)]
        self.living[:] = living
        wrong = _take(x, y, self.living, self.size, self.px, self.py, self.place)
        if wrong >= 0:
            self._refuse(int(living[wrong]))

    def follow(self, slots: Ints) -> None:
        """Copy the positions of the slots that moved, from the columns last given to `take`."""
        wrong = _follow(self._x, self._y, slots, self.size, self.place, self.px, self.py)
        if wrong >= 0:
            self._refuse(int(slots[wrong]))

    def _refuse(self, slot: int) -> None:
        if not 0 <= slot < len(self._x):
            raise ValueError(f"slot {slot} is outside the capacity, {self.capacity}")
        at = f"slot {slot} at ({self._x[slot]}, {self._y[slot]})"
        if all(0 <= value[slot] <= self.size for value in (self._x, self._y)):
            raise ValueError(f"{at} is listed twice among the living, or moved without living")
        raise ValueError(f"{at} is off the plane [0, {self.size}]")

    def typical_distance(self, k: int) -> np.float32:
        """A radius that holds k points, and a few, where they are spread evenly: where a search begins."""
        return np.float32(self.size * np.sqrt((k + 2) / (np.pi * max(len(self), 1))))

    def queries(self, qx: Floats, qy: Floats) -> tuple[Floats, Floats]:
        """The query points, contiguous and on the torus; ValueError unless finite and of one length."""
        if qx.shape != qy.shape or qx.ndim != 1:
            raise ValueError(f"qx is {list(qx.shape)} and qy {list(qy.shape)}: one length is needed")
        return self._query("qx", qx), self._query("qy", qy)

    def _query(self, name: str, q: Floats) -> Floats:
        q = np.ascontiguousarray(q, np.float32)
        if _all_on(q, self.size):
            return q
        if not np.isfinite(q).all():
            raise ValueError(f"{name}[{int(np.argmin(np.isfinite(q)))}] is not finite")
        return onto_plane(q, self.size) if self.torus else q


@njit(nogil=True, cache=True)
def _all_on(q, size):  # type: ignore[no-untyped-def]
    """Whether every coordinate lies in [0, size)."""
    on = True
    for i in range(q.shape[0]):
        on &= q[i] >= 0 and q[i] < size
    return on
