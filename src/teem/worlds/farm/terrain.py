"""The map as an agent sees it: copied cell by cell into its window."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.worlds.farm.bodies import SIGHT

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)


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


@njit(**INNER)
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
