"""The others as an agent sees them, and what it knows of itself: points put onto channels."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.space.cells import around, parts, span, stretch
from teem.space.distance import gap
from teem.worlds.farm.bodies import SIGHT
from teem.worlds.farm.terrain import own_radius

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)


@njit(nogil=True, cache=True)
def see_others(who, row, bodies, grid, view, charts, terms, kinds, seen):  # type: ignore[no-untyped-def]
    """Put everyone in sight onto the channels, and note the nearest in reach; changes ally and enemy too."""
    xs, ys, kind, genome, allies, enemies = bodies.x, bodies.y, bodies.kind, bodies.genome, bodies.ally, bodies.enemy
    ids, health, signal, solitary, place = bodies.id, bodies.health, bodies.signal, kinds.solitary, charts.place
    plane, (cell_start, cell_x, cell_y, _, cell_slot) = grid
    columns, radius, period, reach2 = plane[2], view.radius, terms.period, terms.reach * terms.reach
    stride, corners = view.stride, 4 if view.bilinear else 1
    margin = _ONE + _HALF if view.bilinear else _ONE  # in parts, a point is seen half a cell farther off
    for n in range(who.shape[0]):
        i, to = who[n], row[n]
        x, y, own = xs[i], ys[i], own_radius(genome[i, SIGHT], radius)
        corner_x, corner_y = x - np.floor(x), y - np.floor(y)  # from the middle cell's corner
        ally = enemy = np.int32(-1)
        ally2 = enemy2 = reach2
        far = max(np.float32(own) + margin, terms.reach)
        first_row, rows = span(y, far, plane)
        first, width = span(x, far, plane)
        strips = parts(first, width, columns)
        for strip in range(rows * strips):
            line = around(first_row + strip // strips, columns)
            start, stop = stretch(line, first, width, strip % strips, columns, cell_start)
            for e in range(start, stop):
                j = cell_slot[e]
                if j == i:
                    continue
                dx, dy = gap(x, cell_x[e], period), gap(y, cell_y[e], period)
                friend = kind[j] == kind[i] and not solitary[kind[i]]
                shown, heard = (view.allies, view.ally_signal) if friend else (view.enemies, -1)
                for corner in range(corners):
                    cell, weight = spread(corner, dx + corner_x, dy + corner_y, own, radius, view.bilinear)
                    if cell >= 0 and shown >= 0:
                        seen[to, place[cell] + shown * stride] += weight * health[j]
                    if cell >= 0 and heard >= 0:
                        seen[to, place[cell] + heard * stride] += weight * signal[j]
                square = dx * dx + dy * dy
                if square > reach2:  # most are: asked first, since whether they are friends is anybody's guess
                    continue
                if friend and _nearer(square, ally2, ally < 0, ids[j], ids[ally]):
                    ally2, ally = square, j
                elif not friend and _nearer(square, enemy2, enemy < 0, ids[j], ids[enemy]):
                    enemy2, enemy = square, j
        allies[i], enemies[i] = ally, enemy


@njit(nogil=True, cache=True, inline="always")
def _nearer(square, best_square, first, id_, best_id):  # type: ignore[no-untyped-def]
    """Whether somebody is nearer than the best so far; ties go to the lower id, so that no slot decides."""
    return square < best_square or (square == best_square and (first or id_ < best_id))


@njit(nogil=True, cache=True, inline="always")
def spread(corner, dx, dy, own, radius, bilinear):  # type: ignore[no-untyped-def]
    """The cell a point at (dx, dy) from the middle cell's corner falls on, and with what weight: (cell, weight).

    Whole to the cell it is in (corner 0), or in parts to the nearest four. The cell is -1 beyond the sight.
    """
    row, column, weight = np.int64(np.floor(dy)), np.int64(np.floor(dx)), _ONE
    if bilinear:
        top, left = np.floor(dy - _HALF), np.floor(dx - _HALF)
        part_y, part_x = dy - _HALF - top, dx - _HALF - left
        row, column = np.int64(top) + corner // 2, np.int64(left) + corner % 2
        weight = (part_y if corner // 2 == 1 else _ONE - part_y) * (part_x if corner % 2 == 1 else _ONE - part_x)
    inside = abs(row) <= own and abs(column) <= own
    return ((row + radius) * (2 * radius + 1) + column + radius if inside else -1), weight


@njit(**INNER)
def see_self(who, row, bodies, view, charts, terms, seen):  # type: ignore[no-untyped-def]
    """Put its own health everywhere, and its goal where it lies, or where the way there leaves the window."""
    place, stride, own_health = charts.place, view.stride, view.self_health * view.stride
    xs, ys, genome, health = bodies.x, bodies.y, bodies.genome, bodies.health
    goal_x, goal_y, worth = bodies.goal_x, bodies.goal_y, bodies.goal_worth
    for n in range(who.shape[0]):
        i, to = who[n], row[n]
        if view.self_health >= 0:
            for c in range(place.shape[0]):
                seen[to, place[c] + own_health] = health[i]
        if view.goal >= 0 and worth[i] > _ZERO:
            own = own_radius(genome[i, SIGHT], view.radius)
            x, y, edge = xs[i], ys[i], np.float32(own)
            dx = gap(x, goal_x[i], terms.period) + x - np.floor(x)
            dy = gap(y, goal_y[i], terms.period) + y - np.floor(y)
            dx = min(max(dx, -edge + _HALF), edge + _HALF)
            dy = min(max(dy, -edge + _HALF), edge + _HALF)
            for corner in range(4 if view.bilinear else 1):
                cell, weight = spread(corner, dx, dy, own, view.radius, view.bilinear)
                if cell >= 0:
                    seen[to, place[cell] + view.goal * stride] += weight * worth[i]
