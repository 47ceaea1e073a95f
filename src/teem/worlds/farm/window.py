"""The window of cells around an agent: lines of sight, memory, and drawing it together into zones.

A window is a row of `seen`, flat: `seen[row, cell * channels + channel]`, cells row by row.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.worlds.farm.bodies import SIGHT
from teem.worlds.farm.fields import RESOURCES, ROCK
from teem.worlds.farm.terrain import on_map, own_radius
from teem.worlds.farm.view import ZONES

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_ZONES = len(ZONES)


@njit(nogil=True, cache=True)
def trace(who, bodies, planes, view, charts, terms, visible):  # type: ignore[no-untyped-def]
    """Follow the lines of sight outwards: a cell is visible if the one before it is, and is not rock."""
    xs, ys, genome, order, before = bodies.x, bodies.y, bodies.genome, charts.order, charts.before
    side, radius = planes.shape[0], view.radius
    width = 2 * radius + 1
    for n in range(who.shape[0]):
        i = who[n]
        own = own_radius(genome[i, SIGHT], radius)
        visible[n, order[0]] = True
        for c in order[1:]:
            last = before[c]
            row = on_map(np.int64(ys[i]) + last // width - radius, side, terms.torus)
            column = on_map(np.int64(xs[i]) + last % width - radius, side, terms.torus)
            inside = abs(c // width - radius) <= own and abs(c % width - radius) <= own
            clear = row >= 0 and column >= 0 and planes[row, column, ROCK] == _ZERO
            visible[n, c] = inside and visible[n, last] and clear


@njit(nogil=True, cache=True)
def veil(row, visible, view, seen):  # type: ignore[no-untyped-def]
    """Show what is visible, and hide behind rock what is not, but for what it knows of itself."""
    channels = view.channels
    for n in range(row.shape[0]):
        to = row[n]
        for c in range(visible.shape[1]):
            if view.visibility >= 0:
                seen[to, c * channels + view.visibility] = _ONE if visible[n, c] else _ZERO
            if view.occlusion and not visible[n, c]:
                for k in range(channels):
                    if k != view.self_health and k != view.goal:
                        seen[to, c * channels + k] = _ZERO


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
def draw_together(who, windows, view, charts, out):  # type: ignore[no-untyped-def]
    """The compact view of a window: near cells as they are, far blocks as means (or sums, for points)."""
    zone, weight, channels = charts.zone, charts.zone_weight, view.channels
    for n in range(who.shape[0]):
        i = who[n]
        out[i, : channels * _ZONES] = _ZERO
        for c in range(zone.shape[0]):
            for k in range(channels):
                out[i, k * _ZONES + zone[c]] += windows[n, c * channels + k]
        for k in range(channels):
            for z in range(_ZONES):
                out[i, k * _ZONES + z] *= weight[k, z]
