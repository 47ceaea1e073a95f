"""Who is near whom: one interface over several structures, each exactly equal to looking at everyone."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from teem.space.grid import Grid
from teem.space.hash import Hash
from teem.space.points import Floats, Ints, Neighbours
from teem.space.quadtree import Quadtree
from teem.threads import Threads

__all__ = ["Kind", "Neighbours", "SpatialIndex", "build_index"]

Kind = Literal["grid", "kdtree", "quadtree", "hash"]


class SpatialIndex(Protocol):
    """Points of [0, size)^2, bounded or a torus, named by slot and told in the order of `living`.

    Positions are those at the last `rebuild` or `moved`; columns may change freely in between. Points lie in
    [0, size], queries anywhere (a torus wraps them). A point is within a radius when its squared float32
    distance, the shorter way round a torus, is at most the squared radius: the boundary counts, a point
    counts once, and a query at a point finds that point too. Bad input (a point off the plane, a slot listed
    twice, a query that is not finite, a negative radius, k below 1) is a ValueError. Births and deaths need a
    `rebuild`. An index is derived from the population, so nothing of it is saved: a resumed run rebuilds it.
    """

    def rebuild(self, x: Floats, y: Floats, living: Ints) -> None:
        """Hold the points `x[living], y[living]`; x and y are columns `[capacity]`."""
        ...

    def moved(self, slots: Ints) -> None:
        """Read the positions of these living slots again from the columns given to `rebuild`."""
        ...

    def within(self, qx: Floats, qy: Floats, radius: float) -> Neighbours:
        """The points within the radius of each query, in the order of `living`."""
        ...

    def in_range(self, qx: Floats, qy: Floats, radius: float) -> Ints:
        """`[queries]` how many points lie within the radius of each query."""
        ...

    def nearest(
        self, qx: Floats, qy: Floats, k: int, radius: float = np.inf, exclude: Ints | None = None
    ) -> tuple[Ints, Floats]:
        """`[queries, k]` slots by rising distance, then order of `living`, and their distances.

        Only points within the radius count, and not the slot `exclude[query]`. Where there are fewer than k,
        the slot is -1 and the distance infinite.
        """
        ...


def build_index(
    name: Kind, size: float, torus: bool, capacity: int, cell: float, threads: Threads | None = None
) -> SpatialIndex:
    """An empty index over a plane of side `size`; `cell` is best near the usual radius (trees don't need it).

    `threads` share the queries of a call; without, the caller answers them alone.
    """
    threads = threads or Threads(1)
    if name == "grid":
        return Grid(size, torus, capacity, cell, threads)
    if name == "hash":
        return Hash(size, torus, capacity, cell, threads)
    if name == "quadtree":
        return Quadtree(size, torus, capacity, threads)
    if name == "kdtree":
        from teem.space.kdtree import KDTree  # SciPy's: a quarter of a second that nobody else need wait for

        return KDTree(size, torus, capacity)
    raise ValueError(f"index is {name!r}: choose grid, kdtree, quadtree or hash")
