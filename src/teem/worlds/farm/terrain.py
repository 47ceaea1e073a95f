"""The map as an agent sees it: copied cell by cell into its window, or summed over its zones."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.worlds.farm.bodies import SIGHT
from teem.worlds.farm.view import ZONES

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_ZONES = len(ZONES)


@njit(nogil=True, cache=True, inline="always")
def own_radius(sight, radius):  # type: ignore[no-untyped-def]
    """How far an agent with this sight trait sees: from 2 cells to the farm's radius."""
    return 2 + np.int64(_HALF + sight * np.float32(radius - 2))


@njit(nogil=True, cache=True, inline="always")
def on_map(cell, side, torus):  # type: ignore[no-untyped-def]
    """A cell number, at most a turn off, brought onto the torus; -1 beyond a bounded farm."""
    if 0 <= cell < side:
        return cell
    if not torus:
        return -1
    return cell + side if cell < 0 else cell - side


@njit(nogil=True, cache=True)
def see_cells(who, row, bodies, planes, scale, view, charts, terms, seen):  # type: ignore[no-untyped-def]
    """Copy the planes of the map into each window, `seen[row]`; beyond a bounded farm there is rock."""
    xs, ys, genome, plane = bodies.x, bodies.y, bodies.genome, charts.plane
    factor = scale[plane] / charts.unit
    radius, channels, rock = view.radius, view.channels, view.rock_channel
    side = planes.shape[0]
    width = 2 * radius + 1
    for n in range(who.shape[0]):
        i = who[n]
        seen[row[n], : width * width * channels] = _ZERO
        own = own_radius(genome[i, SIGHT], radius)
        for dy in range(-own, own + 1):
            for dx in range(-own, own + 1):
                y = on_map(np.int64(ys[i]) + dy, side, terms.torus)
                x = on_map(np.int64(xs[i]) + dx, side, terms.torus)
                cell = ((radius + dy) * width + radius + dx) * channels
                if y >= 0 and x >= 0:
                    for k in range(factor.shape[0]):
                        seen[row[n], cell + k] = planes[y, x, plane[k]] * factor[k]
                elif rock >= 0:
                    seen[row[n], cell + rock] = _ONE


@njit(nogil=True, cache=True)
def see_zones(who, bodies, planes, scale, view, charts, terms, out):  # type: ignore[no-untyped-def]
    """Sum the planes of the map over each zone's cells, as far as each sees, and weigh the sums."""
    xs, ys, genome = bodies.x, bodies.y, bodies.genome
    plane, block, weight = charts.plane, charts.block, charts.zone_weight
    factor = scale[plane] / charts.unit
    radius, rock, side = view.radius, view.rock_channel, planes.shape[0]
    rows, columns = (
        np.empty(2 * radius + 1, np.uint64),
        np.empty(2 * radius + 1, np.uint64),
    )  # unsigned: no wraparound
    for i in who:
        own = own_radius(genome[i, SIGHT], radius)
        y, x = np.int64(ys[i]), np.int64(xs[i])
        for d in range(2 * radius + 1):
            rows[d] = np.uint64(on_map(y + d - radius, side, terms.torus))
            columns[d] = np.uint64(on_map(x + d - radius, side, terms.torus))
        for value in range(factor.shape[0] * _ZONES, view.channels * _ZONES):
            out[i, value] = _ZERO
        for zone in range(_ZONES):
            top, bottom, above = _clip(block[zone, 0], block[zone, 1], own, y, side, terms.torus)
            left, right, beside = _clip(block[zone, 2], block[zone, 3], own, x, side, terms.torus)
            beyond = (bottom - top + 1 + above) * (right - left + 1 + beside) - (bottom - top + 1) * (right - left + 1)
            for k in range(factor.shape[0]):
                number = np.uint64(plane[k])
                total = np.float32(beyond) if k == rock else _ZERO
                for r in range(np.uint64(top + radius), np.uint64(bottom + radius + 1)):
                    row = rows[r]
                    for d in range(np.uint64(left + radius), np.uint64(right + radius + 1)):
                        total += planes[row, columns[d], number]
                out[i, k * _ZONES + zone] = total * factor[k] * weight[k, zone]


@njit(nogil=True, cache=True, inline="always")
def _clip(first, last, own, middle, side, torus):  # type: ignore[no-untyped-def]
    """A block's first and last offset from the middle that are in sight and on the map, and how many are off it."""
    first, last = max(first, -own), min(last, own)
    seen = max(last - first + 1, 0)
    if not torus:
        first, last = max(first, -middle), min(last, side - 1 - middle)
    here = max(last - first + 1, 0)
    return first, first + here - 1, seen - here
