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

    The memory is a ring around the agent: cell (y, x) of the map is kept at (y mod M, x mod M) with the cell's
    number, since another cell may have been there before. Changes `memory` beside the windows.
    """
    xs, ys, known, since, ring = bodies.x, bodies.y, memory.cell, memory.step, memory.side
    side, width = planes.shape[0], 2 * view.radius + 1
    for n in range(who.shape[0]):
        i = who[n]
        to = row[n]
        for c in range(width * width):
            y = on_map(np.int64(ys[i]) + c // width - view.radius, side, terms.torus)
            x = on_map(np.int64(xs[i]) + c % width - view.radius, side, terms.torus)
            if y < 0 or x < 0:
                continue
            kept = (y % ring) * ring + x % ring
            if visible[n, c]:
                taken = planes[y, x, ROCK] > _ZERO or planes[y, x, RESOURCES] > _ZERO
                taken = taken or _somebody(seen, to, c * view.channels, view.allies, view.enemies)
                known[i, kept] = -1 if taken else y * side + x
                since[i, kept] = step
            if known[i, kept] == y * side + x:
                faded = terms.decay ** np.float32(step - since[i, kept])
                seen[to, c * view.channels + view.known_empty] = faded


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
