"""The window of cells around an agent: lines of sight, memory, and drawing it together into zones.

A window is flat: `window[cell * channels + channel]`, cells row by row.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.worlds.farm.fields import RESOURCES, ROCK
from teem.worlds.farm.view import ZONES

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_ZONES = len(ZONES)


@njit(nogil=True, cache=True, inline="always")
def _on_map(cell, side, torus):  # type: ignore[no-untyped-def]
    """A cell number brought onto the torus; -1 beyond a bounded farm."""
    if torus:
        return cell % side
    return cell if 0 <= cell < side else -1


@njit(nogil=True, cache=True)
def trace(y, x, own, planes, view, torus, visible):  # type: ignore[no-untyped-def]
    """Follow the lines of sight outwards: a cell is visible if the one before it is, and is not rock."""
    side = planes.shape[0]
    width = 2 * view.radius + 1
    visible[view.order[0]] = True
    for n in range(1, width * width):
        c = view.order[n]
        before = view.before[c]
        row = _on_map(np.int64(y) + before // width - view.radius, side, torus)
        column = _on_map(np.int64(x) + before % width - view.radius, side, torus)
        inside = abs(c // width - view.radius) <= own and abs(c % width - view.radius) <= own
        clear = row >= 0 and column >= 0 and planes[row, column, ROCK] == _ZERO
        visible[c] = inside and visible[before] and clear


@njit(nogil=True, cache=True)
def veil(visible, view, window):  # type: ignore[no-untyped-def]
    """Show what is visible, and hide behind rock what is not, but for what it knows of itself."""
    for c in range(visible.shape[0]):
        cell = c * view.channels
        if view.visibility >= 0:
            window[cell + view.visibility] = _ONE if visible[c] else _ZERO
        if view.occlusion and not visible[c]:
            for k in range(view.channels):
                if k != view.self_health and k != view.goal:
                    window[cell + k] = _ZERO


@njit(nogil=True, cache=True)
def remember_empty(i, place, step, planes, visible, view, terms, memory, window):  # type: ignore[no-untyped-def]
    """Known-empty: 1 where it sees nothing now, fading where it saw nothing and can't see any more.

    The memory is a ring around the agent: cell (y, x) of the map is kept at (y mod M, x mod M) with the cell's
    number, since another cell may have been there before.
    """
    side = planes.shape[0]
    width = 2 * view.radius + 1
    ring = memory.side
    for c in range(width * width):
        y = _on_map(np.int64(place[0]) + c // width - view.radius, side, terms.torus)
        x = _on_map(np.int64(place[1]) + c % width - view.radius, side, terms.torus)
        if y < 0 or x < 0:
            continue
        kept = (y % ring) * ring + x % ring
        cell = c * view.channels
        if visible[c]:
            taken = planes[y, x, ROCK] > _ZERO or planes[y, x, RESOURCES] > _ZERO
            for k in (view.allies, view.enemies):
                taken = taken or (k >= 0 and window[cell + k] > _ZERO)
            memory.cell[i, kept] = -1 if taken else y * side + x
            memory.step[i, kept] = step
        if memory.cell[i, kept] == y * side + x:
            window[cell + view.known_empty] = terms.decay ** np.float32(step - memory.step[i, kept])


@njit(nogil=True, cache=True)
def draw_together(window, view, zones):  # type: ignore[no-untyped-def]
    """The compact view of a window: near cells as they are, far blocks as means (or sums, for points)."""
    zones[:] = _ZERO
    for c in range(view.zone.shape[0]):
        for k in range(view.channels):
            zones[k * _ZONES + view.zone[c]] += window[c * view.channels + k]
    for k in range(view.channels):
        for zone in range(_ZONES):
            zones[k * _ZONES + zone] *= view.zone_weight[k, zone]
