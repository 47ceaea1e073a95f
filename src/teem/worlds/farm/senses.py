"""Own senses, and which actions would do something."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.worlds.farm.bodies import (
    ATTACK,
    COMMUNICATE,
    DEFEND,
    GATHER,
    PASS,
    REPRODUCE,
    SHARE,
    SPEED,
)  # fmt: skip
from teem.worlds.farm.fields import RESOURCES, ROCK
from teem.worlds.farm.rules.gather import on_offer
from teem.worlds.farm.rules.move import destination

_ZERO = np.float32(0.0)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_ENOUGH = np.float32(0.02)  # joules on offer that are worth gathering
_MOVES = 8


@njit(nogil=True, cache=True)
def feel(who, step, bodies, terms, out, first):  # type: ignore[no-untyped-def]
    """Write the own senses from column `first` on, in the order of `view.OWN_SENSES`."""
    x, y, energy, health, born = bodies.x, bodies.y, bodies.energy, bodies.health, bodies.born
    gathered, hurt, signal, ally, enemy = (
        bodies.gathered,
        bodies.hurt,
        bodies.signal,
        bodies.ally,
        bodies.enemy,
    )
    for i in who:
        age = step - born[i]
        ripe = energy[i] >= terms.breed_energy and age >= terms.maturity
        out[i, first] = energy[i] / terms.energy_max
        out[i, first + 1] = health[i]
        out[i, first + 2] = np.float32(age) / np.float32(terms.age_max)
        out[i, first + 3] = gathered[i] / terms.gather_rate
        out[i, first + 4] = hurt[i]
        out[i, first + 5] = _ONE if ripe else _ZERO
        out[i, first + 6] = signal[i]
        out[i, first + 7] = x[i] - np.floor(x[i]) - _HALF
        out[i, first + 8] = y[i] - np.floor(y[i]) - _HALF
        out[i, first + 9] = energy[ally[i]] / terms.energy_max if ally[i] >= 0 else _ZERO
        out[i, first + 10] = health[enemy[i]] if enemy[i] >= 0 else _ZERO


@njit(**INNER)
def find_legal(who, step, room, bodies, planes, capacity, terms, mask):  # type: ignore[no-untyped-def]
    """Mark the actions that would do something; to defend, to communicate and to pass are always legal."""
    xs, ys, energy, genome, born = bodies.x, bodies.y, bodies.energy, bodies.genome, bodies.born
    ally, enemy = bodies.ally, bodies.enemy
    for i in who:
        x, y = xs[i], ys[i]
        for way in range(_MOVES):
            to_x, to_y, inside = destination(x, y, way, genome[i, SPEED], terms)
            there = np.uint64(np.int32(to_y)), np.uint64(np.int32(to_x))  # unsigned: no wraparound to look out for
            mask[i, way] = inside and planes[there[0], there[1], ROCK] == _ZERO
        row, column = np.int32(y), np.int32(x)
        offer = on_offer(planes[row, column, RESOURCES], capacity[row, column], terms)
        mask[i, GATHER] = offer > _ENOUGH and energy[i] < terms.energy_max
        mask[i, SHARE] = ally[i] >= 0 and energy[i] > _ZERO
        mask[i, ATTACK] = enemy[i] >= 0
        mask[i, DEFEND] = True
        ripe = step - born[i] >= terms.maturity and energy[i] >= terms.breed_energy
        mask[i, REPRODUCE] = room > 0 and ripe
        mask[i, COMMUNICATE] = True
        mask[i, PASS] = True
