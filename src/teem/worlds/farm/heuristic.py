"""A scripted farmer, for comparison: breed when you can, eat where it pays, else walk to the best cell in sight."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.worlds.farm.bodies import GATHER, PASS, REPRODUCE, SIGHT, WAY_X, WAY_Y
from teem.worlds.farm.fields import RESOURCES
from teem.worlds.farm.rules.gather import on_offer
from teem.worlds.farm.terrain import own_radius

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_WORTH_STAYING = np.float32(0.3)  # joules on offer
_MOVES = 8


@njit(nogil=True, cache=True)
def farm_by_rule(living, bodies, planes, capacity, view, terms, mask, action):  # type: ignore[no-untyped-def]
    """Write each agent's choice into `action`; it sees no farther than the agent does."""
    xs, ys, genome, radius = bodies.x, bodies.y, bodies.genome, view.radius
    for i in living:
        if mask[i, REPRODUCE]:
            action[i] = REPRODUCE
            continue
        y, x = np.int64(ys[i]), np.int64(xs[i])
        if mask[i, GATHER] and on_offer(planes[y, x, RESOURCES], capacity[y, x], terms) > _WORTH_STAYING:
            action[i] = GATHER
            continue
        dy, dx = _best_cell(y, x, genome[i, SIGHT], planes, capacity, radius, terms)
        action[i] = _way_towards(dy, dx, mask[i])
        if action[i] == PASS and mask[i, GATHER]:
            action[i] = GATHER


@njit(**INNER)
def _best_cell(y, x, sight, planes, capacity, radius, terms):  # type: ignore[no-untyped-def]
    """The offset (dy, dx) with the most on offer for its distance; (0, 0) if there is nothing in sight."""
    side = planes.shape[0]
    own = own_radius(sight, radius)
    best, best_dy, best_dx = _ZERO, 0, 0
    for dy in range(-own, own + 1):
        for dx in range(-own, own + 1):
            row, column = y + dy, x + dx
            if terms.torus:
                row, column = row % side, column % side
            elif row < 0 or column < 0 or row >= side or column >= side:
                continue
            distance = np.float32(np.sqrt(np.float32(dy * dy + dx * dx)))
            offer = on_offer(planes[row, column, RESOURCES], capacity[row, column], terms)
            worth = offer / (_ONE + distance)
            if (dy != 0 or dx != 0) and worth > best:
                best, best_dy, best_dx = worth, dy, dx
    return best_dy, best_dx


@njit(**INNER)
def _way_towards(dy, dx, mask):  # type: ignore[no-untyped-def]
    """The legal direction nearest to (dy, dx); where there is nothing to go to, the first legal one from the east."""
    best = -np.float32(np.inf)
    chosen = PASS
    for way in range(_MOVES):
        along = WAY_X[way] * np.float32(dx) + WAY_Y[way] * np.float32(dy)
        if mask[way] and along > best:
            best, chosen = along, way
    return chosen
