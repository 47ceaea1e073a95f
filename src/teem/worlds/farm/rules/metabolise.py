"""Metabolise and die: what living costs, and when it ends."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.worlds.farm.bodies import AGE, COMBAT, METABOLISM, STARVATION

_HALF = np.float32(0.5)
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)


@njit(nogil=True, cache=True)
def metabolise(living, bodies, terms):  # type: ignore[no-untyped-def]
    """Take each agent's upkeep from its energy; without energy it starves, with energy it heals.

    Changes energy and health. Returns the joules spent.
    """
    energy, health, genome = bodies.energy, bodies.health, bodies.genome
    spent = 0.0
    for i in living:
        cost = min(energy[i], terms.upkeep * (_HALF + genome[i, METABOLISM]))
        energy[i] -= cost
        spent += cost
        if energy[i] <= _ZERO:
            health[i] -= terms.starvation
        elif health[i] > _ZERO:
            health[i] = min(_ONE, health[i] + terms.healing)
    return spent


@njit(nogil=True, cache=True)
def die(living, bodies, terms, step, terminated, dead, cause):  # type: ignore[no-untyped-def]
    """Find whom lack of health or age ends; changes reward, `terminated`, and fills `dead` and `cause`.

    Returns (how many, the joules they leave behind, which are lost).
    """
    health, born = bodies.health, bodies.born
    count = 0
    lost = 0.0
    for i in living:
        old = step - born[i] >= terms.age_max
        terminated[i] = old or health[i] <= _ZERO
        if not terminated[i]:
            continue
        if health[i] > _ZERO:
            cause[count] = AGE
        else:
            cause[count] = COMBAT if bodies.hurt[i] > _ZERO else STARVATION
            bodies.reward[i] += terms.reward_death
        dead[count] = i
        count += 1
        lost += bodies.energy[i]
    return count, lost


def metabolise_plain(living, bodies, terms):  # type: ignore[no-untyped-def]
    """The specification of `metabolise`."""
    cost = np.minimum(bodies.energy[living], terms.upkeep * (0.5 + bodies.genome[living, METABOLISM]))
    bodies.energy[living] -= cost
    starving = bodies.energy[living] <= 0
    health = bodies.health[living]
    healed = np.where(health > 0, np.minimum(1, health + terms.healing), health)
    bodies.health[living] = np.where(starving, health - terms.starvation, healed)
    return float(cost.sum(dtype=np.float64))


def die_plain(living, bodies, terms, step):  # type: ignore[no-untyped-def]
    """The specification of `die`: (slots, causes, joules lost); changes reward alone."""
    old = step - bodies.born[living] >= terms.age_max
    spent = bodies.health[living] <= 0
    dead = living[old | spent]
    unhealthy = bodies.health[dead] <= 0
    cause = np.where(unhealthy, np.where(bodies.hurt[dead] > 0, COMBAT, STARVATION), AGE)
    bodies.reward[dead[unhealthy]] += terms.reward_death
    return dead, cause, float(bodies.energy[dead].sum(dtype=np.float64))
