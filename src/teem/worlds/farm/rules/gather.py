"""Gather: take what the cell underfoot offers, shared among all who gather there."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.worlds.farm.bodies import GATHER, METABOLISM
from teem.worlds.farm.fields import RESOURCES

_HALF = np.float32(0.5)
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_GOAL_FADES = np.float32(0.995)


@njit(nogil=True, cache=True, inline="always")
def on_offer(y, x, planes, capacity, terms):  # type: ignore[no-untyped-def]
    """Joules that can be taken from a cell: all but its roots, from which it grows again."""
    return max(_ZERO, planes[y, x, RESOURCES] - terms.roots * capacity[y, x])


@njit(nogil=True, cache=True, inline="always")
def appetite(i, bodies, terms):  # type: ignore[no-untyped-def]
    """Joules the agent in slot i can take in one step."""
    rate = terms.gather_rate * (_HALF + bodies.genome[i, METABOLISM])
    return min(rate, terms.energy_max - bodies.energy[i])


@njit(nogil=True, cache=True)
def gather(living, action, bodies, planes, capacity, terms, demand):  # type: ignore[no-untyped-def]
    """Feed the gatherers; changes energy, gathered, feats, reward, goals and the resources.

    Where more is wanted than offered, each gets the same part of what it wants, so that nobody is served first.
    `demand[side, side]` is scratch, all zero before and after. Returns the joules gathered.
    """
    for i in living:
        bodies.gathered[i] = _ZERO
        bodies.goal_worth[i] *= _GOAL_FADES
        if action[i] == GATHER:
            demand[np.int32(bodies.y[i]), np.int32(bodies.x[i])] += appetite(i, bodies, terms)
    for i in living:
        if action[i] == GATHER:
            y, x = np.int32(bodies.y[i]), np.int32(bodies.x[i])
            offer = on_offer(y, x, planes, capacity, terms)
            wanted = demand[y, x]
            part = min(_ONE, offer / wanted) if wanted > _ZERO else _ZERO
            bodies.gathered[i] = part * appetite(i, bodies, terms)
    total = 0.0
    for i in living:
        if action[i] == GATHER:
            y, x = np.int32(bodies.y[i]), np.int32(bodies.x[i])
            demand[y, x] = _ZERO
            got = min(bodies.gathered[i], planes[y, x, RESOURCES])
            planes[y, x, RESOURCES] -= got
            total += got
            _enjoy(i, got, bodies, terms)
    return total


@njit(nogil=True, cache=True, inline="always")
def _enjoy(i, got, bodies, terms):  # type: ignore[no-untyped-def]
    bodies.gathered[i] = got
    bodies.energy[i] += got
    bodies.feats[i] += got
    bodies.reward[i] += terms.reward_gather * got
    if got > bodies.goal_worth[i]:
        bodies.goal_worth[i] = got
        bodies.goal_x[i] = bodies.x[i]
        bodies.goal_y[i] = bodies.y[i]


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
