"""Settle: founders and children come into the world, and are stood on the ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.config.crawlers import CrawlersSettings
from teem.population.breeding import first_in_turn
from teem.population.fame import HallOfFame
from teem.population.guests import Guests
from teem.population.slots import Population
from teem.population.variation import Genomes, cross, mutate
from teem.rng import Stream, uniforms
from teem.worlds.crawlers.clearance import clearance
from teem.worlds.crawlers.genome import founding
from teem.worlds.crawlers.ground import TILE
from teem.worlds.crawlers.physics import Physics
from teem.worlds.crawlers.plan import Plan
from teem.worlds.crawlers.terrain import Terrain

Slots = NDArray[np.int32]
_HIGH = np.float32(1000.0)  # metres, above everything
_AIR = np.float32(0.02)  # metres between a body and the ground when it is put there


def founders(
    count: int, genomes: Genomes | None, population: Population, settings: CrawlersSettings, seed: int, step: int
) -> Slots:
    """Bring `count` founders with these genomes, or with bodies of all sizes, into the world; returns their slots."""
    slots = population.spawn(count)
    population.genome[slots] = founding(population.id[slots], settings.body, seed, step) if genomes is None else genomes
    _equip(slots, settings.energy, population, step)
    return slots


def heirs(
    count: int, fame: HallOfFame, population: Population, settings: CrawlersSettings, seed: int, step: int
) -> tuple[Slots, Slots]:
    """Bring mutated copies of the famous into an empty world, founders if there are none: (slots, their entries)."""
    if not len(fame):
        return founders(count, None, population, settings, seed, step), np.full(count, -1, np.int32)
    slots = population.spawn(count)
    ids = population.id[slots]
    chosen = fame.draw(ids, seed, step)
    population.genome[slots] = mutate(fame.genome[chosen], settings.mutation, seed, step, ids)
    _equip(slots, settings.energy, population, step)
    return slots, chosen


def welcome(
    count: int, guests: Guests, population: Population, settings: CrawlersSettings, step: int
) -> tuple[Slots, Slots]:
    """Bring the guests who have waited longest into the world, as they came: (slots, the places they leave)."""
    slots, places = population.spawn(count), guests.leave(count)
    population.genome[slots] = guests.genome[places]
    population.kind[slots] = guests.kind[places]
    _equip(slots, settings.energy, population, step)
    return slots, places


def bear(population: Population, settings: CrawlersSettings, room: int, seed: int, step: int) -> tuple[Slots, Slots]:
    """One child for each who is ripe and has the joules, as long as there is `room`: (parents, children).

    Who comes first is drawn by id. The parent gives the child `birth_energy`; joules only change hands.
    """
    living = population.living
    ripe = (population.energy[living] >= settings.breed_energy) & (step - population.born[living] >= settings.maturity)
    able = first_in_turn(living[ripe], population.id, room, seed, step)
    if not len(able):
        return able, able
    genome = population.genome[able]
    mates = _nearest(able, population) if settings.crossover > 0 else able
    child = population.spawn(len(able))
    ids = population.id[child]
    population.parent[child] = population.id[able]
    population.generation[child] = population.generation[able] + 1
    if settings.crossover > 0:
        genome = cross(genome, population.genome[mates], settings.crossover, seed, step, ids)
    population.genome[child] = mutate(genome, settings.mutation, seed, step, ids)
    _equip(child, settings.birth_energy, population, step)
    population.energy[able] -= np.float32(settings.birth_energy)
    return able, child


def lifespans(ids: NDArray[np.int64], age_max: int, seed: int) -> NDArray[np.int64]:
    """Steps that each lives at most, from half of `age_max` to all of it: founders shall not die all at once."""
    drawn = uniforms(seed, Stream.LIFESPAN, 0, ids, 1)[:, 0].astype(np.float64)
    lifespan: NDArray[np.int64] = age_max - (drawn * (age_max // 2)).astype(np.int64)
    return lifespan


def _nearest(able: Slots, population: Population) -> Slots:
    """The nearest other creature to each; itself if it is alone."""
    living = population.living
    away = np.abs(population.x[living][None] - population.x[able][:, None]).astype(np.float64)
    away[living[None] == able[:, None]] = np.inf if len(living) > 1 else 0.0
    nearest: Slots = living[away.argmin(axis=1)]
    return nearest


def _equip(slots: Slots, energy: float, population: Population, step: int) -> None:
    population.born[slots] = step
    population.energy[slots] = np.float32(energy)
    population.health[slots] = 1.0


def anywhere(ids: NDArray[np.int64], wall: float, front: float, seed: int, step: int) -> NDArray[np.float64]:
    """A place for each between the wall and the foremost creature, keyed by id and step."""
    draws = uniforms(seed, Stream.FOUNDERS, step, ids, 1)[:, 0].astype(np.float64)
    begin = wall + 5.0
    return np.asarray(begin + draws * max(front - begin, 1.0), np.float64)


def put(
    slots: Slots, x: NDArray[np.float64], plan: Plan, terrain: Terrain, physics: Physics, *, by_torque: bool = False
) -> None:
    """Stand the bodies of `plan[slots]` at x metres, level, at rest and clear of the ground.

    Their motors are commanded `by_torque`, else by speed.
    """
    tile = np.floor(x / TILE).astype(np.int32)
    within = (x - tile * TILE).astype(np.float32)
    bodies = plan.rows(slots)
    level = np.zeros(len(slots), np.float32)
    high = level + _HIGH
    y = high - clearance(bodies, tile, within, high, level, terrain.ground) + _AIR
    driven = np.full(len(slots), by_torque)
    physics.place(slots, bodies, tile, within, y.astype(np.float32), level, driven)
    physics.read(slots)
