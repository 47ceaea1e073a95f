"""Breed: those who ask and can, in a drawn order, as long as there is room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.config.farm import FarmSettings
from teem.population.breeding import first_in_turn
from teem.population.slots import Population
from teem.population.variation import cross, mutate
from teem.worlds.farm.bodies import REPRODUCE, Bodies

Slots = NDArray[np.int32]


def parents(
    living: Slots,
    action: NDArray[np.int32],
    bodies: Bodies,
    settings: FarmSettings,
    seed: int,
    step: int,
    room: int,
) -> Slots:
    """The slots that breed now, at most `room` of them, by rising id; who comes first is drawn by id."""
    asked = living[action[living] == REPRODUCE]
    able = (bodies.energy[asked] >= settings.breed_energy) & (step - bodies.born[asked] >= settings.maturity)
    return first_in_turn(asked[able], bodies.id, room, seed, step)


def breed(parent: Slots, population: Population, bodies: Bodies, settings: FarmSettings, seed: int, step: int) -> Slots:
    """Bring one child of each parent into the world, beside it; returns the children's slots.

    The parent gives the child `birth_energy`; joules only change hands. Changes the population, and the parents'
    energy and reward.
    """
    child = population.spawn(len(parent))
    ids = population.id[child]
    population.parent[child] = population.id[parent]
    population.generation[child] = population.generation[parent] + 1
    population.born[child] = step
    population.kind[child] = population.kind[parent]
    population.x[child] = population.x[parent]
    population.y[child] = population.y[parent]
    population.energy[child] = np.float32(settings.birth_energy)
    population.energy[parent] -= np.float32(settings.birth_energy)
    population.health[child] = 1.0
    genome = population.genome[parent]
    if settings.crossover > 0:
        second = bodies.ally[parent]
        mate = np.where((second >= 0) & (population.id[second] >= 0), second, parent)
        genome = cross(genome, population.genome[mate], settings.crossover, seed, step, ids)
    population.genome[child] = mutate(genome, settings.mutation, seed, step, ids)
    bodies.reward[parent] += np.float32(settings.reward.offspring)
    return child
