"""Where things lie when the world begins: resources, rock, terrain, landmarks.

The map is drawn a band of rows at a time, so that one larger than memory can be laid out too: whatever its size,
what is held beside it is a few bands, and four bytes a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.config.farm import FarmSettings
from teem.rng import Stream, uniforms
from teem.threads import Threads
from teem.worlds.base import Progress, silent
from teem.worlds.farm.channels import registered
from teem.worlds.farm.fields import RESOURCES, ROCK, TERRAIN, Fields, bands, empty_map
from teem.worlds.farm.tiles import make_tiles
from teem.worlds.farm.view import plane_names

_CLUSTER_RADIUS = 5.0  # cells
_SAMPLE = 1024  # rows and columns at most from which the warmth of a cluster's edge is found
_HILL = 12  # cells between two points of the terrain's noise
_CENTRES = 1 << 16  # drawn at once

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
        tiles=make_tiles(side, settings.regrow_every),
        folder=folder,
    )


def lay_out(fields: Fields, settings: FarmSettings, seed: int, threads: Threads, progress: Progress = silent) -> None:
    """Write the first map; changes every plane that has a lasting meaning."""
    side = fields.side
    fertile = _LAYOUTS[settings.layout](side, settings.density, seed)
    terrain = hills(side, seed)
    landmarks = fields.index("landmarks")
    parts = list(bands(side))
    done, telling = 0, Lock()

    def draw(first: int, stop: int) -> None:
        nonlocal done
        for part in parts[first:stop]:
            rows = np.arange(part.start, part.stop)
            band = fields.planes[part]
            draws = uniforms(seed, Stream.LAYOUT, 0, rows, 2 * side).reshape(len(rows), 2, side)
            rock = draws[:, 0] < settings.obstacles
            capacity = np.float32(settings.cell_capacity) * (fertile(rows) & ~rock)
            fields.capacity[part] = capacity
            band[:, :, RESOURCES] = capacity * (0.5 + 0.5 * draws[:, 1])
            band[:, :, ROCK] = rock
            band[:, :, TERRAIN] = terrain(rows)
            if landmarks >= 0:
                marks = uniforms(seed, Stream.TERRAIN, 1, rows, side)
                band[:, :, landmarks] = (marks < settings.landmarks) & ~rock
            with telling:
                done += len(rows)
                progress(done, side)

    threads.share(draw, len(parts), at_least=1)


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
    count = max(1, round(1.2 * density * side * side / (np.pi * _CLUSTER_RADIUS**2)))
    centres = _centres(count, side, seed)
    sample = np.arange(0, side, max(1, -(-side // _SAMPLE)))
    warmth = [_warmth(rows, centres, side)[:, sample] for rows in np.array_split(sample, -(-len(sample) // 64))]
    threshold = np.quantile(np.concatenate(warmth), 1 - density)
    return lambda rows: _warmth(rows, centres, side) > threshold


def _centres(count: int, side: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Random places by row: row y has the columns `[start[y]:start[y + 1]]`; drawn twice, to be held only sorted."""

    def drawn() -> Iterator[NDArray[np.int32]]:
        for first in range(0, count, _CENTRES):
            numbers = np.arange(first, min(first + _CENTRES, count))
            yield (uniforms(seed, Stream.LAYOUT, 2, numbers, 2) * side).astype(np.int32)

    start = np.zeros(side + 1, np.int64)
    for places in drawn():
        start[1:] += np.bincount(places[:, 0], minlength=side)
    start = np.cumsum(start)
    columns = np.empty(count, np.int32)
    filled = start[:-1].copy()
    for places in drawn():
        _sort_in(places, filled, columns)
    return start, columns


@njit(nogil=True, cache=True)
def _sort_in(places, filled, columns):  # type: ignore[no-untyped-def]
    for n in range(places.shape[0]):
        row = places[n, 0]
        columns[filled[row]] = places[n, 1]
        filled[row] += 1


def _warmth(rows: Rows, centres: tuple[NDArray[np.int64], NDArray[np.int32]], side: int) -> NDArray[np.float32]:
    """How near cells are to the centres: a sum of bumps that wrap around, `[len(rows), side]`."""
    reach = min(int(3 * _CLUSTER_RADIUS), (side - 1) // 2)
    offsets = np.arange(-reach, reach + 1)
    bump = np.exp(-(offsets**2) / (2 * _CLUSTER_RADIUS**2)).astype(np.float32)
    warmth = np.zeros((len(rows), side + 2 * reach), np.float32)  # what wraps around lies beside the map at first
    _add_bumps(rows, *centres, bump, warmth)
    inside = warmth[:, reach : reach + side]
    inside[:, side - reach :] += warmth[:, :reach]
    inside[:, :reach] += warmth[:, reach + side :]
    return inside


@njit(nogil=True, cache=True)
def _add_bumps(rows, start, columns, bump, warmth):  # type: ignore[no-untyped-def]
    """Add the bumps of the centres in reach of each row; `warmth` has half a bump's width to spare on both sides."""
    side, reach = start.shape[0] - 1, bump.shape[0] // 2
    for r in range(rows.shape[0]):
        for away in range(-reach, reach + 1):
            row = (rows[r] + away) % side
            height = bump[away + reach]
            for centre in range(start[row], start[row + 1]):
                column = columns[centre]
                for offset in range(bump.shape[0]):
                    warmth[r, column + offset] += bump[offset] * height


_LAYOUTS: dict[str, Callable[[int, float, int], Fertile]] = {
    "random": _random,
    "grid": _grid,
    "clustered": _clustered,
    "gradient": _gradient,
}


def hills(side: int, seed: int) -> Callable[[Rows], NDArray[np.float32]]:
    """Smooth value noise from 0 to 1 that wraps around: what it is along some rows, `[len(rows), side]`."""
    knots = max(2, side // _HILL)  # a single one would be a plain
    place = np.arange(side) * (knots / side)
    low = place.astype(np.int64)
    part = (place - low).astype(np.float32)
    part = part * part * (3 - 2 * part)
    high = (low + 1) % knots

    def edge(knots_of_rows: Rows) -> NDArray[np.float32]:
        needed, row = np.unique(knots_of_rows, return_inverse=True)
        heights = uniforms(seed, Stream.TERRAIN, 0, needed, knots)
        return (heights[:, low] * (1 - part) + heights[:, high] * part)[row]

    def along(rows: Rows) -> NDArray[np.float32]:
        north, south = edge(low[rows]), edge(high[rows])
        return np.asarray(north * (1 - part[rows])[:, None] + south * part[rows][:, None], np.float32)

    return along
