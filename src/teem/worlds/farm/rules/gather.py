"""Gather: take what the cell underfoot offers, shared among all who gather there."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.worlds.farm.bodies import GATHER, METABOLISM
from teem.worlds.farm.fields import RESOURCES

_HALF = np.float32(0.5)
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_GOAL_FADES = np.float32(0.995)


@njit(nogil=True, cache=True, inline="always")
def on_offer(here, full, terms):  # type: ignore[no-untyped-def]
    """Joules that can be taken from a cell that holds `here`: all but its roots, from which it grows again."""
    return max(_ZERO, here - terms.roots * full)


@njit(nogil=True, cache=True, inline="always")
def appetite(energy, metabolism, terms):  # type: ignore[no-untyped-def]
    """Joules an agent can take in one step."""
    return min(terms.gather_rate * (_HALF + metabolism), terms.energy_max - energy)


@njit(nogil=True, cache=True)
def gather(living, action, bodies, planes, capacity, terms, demand):  # type: ignore[no-untyped-def]
    """Feed the gatherers; changes energy, gathered, feats, reward, goals and the resources.

    Where more is wanted than offered, each gets the same part of what it wants, so that nobody is served first.
    `demand[side, side]` is scratch, all zero before and after. Returns the joules gathered.
    """
    xs, ys, energy, genome, gathered = bodies.x, bodies.y, bodies.energy, bodies.genome, bodies.gathered
    for i in living:
        gathered[i] = _ZERO
        if action[i] == GATHER:
            demand[np.int32(ys[i]), np.int32(xs[i])] += appetite(energy[i], genome[i, METABOLISM], terms)
    for i in living:
        if action[i] == GATHER:
            y, x = np.int32(ys[i]), np.int32(xs[i])
            offer = on_offer(planes[y, x, RESOURCES], capacity[y, x], terms)
            wanted = demand[y, x]
            part = min(_ONE, offer / wanted) if wanted > _ZERO else _ZERO
            gathered[i] = part * appetite(energy[i], genome[i, METABOLISM], terms)
    total = 0.0
    for i in living:
        if action[i] == GATHER:
            y, x = np.int32(ys[i]), np.int32(xs[i])
            demand[y, x] = _ZERO
            gathered[i] = min(gathered[i], planes[y, x, RESOURCES])
            planes[y, x, RESOURCES] -= gathered[i]
            energy[i] += gathered[i]
            total += gathered[i]
    _enjoy(living, bodies, terms)
    return total


@njit(**INNER)
def _enjoy(living, bodies, terms):  # type: ignore[no-untyped-def]
    """Reward what was gathered, and make the best place so far the goal; goals fade."""
    gathered, feats, reward, worth = bodies.gathered, bodies.feats, bodies.reward, bodies.goal_worth
    goal_x, goal_y, xs, ys = bodies.goal_x, bodies.goal_y, bodies.x, bodies.y
    for i in living:
        feats[i] += gathered[i]
        reward[i] += terms.reward_gather * gathered[i]
        worth[i] *= _GOAL_FADES
        if gathered[i] > worth[i]:
            worth[i] = gathered[i]
            goal_x[i] = xs[i]
            goal_y[i] = ys[i]


def gather_plain(living, action, bodies, planes, capacity, terms):  # type: ignore[no-untyped-def]
    """The specification of `gather`: cell by cell, then agent by agent."""
    total = 0.0
    guests: dict[tuple[int, int], list[int]] = {}
    for i in living:
        bodies.gathered[i] = 0
        bodies.goal_worth[i] *= _GOAL_FADES
        if action[i] == GATHER:
            guests.setdefault((int(bodies.y[i]), int(bodies.x[i])), []).append(i)
    for (y, x), slots in guests.items():
        offer = max(0.0, float(planes[y, x, RESOURCES]) - float(terms.roots) * float(capacity[y, x]))
        wants = [
            min(
                float(terms.gather_rate) * (0.5 + float(bodies.genome[i, METABOLISM])),
                float(terms.energy_max) - float(bodies.energy[i]),
            )
            for i in slots
        ]
        part = min(1.0, offer / sum(wants)) if sum(wants) > 0 else 0.0
        for i, want in zip(slots, wants, strict=True):
            got = part * want
            planes[y, x, RESOURCES] -= got
            bodies.gathered[i] = got
            bodies.energy[i] += got
            bodies.feats[i] += got
            bodies.reward[i] += terms.reward_gather * got
            total += got
            if got > bodies.goal_worth[i]:
                bodies.goal_worth[i] = got
                bodies.goal_x[i], bodies.goal_y[i] = bodies.x[i], bodies.y[i]
    return total
