"""The quadtree: squares cut in four where points crowd, in arrays; for populations that cluster.

A leaf holds up to LEAF points in a chain and is cut when one more comes, DEPTH times at most (points on one
spot can't be parted). A point that moves out of its leaf is unlinked and inserted again from the root.
Emptied leaves stay until the next `rebuild`; they cost a look, never an answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from teem.space.chains import collect_chain, link, unlink
from teem.space.distance import reach
from teem.space.points import Floats, Ints, Points
from teem.space.queries import Queries
from teem.space.ranges import keep_all, write_in_order, write_nearest
from teem.threads import Threads

LEAF = 12
DEPTH = 16


@njit(nogil=True, cache=True, inline="always")
def _leaf_of(x, y, node, tree):  # type: ignore[no-untyped-def]
    """The leaf under `node` that a point belongs to; float64, in which every border is exact."""
    child, west, south, half, _, _, _ = tree
    while child[node] >= 0:
        east = np.float64(x) >= west[node] + half[node]
        north = np.float64(y) >= south[node] + half[node]
        node = child[node] + np.int32(east) + 2 * np.int32(north)
    return node


@njit(nogil=True, cache=True)
def _cut(node, used, tree):  # type: ignore[no-untyped-def]
    """Give a leaf four empty children."""
    child, west, south, half, depth, population, head = tree
    child[node] = used[0]
    for quarter in range(4):
        new = used[0] + quarter
        child[new] = -1
        west[new] = west[node] + (quarter & 1) * half[node]
        south[new] = south[node] + (quarter >> 1) * half[node]
        half[new] = half[node] * 0.5
        depth[new] = depth[node] + 1
        population[new] = 0
        head[new] = -1
    used[0] += 4


@njit(nogil=True, cache=True)
def _insert(i, px, py, used, tree, links):  # type: ignore[no-untyped-def]
    """Link place i to its leaf, and cut the leaf while it holds too many."""
    child, _, _, _, depth, population, head = tree
    after, before, home = links
    leaf = _leaf_of(px[i], py[i], 0, tree)
    link(i, leaf, head, after, before)
    home[i] = leaf
    population[leaf] += 1
    while population[leaf] > LEAF and depth[leaf] < DEPTH and used[0] + 4 <= child.shape[0]:
        _cut(leaf, used, tree)
        fullest = child[leaf]
        j = head[leaf]
        head[leaf] = -1
        while j >= 0:
            following = after[j]
            quarter = _leaf_of(px[j], py[j], leaf, tree)
            link(j, quarter, head, after, before)
            home[j] = quarter
            population[quarter] += 1
            if population[quarter] > population[fullest]:
                fullest = quarter
            j = following
        population[leaf] = 0
        leaf = fullest


@njit(nogil=True, cache=True)
def _plant(px, py, used, tree, links):  # type: ignore[no-untyped-def]
    """Grow the tree anew, point by point."""
    child, _, _, _, _, population, head = tree
    used[0] = 1
    child[0] = head[0] = -1
    population[0] = 0
    for i in range(px.shape[0]):
        _insert(i, px, py, used, tree, links)


@njit(nogil=True, cache=True)
def _replant(moved, place, px, py, used, tree, links):  # type: ignore[no-untyped-def]
    """Take the moved points that left their leaf to their new one."""
    _, _, _, _, _, population, head = tree
    after, before, home = links
    for j in range(moved.shape[0]):
        i = place[moved[j]]
        leaf = home[i]
        if _leaf_of(px[i], py[i], 0, tree) != leaf:
            unlink(i, leaf, head, after, before)
            population[leaf] -= 1
            _insert(i, px, py, used, tree, links)


@njit(nogil=True, cache=True, inline="always")
def _away(q, low, high, period):  # type: ignore[no-untyped-def]
    """How far q is from [low, high] along one axis, the shorter way round; float64."""
    straight = max(low - q, q - high, 0.0)
    return min(straight, q + period - high, low + period - q)


@njit(nogil=True, cache=True)
def _gather(x, y, radius, px, py, plane, tree, links, stack, found):  # type: ignore[no-untyped-def]
    """Write the places within the radius into `found`, in any order; return how many."""
    size, period = plane
    child, west, south, half, _, population, head = tree
    after, _, home = links
    far = np.float64(max(reach(x, radius, size), reach(y, radius, size)))
    count = 0
    stack[0] = 0
    waiting = 1
    while waiting > 0:
        waiting -= 1
        node = stack[waiting]
        side = 2 * half[node]
        dx = _away(np.float64(x), west[node], west[node] + side, np.float64(period))
        dy = _away(np.float64(y), south[node], south[node] + side, np.float64(period))
        if dx * dx + dy * dy > far * far:
            continue
        if child[node] >= 0:
            for quarter in range(4):
                stack[waiting + quarter] = child[node] + quarter
            waiting += 4
        elif population[node] > 0:
            count = collect_chain(head[node], node, x, y, px, py, home, after, period, radius * radius, found, count)
    return count


@njit(nogil=True, cache=True)
def _count(begin, end, qx, qy, radius, px, py, plane, tree, links, out):  # type: ignore[no-untyped-def]
    found = np.empty(px.shape[0], np.int32)
    stack = np.empty(4 * (DEPTH + 1), np.int32)
    for i in range(begin, end):
        out[i] = _gather(qx[i], qy[i], radius, px, py, plane, tree, links, stack, found)


@njit(nogil=True, cache=True)
def _write(begin, end, qx, qy, radius, px, py, plane, tree, links, living, lists, out):  # type: ignore[no-untyped-def]
    found = np.empty(px.shape[0], np.int32)
    stack = np.empty(4 * (DEPTH + 1), np.int32)
    for i in range(begin, end):
        count = _gather(qx[i], qy[i], radius, px, py, plane, tree, links, stack, found)
        write_in_order(found, count, living, out[lists[i] : lists[i + 1]])


@njit(nogil=True, cache=True)
def _search(begin, end, qx, qy, radius, guess, exclude, px, py, plane, tree, links, living, slot, distance):  # type: ignore[no-untyped-def]
    """Look wider and wider around each query, until k points are found or nobody is left."""
    best = np.empty(slot.shape[1], np.int32)
    squares = np.empty(slot.shape[1], np.float32)
    found = np.empty(px.shape[0], np.int32)
    stack = np.empty(4 * (DEPTH + 1), np.int32)
    for i in range(begin, end):
        within = min(guess, radius)
        while True:
            seen = _gather(qx[i], qy[i], within, px, py, plane, tree, links, stack, found)
            count = keep_all(found, seen, qx[i], qy[i], px, py, plane[1], living, exclude[i], best, squares)
            if count == best.shape[0] or seen == living.shape[0] or within >= radius:
                break
            within = min(within * np.float32(2), radius)
        write_nearest(best, squares, count, living, slot[i], distance[i])


class Quadtree(Queries):
    """A quadtree over [0, size)^2; see `SpatialIndex` for its answers."""

    count, write, search = _count, _write, _search

    def __init__(self, size: float, torus: bool, capacity: int, threads: Threads) -> None:
        super().__init__(Points(size, torus, capacity), threads)
        nodes = 4 * DEPTH + 1 + 2 * capacity  # past this a leaf grows instead of being cut
        self._used = np.ones(1, np.int32)  # nodes in use
        corners = np.zeros((3, nodes), np.float64)  # west and south border, half the side
        corners[2, 0] = float(self.points.size) / 2
        # first child (-1: a leaf), corners, depth, points, first of the chain; the root is 0
        whole = tuple(np.full(nodes, start, np.int32) for start in (-1, 0, 0, -1))
        self._tree = (whole[0], *corners, *whole[1:])
        self._links = tuple(np.full(capacity, -1, np.int32) for _ in range(3))  # after, before, leaf

    @property
    def held(self) -> tuple[Any, ...]:
        """Positions, plane, nodes and chains."""
        points = self.points
        return points.px, points.py, (points.size, points.period), self._tree, self._links

    def rebuild(self, x: Floats, y: Floats, living: Ints) -> None:
        """Hold the positions of the living, in their order."""
        self.points.take(x, y, living)
        _plant(self.points.px, self.points.py, self._used, self._tree, self._links)

    def moved(self, slots: Ints) -> None:
        """Take over the new positions of these slots; those that left their leaf are inserted again."""
        points = self.points
        points.follow(slots)
        _replant(slots, points.place, points.px, points.py, self._used, self._tree, self._links)
