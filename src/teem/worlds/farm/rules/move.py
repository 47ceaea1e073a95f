"""Move: a step in one of eight directions, as far as the speed trait allows."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.worlds.farm.bodies import SPEED, WAY_X, WAY_Y
from teem.worlds.farm.fields import ROCK, TERRAIN

_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_ZERO = np.float32(0.0)


@njit(nogil=True, cache=True, inline="always")
def wrapped(place, size):  # type: ignore[no-untyped-def]
    """A coordinate brought back onto the torus, in [0, size)."""
    if place < _ZERO:
        place += size
    if place >= size:  # also when a tiny negative rounded up to size itself
        place -= size
    return place


@njit(nogil=True, cache=True, inline="always")
def destination(x, y, way, speed, terms):  # type: ignore[no-untyped-def]
    """Where direction `way` leads from (x, y): (x, y, inside); outside only on a bounded farm."""
    distance = terms.move_distance * (_HALF + _HALF * speed)
    x = x + distance * WAY_X[way]
    y = y + distance * WAY_Y[way]
    if terms.torus:
        return wrapped(x, terms.size), wrapped(y, terms.size), True
    inside = x >= _ZERO and y >= _ZERO and x < terms.size and y < terms.size
    return x, y, inside


@njit(nogil=True, cache=True)
def move(living, action, bodies, planes, terms, trails, trail_scale):  # type: ignore[no-untyped-def]
    """Move those who chose to; changes x, y, energy and the trails. Returns the joules spent.

    A way that ends on rock or beyond the wall is not taken and costs nothing.
    """
    xs, ys, energy, genome = bodies.x, bodies.y, bodies.energy, bodies.genome
    spent = 0.0
    for i in living:
        if action[i] >= 8:
            continue
        x, y, inside = destination(xs[i], ys[i], action[i], genome[i, SPEED], terms)
        if not inside or planes[np.int32(y), np.int32(x), ROCK] > _ZERO:
            continue
        distance = terms.move_distance * (_HALF + _HALF * genome[i, SPEED])
        steepness = planes[np.int32(ys[i]), np.int32(xs[i]), TERRAIN]
        cost = min(energy[i], terms.move_cost * distance * (_ONE + terms.roughness * steepness))
        xs[i] = x
        ys[i] = y
        energy[i] -= cost
        spent += cost
        if trails >= 0:
            planes[np.int32(y), np.int32(x), trails] += _ONE / trail_scale
    return spent


def move_plain(living, action, bodies, planes, terms, trails, trail_scale):  # type: ignore[no-untyped-def]
    """The specification of `move`, in float64 and without kernels."""
    spent = 0.0
    size = float(terms.size)
    for i in living:
        if action[i] >= 8:
            continue
        distance = float(terms.move_distance) * (0.5 + 0.5 * float(bodies.genome[i, SPEED]))
        x = float(bodies.x[i]) + distance * float(WAY_X[action[i]])
        y = float(bodies.y[i]) + distance * float(WAY_Y[action[i]])
        if terms.torus:
            x, y = x % size, y % size
        elif not (0 <= x < size and 0 <= y < size):
            continue
        if planes[int(y), int(x), ROCK] > 0:
            continue
        steepness = float(planes[int(bodies.y[i]), int(bodies.x[i]), TERRAIN])
        full = float(terms.move_cost) * distance * (1 + float(terms.roughness) * steepness)
        cost = min(float(bodies.energy[i]), full)
        bodies.x[i], bodies.y[i] = x, y
        bodies.energy[i] -= cost
        spent += cost
        if trails >= 0:
            planes[int(y), int(x), trails] += 1 / trail_scale
    return spent
