"""The crawlers' rules but for physics: eating, what living takes, what a decision was worth, stranding and dying.

Each is a kernel beside its plain twin. `population` and `creatures` are their columns, `terms` the settings as numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from teem.config.crawlers import CrawlersSettings
from teem.worlds.crawlers.ground import TILE

CAUSES = ("starvation", "age", "wall")
STARVATION, AGE, WALLED = range(len(CAUSES))

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)


class Terms(NamedTuple):
    """The settings the rules need."""

    upkeep: np.float32
    motor_cost: np.float32
    starvation: np.float32
    progress: np.float32
    work: np.float32
    posture: np.float32  # a step
    stranded: int
    weary: np.float32  # joules


def terms_of(settings: CrawlersSettings) -> Terms:
    """The settings as the kernels take them."""
    worth = settings.reward
    return Terms(
        upkeep=np.float32(settings.upkeep),
        motor_cost=np.float32(settings.motor_cost),
        starvation=np.float32(settings.starvation),
        progress=np.float32(worth.progress),
        work=np.float32(worth.work),
        posture=np.float32(worth.posture / settings.decision),
        stranded=settings.stranded,
        weary=np.float32(settings.immobile * settings.energy_max),
    )


@njit(nogil=True, cache=True)
def note_places(living, tile, pose, place_x, place_y, x, birthplace, feats, made):  # type: ignore[no-untyped-def]
    """Take over where everyone has got to; changes places, feats and `made`, the metres of this step."""
    for i in living:
        here = tile[i] * TILE + np.float64(pose[i, 0, 0])
        made[i] = here - x[i]
        x[i] = here
        feats[i] = here - birthplace[i]
        place_x[i], place_y[i] = here, pose[i, 0, 1]


@njit(nogil=True, cache=True)
def metabolise(living, work, energy, health, terms):  # type: ignore[no-untyped-def]
    """Take what living and the motors' `work` cost; changes energy and health. Returns the joules taken.

    Without energy, health falls; with it, health comes back at the same rate.
    """
    taken = 0.0
    for i in living:
        cost = min(energy[i], terms.upkeep + terms.motor_cost * work[i])
        energy[i] -= cost
        taken += cost
        change = terms.starvation if energy[i] > _ZERO else -terms.starvation
        health[i] = min(max(health[i] + change, _ZERO), _ONE)
    return taken


@njit(nogil=True, cache=True)
def tire(living, energy, immobile, terms, out):  # type: ignore[no-untyped-def]
    """Write those who have got too weary to move, or have recovered, into `out`; returns how many. Changes immobile."""
    count = 0
    for i in living:
        weary = energy[i] < terms.weary
        if weary != immobile[i]:
            immobile[i] = weary
            out[count] = i
            count += 1
    return count


@njit(nogil=True, cache=True)
def judge(living, made, work, pose, reward, terms):  # type: ignore[no-untyped-def]
    """Reward metres made to the right, motors' work and a level chassis; changes reward alone."""
    for i in living:
        reward[i] += terms.progress * np.float32(made[i]) + terms.work * work[i] + terms.posture * pose[i, 0, 2]


@njit(nogil=True, cache=True)
def find_stranded(living, step, x, farthest, advanced, terms, out):  # type: ignore[no-untyped-def]
    """Write those who have made no new metre for too long into `out`; returns how many. Changes farthest, advanced."""
    count = 0
    for i in living:
        if x[i] >= farthest[i] + 1.0:
            farthest[i] = x[i]
            advanced[i] = step
        if terms.stranded > 0 and step - advanced[i] >= terms.stranded:
            farthest[i] = x[i]
            advanced[i] = step
            out[count] = i
            count += 1
    return count


@njit(nogil=True, cache=True)
def find_doomed(living, step, wall, x, ends, health, terms, out, cause):  # type: ignore[no-untyped-def]
    """Write those who die in this step, and of what, into `out` and `cause`; returns how many.

    The wall, at `wall` metres, buries who stays behind it.
    """
    count = 0
    for i in living:
        behind, starved, old = x[i] < wall, health[i] <= _ZERO, step >= ends[i]
        if behind or starved or old:
            out[count] = i
            cause[count] = WALLED if behind else STARVATION if starved else AGE
            count += 1
    return count
