"""Share and communicate: what agents give their allies, joules and signals."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.worlds.farm.bodies import COMMUNICATE, SHARE, SHARING
from teem.worlds.farm.fields import RESOURCES
from teem.worlds.farm.rules.fight import within_reach

_HALF = np.float32(0.5)


@njit(nogil=True, cache=True)
def share(living, action, target, bodies, terms, kinds):  # type: ignore[no-untyped-def]
    """Give joules to the ally in reach, by rising id; changes energy, reward and `target`. Returns the joules given.

    The sharing trait sets how much; nobody gives more than half of what it has, or more than the ally can hold.
    """
    x, y, energy = bodies.x, bodies.y, bodies.energy
    total = 0.0
    for i in living:
        if action[i] != SHARE:
            continue
        j = bodies.ally[i]
        if not within_reach(x[i], y[i], x[j], y[j], terms):
            continue
        given = min(terms.share_amount * bodies.genome[i, SHARING], _HALF * energy[i])
        given = min(given, terms.energy_max - energy[j])
        energy[i] -= given
        energy[j] += given
        bodies.reward[i] += kinds.reward_share[bodies.kind[i]] * given
        target[i] = bodies.id[j]
        total += given
    return total


@njit(nogil=True, cache=True)
def communicate(living, action, bodies, planes, terms):  # type: ignore[no-untyped-def]
    """Tell allies how rich the ground underfoot is; signals fade. Changes `signal` alone."""
    x, y, signal = bodies.x, bodies.y, bodies.signal
    for i in living:
        signal[i] *= terms.decay
        if action[i] == COMMUNICATE:
            wealth = planes[np.int32(y[i]), np.int32(x[i]), RESOURCES] / terms.cell_capacity
            signal[i] = max(signal[i], wealth)


def share_plain(living, action, target, bodies, terms, kinds):  # type: ignore[no-untyped-def]
    """The specification of `share`."""
    total = 0.0
    size = float(terms.size)
    for i in (i for i in living if action[i] == SHARE):
        j = bodies.ally[i]
        gap = np.abs([float(bodies.x[i]) - float(bodies.x[j]), float(bodies.y[i]) - float(bodies.y[j])])
        gap = np.minimum(gap, size - gap) if terms.torus else gap
        if np.hypot(*gap) > terms.reach:
            continue
        given = min(
            terms.share_amount * bodies.genome[i, SHARING],
            bodies.energy[i] / 2,
            terms.energy_max - bodies.energy[j],
        )
        bodies.energy[i] -= given
        bodies.energy[j] += given
        bodies.reward[i] += kinds.reward_share[bodies.kind[i]] * given
        target[i] = bodies.id[j]
        total += float(given)
    return total


def communicate_plain(living, action, bodies, planes, terms):  # type: ignore[no-untyped-def]
    """The specification of `communicate`."""
    here = planes[bodies.y[living].astype(int), bodies.x[living].astype(int), RESOURCES] / terms.cell_capacity
    faded = bodies.signal[living] * terms.decay
    bodies.signal[living] = np.where(action[living] == COMMUNICATE, np.maximum(faded, here), faded)
