"""The window of cells around an agent: lines of sight, and drawing it together into zones.

A window is a row of `seen`, flat: `seen[row, cell * channels + channel]`, cells row by row.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.worlds.farm.bodies import SIGHT
from teem.worlds.farm.fields import ROCK
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


@njit(**INNER)
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


@njit(**INNER)
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
