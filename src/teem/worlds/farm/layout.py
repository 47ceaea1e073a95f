"""Where things lie when the world begins: resources, rock, terrain, landmarks; drawn block of rows by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.config.farm import FarmSettings
from teem.rng import Stream, uniforms
from teem.worlds.farm.fields import RESOURCES, ROCK, TERRAIN, Fields

_CLUSTER_RADIUS = 5.0  # cells
_HILL = 12  # cells between two points of the terrain's noise


def lay_out(fields: Fields, settings: FarmSettings, seed: int) -> None:
    """Write the first map; changes every plane that has a lasting meaning."""
    side = fields.side
    rows = np.arange(side, dtype=np.int64)
    draws = uniforms(seed, Stream.LAYOUT, 0, rows, 2 * side).reshape(side, 2, side)
    rock = draws[:, 0] < settings.obstacles
    fields.planes[:, :, ROCK] = rock
    fields.planes[:, :, TERRAIN] = hills(side, seed)
    fertile = _FERTILE[settings.layout](side, settings.density, seed) & ~rock
    fields.capacity[:] = settings.cell_capacity * fertile
    fields.planes[:, :, RESOURCES] = fields.capacity * (0.5 + 0.5 * draws[:, 1])
    landmarks = fields.index("landmarks")
    if landmarks >= 0:
        marks = uniforms(seed, Stream.TERRAIN, 1, rows, side)
        fields.planes[:, :, landmarks] = (marks < settings.landmarks) & ~rock


def _random(side: int, density: float, seed: int) -> NDArray[np.bool_]:
    draws = uniforms(seed, Stream.LAYOUT, 1, np.arange(side, dtype=np.int64), side)
    return draws < density


def _grid(side: int, density: float, seed: int) -> NDArray[np.bool_]:
    """Cells at even distances along both axes, 1/sqrt(density) apart."""
    period = 1.0 / np.sqrt(density)
    steps = np.floor(np.arange(side) / period)
    on = np.diff(steps, prepend=-1.0) > 0
    return on[:, None] & on[None, :]


def _clustered(side: int, density: float, seed: int) -> NDArray[np.bool_]:
    """Cells nearest to randomly placed centres, which wrap around, thinned to the density."""
    centres = max(1, round(density * side * side / (np.pi * _CLUSTER_RADIUS**2) * 1.2))
    places = uniforms(seed, Stream.LAYOUT, 2, np.arange(centres, dtype=np.int64), 2) * side
    reach = int(3 * _CLUSTER_RADIUS)
    offsets = np.arange(-reach, reach + 1)
    bump = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * _CLUSTER_RADIUS**2))
    warmth = np.zeros((side, side), np.float32)
    for y, x in places.astype(np.int64):
        np.add.at(warmth, np.ix_((y + offsets) % side, (x + offsets) % side), bump)
    threshold = np.quantile(warmth, 1.0 - density)
    return warmth > threshold


def _gradient(side: int, density: float, seed: int) -> NDArray[np.bool_]:
    """Ever denser from west to east, with the density asked for on average."""
    slope = np.linspace(0.0, 2.0 * density, side)
    draws = uniforms(seed, Stream.LAYOUT, 3, np.arange(side, dtype=np.int64), side)
    return draws < slope[None, :]


_FERTILE = {"random": _random, "grid": _grid, "clustered": _clustered, "gradient": _gradient}


def hills(side: int, seed: int) -> NDArray[np.float32]:
    """Smooth value noise from 0 to 1, `[side, side]`, that wraps around."""
    knots = max(2, side // _HILL)  # a single one would be a plain
    heights = uniforms(seed, Stream.TERRAIN, 0, np.arange(knots, dtype=np.int64), knots)
    place = np.arange(side) * (knots / side)
    low = place.astype(np.int64)
    part = (place - low).astype(np.float32)
    part = part * part * (3 - 2 * part)
    high = (low + 1) % knots
    across = heights[:, low] * (1 - part) + heights[:, high] * part
    return np.asarray(across[low] * (1 - part)[:, None] + across[high] * part[:, None], np.float32)
