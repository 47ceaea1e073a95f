"""Where things lie when the world begins: resources, rock, terrain, landmarks.

The map is drawn a band of rows at a time, so that one larger than memory can be laid out too.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.config.farm import FarmSettings
from teem.rng import Stream, uniforms
from teem.worlds.farm.channels import registered
from teem.worlds.farm.fields import RESOURCES, ROCK, TERRAIN, Fields, empty_map
from teem.worlds.farm.view import plane_names

_BAND = 128  # rows drawn at once
_CLUSTER_RADIUS = 5.0  # cells
_SAMPLE = 1024  # rows at most from which the warmth of a cluster's edge is found
_HILL = 12  # cells between two points of the terrain's noise

Rows = NDArray[np.int64]
Fertile = Callable[[Rows], NDArray[np.bool_]]
"""Which cells of some rows something grows on, `[len(rows), side]`."""


def make_fields(settings: FarmSettings, side: int, folder: Path | None) -> Fields:
    """An empty map with the planes that the settings ask for; one larger than memory lies in `folder`."""
    names = plane_names(settings)
    fading = {"damage_heat": settings.decay, "trails": settings.decay}
    fading |= {name: channel.decay for name, channel in registered.items() if channel.behaviour == "decaying"}
    return Fields(
        names=names,
        planes=empty_map((side, side, len(names)), settings.storage, folder),
        decay=np.array([fading.get(name, 1.0) for name in names], np.float32),
        capacity=empty_map((side, side), settings.storage, folder),
    )


def lay_out(fields: Fields, settings: FarmSettings, seed: int) -> None:
    """Write the first map; changes every plane that has a lasting meaning."""
    side = fields.side
    fertile = _LAYOUTS[settings.layout](side, settings.density, seed)
    terrain = hills(side, seed)
    landmarks = fields.index("landmarks")
    for first in range(0, side, _BAND):
        rows = np.arange(first, min(first + _BAND, side))
        band = fields.planes[first : first + _BAND]
        draws = uniforms(seed, Stream.LAYOUT, 0, rows, 2 * side).reshape(len(rows), 2, side)
        rock = draws[:, 0] < settings.obstacles
        capacity = np.float32(settings.cell_capacity) * (fertile(rows) & ~rock)
        fields.capacity[first : first + _BAND] = capacity
        band[:, :, RESOURCES] = capacity * (0.5 + 0.5 * draws[:, 1])
        band[:, :, ROCK] = rock
        band[:, :, TERRAIN] = terrain(rows)
        if landmarks >= 0:
            marks = uniforms(seed, Stream.TERRAIN, 1, rows, side)
            band[:, :, landmarks] = (marks < settings.landmarks) & ~rock


def _random(side: int, density: float, seed: int) -> Fertile:
    return lambda rows: uniforms(seed, Stream.LAYOUT, 1, rows, side) < density


def _grid(side: int, density: float, seed: int) -> Fertile:
    """Cells at even distances along both axes, 1/sqrt(density) apart."""
    steps = np.floor(np.arange(side) * np.sqrt(density))
    on = np.diff(steps, prepend=-1.0) > 0
    return lambda rows: on[rows, None] & on[None, :]


def _gradient(side: int, density: float, seed: int) -> Fertile:
    """Ever denser from west to east, with the density asked for on average (up to one half)."""
    slope = np.linspace(0.0, 2.0 * density, side)
    return lambda rows: uniforms(seed, Stream.LAYOUT, 3, rows, side) < slope[None, :]


def _clustered(side: int, density: float, seed: int) -> Fertile:
    """The cells nearest to randomly placed centres, as many as the density asks for."""
    centres = max(1, round(1.2 * density * side * side / (np.pi * _CLUSTER_RADIUS**2)))
    places = (uniforms(seed, Stream.LAYOUT, 2, np.arange(centres), 2) * side).astype(np.int64)
    sample = np.arange(0, side, max(1, -(-side // _SAMPLE)))
    bands = [sample[first : first + _BAND] for first in range(0, len(sample), _BAND)]
    threshold = np.quantile(np.concatenate([_warmth(rows, places, side) for rows in bands]), 1 - density)
    return lambda rows: _warmth(rows, places, side) > threshold


def _warmth(rows: Rows, places: NDArray[np.int64], side: int) -> NDArray[np.float32]:
    """How near cells are to the centres: a sum of bumps that wrap around, `[len(rows), side]`."""
    reach = min(int(3 * _CLUSTER_RADIUS), (side - 1) // 2)
    offsets = np.arange(-reach, reach + 1)
    bump = np.exp(-(offsets**2) / (2 * _CLUSTER_RADIUS**2)).astype(np.float32)
    warmth = np.zeros((len(rows), side), np.float32)
    _add_bumps(rows, places, bump, warmth)
    return warmth


@njit(nogil=True, cache=True)
def _add_bumps(rows, places, bump, warmth):  # type: ignore[no-untyped-def]
    side, reach = warmth.shape[1], bump.shape[0] // 2
    for r in range(rows.shape[0]):
        for centre in range(places.shape[0]):
            away = (rows[r] - places[centre, 0] + side // 2) % side - side // 2
            if abs(away) <= reach:
                for offset in range(-reach, reach + 1):
                    column = (places[centre, 1] + offset) % side
                    warmth[r, column] += bump[offset + reach] * bump[away + reach]


_LAYOUTS: dict[str, Callable[[int, float, int], Fertile]] = {
    "random": _random,
    "grid": _grid,
    "clustered": _clustered,
    "gradient": _gradient,
}


def hills(side: int, seed: int) -> Callable[[Rows], NDArray[np.float32]]:
    """Smooth value noise from 0 to 1 that wraps around: what it is along some rows, `[len(rows), side]`."""
    knots = max(2, side // _HILL)  # a single one would be a plain
    heights = uniforms(seed, Stream.TERRAIN, 0, np.arange(knots), knots)
    place = np.arange(side) * (knots / side)
    low = place.astype(np.int64)
    part = (place - low).astype(np.float32)
    part = part * part * (3 - 2 * part)
    high = (low + 1) % knots

    def along(rows: Rows) -> NDArray[np.float32]:
        north, south = (
            heights[edge][:, low] * (1 - part) + heights[edge][:, high] * part for edge in (low[rows], high[rows])
        )
        return np.asarray(north * (1 - part[rows])[:, None] + south * part[rows][:, None], np.float32)

    return along
