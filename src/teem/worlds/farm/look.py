"""Look: what each agent perceives, O(sight^2) an agent whatever the world's size.

A compact view without lines of sight is written zone by zone straight from the map. Any other view fills a window
of cells first, which is handed out whole, or drawn together into the same zones. Both ways put the same agents in
the same places, so each is a check on the other.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.space.cells import around, parts, span, stretch
from teem.space.distance import gap
from teem.worlds.farm.bodies import SIGHT
from teem.worlds.farm.senses import feel, find_legal
from teem.worlds.farm.view import ZONES
from teem.worlds.farm.window import draw_together, remember_empty, trace, veil

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_ZONES = len(ZONES)


@njit(nogil=True, cache=True)
def look(  # type: ignore[no-untyped-def]
    begin, end, living, step, room, bodies, planes, scale, capacity, grid, view, terms, memory, out, mask
):
    """Write the observation and the legal actions of living[begin:end]; changes ally, enemy and `memory` too."""
    cells = (2 * view.radius + 1) ** 2
    scratch = np.empty(cells * view.channels, np.float32)
    visible = np.ones(cells, np.bool_)
    factor = scale[view.plane] / view.unit
    for n in range(begin, end):
        i = living[n]
        own = own_radius(i, bodies.genome, view.radius)
        zones = out[i, : view.channels * _ZONES] if not view.full else out[i]
        seen = scratch if view.traces and not view.full else zones
        seen[:] = _ZERO
        if view.full or view.traces:
            _see_cells(bodies.y[i], bodies.x[i], own, planes, factor, view, terms.torus, seen)
        else:
            _see_zones(bodies.y[i], bodies.x[i], own, planes, factor, view, terms.torus, seen)
        _see_others(i, own, bodies, grid, view, terms, seen)
        _see_self(i, own, bodies, view, terms.period, seen)
        if view.traces:
            trace(bodies.y[i], bodies.x[i], own, planes, view, terms.torus, visible)
            veil(visible, view, seen)
            if view.known_empty >= 0:
                place = (bodies.y[i], bodies.x[i])
                remember_empty(i, place, step, planes, visible, view, terms, memory, seen)
            if not view.full:
                draw_together(seen, view, zones)
        if not view.full:
            feel(i, step, bodies, terms, out[i, view.channels * _ZONES :])
        find_legal(i, step, room, bodies, planes, capacity, terms, mask[i])


@njit(nogil=True, cache=True, inline="always")
def own_radius(i, genome, radius):  # type: ignore[no-untyped-def]
    """How far the agent in slot i sees: from 2 cells to the farm's sight, by its trait."""
    return 2 + np.int64(_HALF + genome[i, SIGHT] * np.float32(radius - 2))


@njit(nogil=True, cache=True)
def _see_cells(y, x, own, planes, factor, view, torus, window):  # type: ignore[no-untyped-def]
    """Copy the planes of the map into the window; beyond a bounded farm there is rock."""
    side = planes.shape[0]
    width = 2 * view.radius + 1
    for dy in range(-own, own + 1):
        row = np.int64(y) + dy
        for dx in range(-own, own + 1):
            column = np.int64(x) + dx
            cell = ((view.radius + dy) * width + view.radius + dx) * view.channels
            if torus:
                row, column = row % side, column % side
            elif row < 0 or column < 0 or row >= side or column >= side:
                if view.rock_channel >= 0:
                    window[cell + view.rock_channel] = _ONE
                continue
            for k in range(factor.shape[0]):
                window[cell + k] = planes[row, column, view.plane[k]] * factor[k]


@njit(nogil=True, cache=True)
def _see_zones(y, x, own, planes, factor, view, torus, zones):  # type: ignore[no-untyped-def]
    """Sum the planes of the map over each zone's cells, as far as it sees, and weigh the sums."""
    side = planes.shape[0]
    middle_y, middle_x = np.int64(y), np.int64(x)
    inner = own <= middle_y < side - own and own <= middle_x < side - own
    for zone in range(_ZONES):
        top, bottom = max(view.block[zone, 0], -own), min(view.block[zone, 1], own)
        left, right = max(view.block[zone, 2], -own), min(view.block[zone, 3], own)
        for k in range(factor.shape[0]):
            plane = view.plane[k]
            total = _ZERO
            for dy in range(top, bottom + 1):
                for dx in range(left, right + 1):
                    row, column = middle_y + dy, middle_x + dx
                    if inner:
                        total += planes[row, column, plane]
                    elif torus:
                        total += planes[row % side, column % side, plane]
                    elif 0 <= row < side and 0 <= column < side:
                        total += planes[row, column, plane]
                    elif k == view.rock_channel:
                        total += _ONE
            zones[k * _ZONES + zone] = total * factor[k] * view.zone_weight[k, zone]


@njit(nogil=True, cache=True)
def _see_others(i, own, bodies, grid, view, terms, seen):  # type: ignore[no-untyped-def]
    """Put everyone in the window onto its channels, and note the nearest ally and enemy in reach."""
    x, y = bodies.x[i], bodies.y[i]
    corner_x, corner_y = x - np.floor(x), y - np.floor(y)  # from the middle cell's corner
    nearest_ally = nearest_enemy = terms.reach * terms.reach
    ally = enemy = np.int32(-1)
    kind = bodies.kind[i]
    alone = terms.solitary[kind]
    plane, (cell_start, cell_x, cell_y, _, cell_slot) = grid
    first_row, rows = span(y, np.float32(own + 1), plane)
    first, width = span(x, np.float32(own + 1), plane)
    for r in range(rows):
        row = around(first_row + r, plane[2])
        for part in range(parts(first, width, plane[2])):
            start, stop = stretch(row, first, width, part, plane[2], cell_start)
            for e in range(start, stop):
                j = cell_slot[e]
                if j == i:
                    continue
                dx, dy = gap(x, cell_x[e], terms.period), gap(y, cell_y[e], terms.period)
                square = dx * dx + dy * dy
                at_x, at_y = dx + corner_x, dy + corner_y
                if bodies.kind[j] == kind and not alone:
                    put(seen, own, at_x, at_y, bodies.health[j], view.allies, view)
                    put(seen, own, at_x, at_y, bodies.signal[j], view.ally_signal, view)
                    if _nearer(square, nearest_ally, j, ally, bodies.id):
                        nearest_ally, ally = square, j
                else:
                    put(seen, own, at_x, at_y, bodies.health[j], view.enemies, view)
                    if _nearer(square, nearest_enemy, j, enemy, bodies.id):
                        nearest_enemy, enemy = square, j
    bodies.ally[i] = ally
    bodies.enemy[i] = enemy


@njit(nogil=True, cache=True, inline="always")
def _nearer(square, best_square, j, best, ids):  # type: ignore[no-untyped-def]
    """Whether j is nearer than the best so far; ties go to the lower id, so that no slot decides."""
    return square < best_square or (square == best_square and (best < 0 or ids[j] < ids[best]))


@njit(nogil=True, cache=True)
def put(seen, own, dx, dy, value, channel, view):  # type: ignore[no-untyped-def]
    """Add `value` at (dx, dy) from the middle cell's corner: whole to the cell there, or to the nearest four in parts."""
    if channel < 0:
        return
    width = 2 * view.radius + 1
    middle = view.radius * width + view.radius
    offset = channel * view.stride
    if not view.bilinear:
        column, row = np.int64(np.floor(dx)), np.int64(np.floor(dy))
        if abs(column) <= own and abs(row) <= own:
            seen[view.place[middle + row * width + column] + offset] += value
        return
    left, top = np.floor(dx - _HALF), np.floor(dy - _HALF)
    part_x, part_y = dx - _HALF - left, dy - _HALF - top
    for corner in range(4):
        row, column = np.int64(top) + corner // 2, np.int64(left) + corner % 2
        weight_y = part_y if corner // 2 == 1 else _ONE - part_y
        weight_x = part_x if corner % 2 == 1 else _ONE - part_x
        if abs(column) <= own and abs(row) <= own:
            seen[view.place[middle + row * width + column] + offset] += value * weight_y * weight_x


@njit(nogil=True, cache=True)
def _see_self(i, own, bodies, view, period, seen):  # type: ignore[no-untyped-def]
    """Its own health everywhere, and its goal: where it lies, or where the way there leaves the window."""
    if view.self_health >= 0:
        for c in range(view.place.shape[0]):
            seen[view.place[c] + view.self_health * view.stride] = bodies.health[i]
    if view.goal >= 0 and bodies.goal_worth[i] > _ZERO:
        x, y = bodies.x[i], bodies.y[i]
        dx = gap(x, bodies.goal_x[i], period) + x - np.floor(x)
        dy = gap(y, bodies.goal_y[i], period) + y - np.floor(y)
        edge = np.float32(own)
        dx = min(max(dx, -edge + _HALF), edge + _HALF)
        dy = min(max(dy, -edge + _HALF), edge + _HALF)
        put(seen, own, dx, dy, bodies.goal_worth[i], view.goal, view)
