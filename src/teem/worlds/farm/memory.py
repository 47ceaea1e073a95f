"""What agents remember: which cells they saw empty, as long as these stay in the window around them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.population.slots import Population
from teem.worlds.farm.fields import RESOURCES, ROCK
from teem.worlds.farm.terrain import on_map

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)


class Memory(NamedTuple):
    """Which cells of its window each agent saw empty, around the cell where it last looked."""

    since: NDArray[np.int64]  # [capacity, cells of the window] step when it was seen empty; -1: not known
    y: NDArray[np.int32]  # [capacity] the window's middle
    x: NDArray[np.int32]


def make_memory(population: Population, sight: int, wanted: bool) -> Memory:
    """Nothing known yet; no cells at all when no channel needs them."""
    capacity, cells = population.capacity, (2 * sight + 1) ** 2 if wanted else 0
    middle = np.zeros((2, capacity), np.int32)
    memory = Memory(np.zeros((capacity, cells), np.int64), middle[0], middle[1])
    memory.since[: population.size] = -1  # beyond, when somebody is born there
    return memory


@njit(**INNER)
def remember_empty(who, row, step, bodies, planes, visible, view, terms, memory, seen):  # type: ignore[no-untyped-def]
    """Known-empty: 1 where it sees nothing now, fading where it saw nothing and can't see any more.

    Changes `memory` beside the windows.
    """
    xs, ys, since, side = bodies.x, bodies.y, memory.since, planes.shape[0]
    channels, allies, enemies, radius = view.channels, view.allies, view.enemies, view.radius
    width = 2 * radius + 1
    _carry_along(who, xs, ys, side, radius, terms.torus, memory)
    for n in range(who.shape[0]):
        i, to = who[n], row[n]
        for c in range(width * width):
            y = on_map(np.int64(ys[i]) + c // width - radius, side, terms.torus)
            x = on_map(np.int64(xs[i]) + c % width - radius, side, terms.torus)
            if y < 0 or x < 0:
                continue
            if visible[n, c]:
                taken = planes[y, x, ROCK] > _ZERO or planes[y, x, RESOURCES] > _ZERO
                taken = taken or _somebody(seen, to, c * channels, allies, enemies)
                since[i, c] = -1 if taken else step
            if since[i, c] >= 0:
                ago = np.float32(step - since[i, c])
                seen[to, c * channels + view.known_empty] = terms.decay**ago if ago > _ZERO else _ONE


@njit(**INNER)
def _carry_along(who, xs, ys, side, radius, torus, memory):  # type: ignore[no-untyped-def]
    """Move each memory to the cells around where its agent is now; what leaves the window is forgotten."""
    since, middle_y, middle_x = memory.since, memory.y, memory.x
    width = 2 * radius + 1
    before = np.empty(width * width, np.int64)
    rows, columns = np.empty(width, np.int64), np.empty(width, np.int64)
    for i in who:
        y, x = np.int32(ys[i]), np.int32(xs[i])
        if y == middle_y[i] and x == middle_x[i]:
            continue
        for d in range(width):
            rows[d] = _place_in(y - middle_y[i] + d, side, width, torus)
            columns[d] = _place_in(x - middle_x[i] + d, side, width, torus)
        before[:] = since[i]
        for c in range(width * width):
            r, k = rows[c // width], columns[c % width]
            since[i, c] = before[r * width + k] if r >= 0 and k >= 0 else -1
        middle_y[i], middle_x[i] = y, x


@njit(nogil=True, cache=True, inline="always")
def _place_in(d, side, width, torus):  # type: ignore[no-untyped-def]
    """Where a window of `width` has the cell that is `d` cells from its first, along an axis; -1: it hasn't."""
    if torus:
        d %= side
    return d if 0 <= d < width else -1


@njit(nogil=True, cache=True, inline="always")
def _somebody(seen, to, cell, allies, enemies):  # type: ignore[no-untyped-def]
    """Whether an ally or an enemy is perceived in a cell."""
    return (allies >= 0 and seen[to, cell + allies] > _ZERO) or (enemies >= 0 and seen[to, cell + enemies] > _ZERO)
