"""Fight: hurt the enemy in reach and take some of what it carries; a defender is hurt less."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.space.distance import distance2
from teem.worlds.farm.bodies import ATTACK, DEFEND, STRENGTH

_HALF = np.float32(0.5)
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)


@njit(nogil=True, cache=True, inline="always")
def within_reach(x, y, other_x, other_y, terms):  # type: ignore[no-untyped-def]
    """Whether two places are no farther apart than the reach."""
    return distance2(x, y, other_x, other_y, terms.period) <= terms.reach * terms.reach


@njit(nogil=True, cache=True)
def fight(living, action, target, bodies, planes, terms, kinds, heat, heat_scale):  # type: ignore[no-untyped-def]
    """Strike all blows at once, then take loot by rising id.

    Changes hurt, health, energy, reward, defending, `target` (ids) and the heat. An enemy that has moved out of
    reach since it was seen has dodged: the blow costs its energy and hits nobody. Returns the joules spent.
    """
    x, y, energy, health, hurt = bodies.x, bodies.y, bodies.energy, bodies.health, bodies.hurt
    reward, defending, genome, enemy = bodies.reward, bodies.defending, bodies.genome, bodies.enemy
    for i in living:
        hurt[i] = _ZERO
        defending[i] = action[i] == DEFEND
    spent = 0.0
    for i in living:
        if action[i] != ATTACK:
            continue
        cost = min(energy[i], terms.attack_cost)
        energy[i] -= cost
        spent += cost
        j = enemy[i]
        if not within_reach(x[i], y[i], x[j], y[j], terms):
            continue
        target[i] = bodies.id[j]
        damage = terms.attack_damage * (_HALF + genome[i, STRENGTH]) * (terms.shield if defending[j] else _ONE)
        hurt[j] += damage
        reward[i] += kinds.reward_harm[bodies.kind[i]] * damage
        if heat >= 0:
            planes[np.int32(y[j]), np.int32(x[j]), heat] += damage / heat_scale
        loot = min(terms.loot * energy[j], terms.energy_max - energy[i])
        energy[i] += loot
        energy[j] -= loot
    for i in living:
        health[i] -= hurt[i]
        reward[i] += terms.reward_damage * hurt[i]
    return spent


def fight_plain(living, action, target, bodies, planes, terms, kinds, heat, heat_scale):  # type: ignore[no-untyped-def]
    """The specification of `fight`: who hits whom first, then what each blow does."""
    bodies.hurt[living] = 0
    bodies.defending[living] = action[living] == DEFEND
    spent = 0.0
    size = float(terms.size)
    for i in (i for i in living if action[i] == ATTACK):
        j = bodies.enemy[i]
        spent += min(float(bodies.energy[i]), float(terms.attack_cost))
        bodies.energy[i] = max(float(bodies.energy[i]) - float(terms.attack_cost), 0.0)
        gap = np.abs([float(bodies.x[i]) - float(bodies.x[j]), float(bodies.y[i]) - float(bodies.y[j])])
        gap = np.minimum(gap, size - gap) if terms.torus else gap
        if np.hypot(*gap) > terms.reach:
            continue
        target[i] = bodies.id[j]
        shield = terms.shield if action[j] == DEFEND else 1.0
        damage = terms.attack_damage * (0.5 + bodies.genome[i, STRENGTH]) * shield
        bodies.hurt[j] += damage
        bodies.reward[i] += kinds.reward_harm[bodies.kind[i]] * damage
        if heat >= 0:
            planes[int(bodies.y[j]), int(bodies.x[j]), heat] += damage / heat_scale
        loot = min(terms.loot * bodies.energy[j], terms.energy_max - bodies.energy[i])
        bodies.energy[i] += loot
        bodies.energy[j] -= loot
    bodies.health[living] -= bodies.hurt[living]
    bodies.reward[living] += terms.reward_damage * bodies.hurt[living]
    return spent
