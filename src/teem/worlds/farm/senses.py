"""Own senses, and which actions would do something."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.worlds.farm.bodies import (
    ATTACK, COMMUNICATE, DEFEND, GATHER, PASS, REPRODUCE, SHARE,
)  # fmt: skip
from teem.worlds.farm.fields import ROCK
from teem.worlds.farm.rules.gather import on_offer
from teem.worlds.farm.rules.move import destination

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_ENOUGH = np.float32(0.02)  # joules on offer that are worth gathering
_MOVES = 8


@njit(nogil=True, cache=True)
def feel(i, step, bodies, terms, out):  # type: ignore[no-untyped-def]
    """Write the own senses, in the order of `view.OWN_SENSES`."""
    age = step - bodies.born[i]
    energy = bodies.energy[i]
    out[0] = energy / terms.energy_max
    out[1] = bodies.health[i]
    out[2] = np.float32(age) / np.float32(terms.age_max)
    out[3] = bodies.gathered[i] / terms.gather_rate
    out[4] = bodies.hurt[i]
    out[5] = _ONE if energy >= terms.breed_energy and age >= terms.maturity else _ZERO
    out[6] = bodies.signal[i]
    out[7] = bodies.x[i] - np.floor(bodies.x[i]) - _HALF
    out[8] = bodies.y[i] - np.floor(bodies.y[i]) - _HALF
    ally, enemy = bodies.ally[i], bodies.enemy[i]
    out[9] = bodies.energy[ally] / terms.energy_max if ally >= 0 else _ZERO
    out[10] = bodies.health[enemy] if enemy >= 0 else _ZERO


@njit(nogil=True, cache=True)
def find_legal(i, step, room, bodies, planes, capacity, terms, mask):  # type: ignore[no-untyped-def]
    """Mark the actions that would do something; to defend, to communicate and to pass are always legal."""
    x, y, energy = bodies.x[i], bodies.y[i], bodies.energy[i]
    for way in range(_MOVES):
        to_x, to_y, inside = destination(i, way, bodies, terms)
        mask[way] = inside and planes[np.int32(to_y), np.int32(to_x), ROCK] == _ZERO
    offer = on_offer(np.int32(y), np.int32(x), planes, capacity, terms)
    mask[GATHER] = offer > _ENOUGH and energy < terms.energy_max
    mask[SHARE] = bodies.ally[i] >= 0 and energy > _ZERO
    mask[ATTACK] = bodies.enemy[i] >= 0
    mask[DEFEND] = True
    ripe = step - bodies.born[i] >= terms.maturity and energy >= terms.breed_energy
    mask[REPRODUCE] = room > 0 and ripe
    mask[COMMUNICATE] = True
    mask[PASS] = True
