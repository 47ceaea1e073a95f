"""Biomes: kinds of country, each with its own ground underfoot, obstacles and food."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from teem.config.crawlers import BIOMES
from teem.rng import Stream, uniforms


class Biome(NamedTuple):
    """What tells a country from the others."""

    friction: float  # of the ground; 1 is dry rock
    roughness: float  # of the ground's texture, relative
    obstacles: float  # in a tile, on average
    triangles: float  # part of the obstacles that are; the others are steps
    tallest: float  # obstacle, in metres
    food: float  # items in a tile, on average


_COUNTRIES = {
    "plains": Biome(0.9, 0.6, 1.0, 0.8, 0.20, 8.0),
    "forest": Biome(0.95, 0.8, 4.0, 0.3, 0.30, 12.0),
    "rocky": Biome(1.0, 1.0, 8.0, 0.7, 0.40, 4.0),
    "desert": Biome(0.7, 0.5, 1.0, 1.0, 0.25, 2.0),
    "wetlands": Biome(0.6, 0.4, 2.0, 0.5, 0.20, 14.0),
    "volcanic": Biome(1.1, 1.0, 6.0, 0.5, 0.45, 3.0),
}
COUNTRIES: tuple[Biome, ...] = tuple(_COUNTRIES[name] for name in BIOMES)
"""The biomes in the order of their names in `BIOMES`: a biome's number is its place here."""

_DRAW = 0  # of Stream.TERRAIN's steps


def biomes_of(tiles: NDArray[np.int64], names: tuple[str, ...], seed: int) -> NDArray[np.int8]:
    """The biome of each tile, `[n]`: any of those named, alike; there is nothing left of tile 0 but more of it."""
    draws = uniforms(seed, Stream.TERRAIN, _DRAW, np.maximum(tiles, 0), 1)[:, 0]
    numbers = np.array([BIOMES.index(name) for name in names], np.int8)
    return numbers[(draws * len(numbers)).astype(np.int64)]


def feature(name: str, biomes: NDArray[np.int8]) -> NDArray[np.float32]:
    """One field of `Biome` for each of these biomes."""
    return np.array([getattr(country, name) for country in COUNTRIES], np.float32)[biomes]
