"""Settle: founders take their places, with the traits of their kind or of the hall of fame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.config.farm import FarmSettings
from teem.population.fame import HallOfFame
from teem.population.guests import Guests
from teem.population.slots import Population
from teem.population.variation import mutate
from teem.rng import Stream, normals, uniforms
from teem.worlds.farm.bodies import TRAITS
from teem.worlds.farm.fields import ROCK, Fields, bands

_TRIES = 16  # places drawn for a founder before any free cell is taken


def settle(
    count: int, population: Population, fields: Fields, settings: FarmSettings, seed: int, step: int
) -> NDArray[np.int32]:
    """Bring `count` founders of the settings' kinds into the world; returns their slots."""
    slots = population.spawn(count)
    ids = population.id[slots]
    shares = np.cumsum([kind.share for kind in settings.kinds])
    draws = uniforms(seed, Stream.FOUNDERS, step, ids, 1)[:, 0]
    kinds = np.searchsorted(shares / shares[-1], draws, side="right").astype(np.int32)
    means = np.array([[getattr(kind, trait) for trait in TRAITS] for kind in settings.kinds], np.float32)
    spread = np.array([kind.spread for kind in settings.kinds], np.float32)[kinds, None]
    noise = normals(seed, Stream.GENOME, step, ids, len(TRAITS))
    population.genome[slots] = np.clip(means[kinds] + spread * noise, 0, 1)
    population.kind[slots] = kinds
    _place(slots, population, fields, settings, seed, step)
    return slots


def resettle(
    count: int,
    fame: HallOfFame,
    population: Population,
    fields: Fields,
    settings: FarmSettings,
    seed: int,
    step: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Bring `count` mutated copies of the famous into an empty world: (slots, the entries they come from)."""
    slots = population.spawn(count)
    ids = population.id[slots]
    chosen = fame.draw(ids, seed, step)
    population.genome[slots] = mutate(fame.genome[chosen], settings.mutation, seed, step, ids)
    population.kind[slots] = fame.kind[chosen]
    _place(slots, population, fields, settings, seed, step)
    return slots, chosen


def welcome(
    count: int,
    guests: Guests,
    population: Population,
    fields: Fields,
    settings: FarmSettings,
    seed: int,
    step: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Bring the guests who have waited longest into the world, as they came: (slots, the places they leave)."""
    slots, places = population.spawn(count), guests.leave(count)
    population.genome[slots] = guests.genome[places]
    population.kind[slots] = guests.kind[places]
    _place(slots, population, fields, settings, seed, step)
    return slots, places


def _place(
    slots: NDArray[np.int32],
    population: Population,
    fields: Fields,
    settings: FarmSettings,
    seed: int,
    step: int,
) -> None:
    """Give newcomers a free place, energy and health; changes their columns."""
    size = fields.side
    draws = uniforms(seed, Stream.FOUNDERS, step, population.id[slots], 2 * _TRIES + 1)[:, 1:]
    places = np.minimum(draws * size, np.nextafter(np.float32(size), np.float32(0)))
    x, y = places[:, 0::2], places[:, 1::2]
    free = fields.planes[y.astype(np.int64), x.astype(np.int64), ROCK] == 0
    first = free.argmax(axis=1)
    rows = np.arange(len(slots))
    population.x[slots] = x[rows, first]
    population.y[slots] = y[rows, first]
    stuck = np.flatnonzero(~free.any(axis=1))
    if len(stuck):
        free_y, free_x = _free_cells(fields, draws[stuck, 0])
        population.x[slots[stuck]] = free_x + np.float32(0.5)
        population.y[slots[stuck]] = free_y + np.float32(0.5)
    population.born[slots] = step
    population.energy[slots] = settings.energy
    population.health[slots] = 1.0


def _free_cells(fields: Fields, draws: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A free cell for each draw from [0, 1), as if all were in one list row by row: (rows, columns)."""
    counts = [int((fields.planes[band, :, ROCK] == 0).sum()) for band in bands(fields.side)]
    ends = np.cumsum(counts)
    picks = np.minimum((draws * np.float64(ends[-1])).astype(np.int64), ends[-1] - 1)
    band_of = np.searchsorted(ends, picks, side="right")
    y, x = np.empty_like(picks), np.empty_like(picks)
    for number, band in enumerate(bands(fields.side)):
        mine = np.flatnonzero(band_of == number)
        if len(mine):
            free_y, free_x = np.nonzero(fields.planes[band, :, ROCK] == 0)
            nth = picks[mine] - (ends[number] - counts[number])
            y[mine], x[mine] = free_y[nth] + band.start, free_x[nth]
    return y, x
