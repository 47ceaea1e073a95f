"""The world as a picture of half-blocks: resources in greens, rock in grey, agents in their kind's colour."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from teem.population.slots import Population

GREENS = 12
ROCK = GREENS
FIRST_KIND = GREENS + 1
FIRST_SHADE = 512  # of any colour at all, see `shade`
KINDS: tuple[tuple[int, int, int], ...] = (
    (88, 166, 255), (255, 123, 84), (245, 211, 90), (214, 120, 255), (255, 105, 180), (64, 224, 208),
    (255, 255, 255), (255, 160, 122), (135, 206, 250), (240, 128, 128), (189, 183, 107), (176, 196, 222),
    (255, 182, 193), (127, 255, 212), (238, 130, 238), (210, 180, 140),
)  # fmt: skip
_MOST = 512  # cells along an edge that are looked at; a larger map is sampled


def colour(index: int) -> tuple[int, int, int]:
    """Red, green and blue of one number of a picture."""
    if index < GREENS:
        part = index / (GREENS - 1)
        return round(14 + 40 * part), round(20 + 170 * part), round(16 + 60 * part)
    if index >= FIRST_SHADE:
        red, green, blue = (index - FIRST_SHADE) // 36, (index - FIRST_SHADE) // 6 % 6, (index - FIRST_SHADE) % 6
        return 51 * red, 51 * green, 51 * blue
    return (92, 92, 98) if index == ROCK else KINDS[(index - FIRST_KIND) % len(KINDS)]


def shade(rgb: tuple[int, int, int]) -> int:
    """The number of the colour nearest to this one, of six shades of red, green and blue each."""
    red, green, blue = (round(part / 51) for part in rgb)
    return FIRST_SHADE + 36 * red + 6 * green + blue


def paint(maps: Mapping[str, NDArray[np.float32]], population: Population, side: int) -> NDArray[np.int16]:
    """A square picture `[side, side]` of colour numbers: the ground, and who stands on it."""
    ground = next(iter(maps.values())) if "resources" not in maps else maps["resources"]
    height, width = ground.shape
    side = max(1, min(side, height, width))
    top = float(sample(maps.get("capacity", ground)).max())
    picture = (shrink(ground, side) * ((GREENS - 1) / top if top > 0 else 0.0) + 0.5).astype(np.int16)
    np.clip(picture, 0, GREENS - 1, out=picture)
    if "obstacles" in maps:
        picture[shrink(maps["obstacles"], side) > 0.5] = ROCK
    living = population.living
    row = np.clip(population.y[living] * (side / height), 0, side - 1).astype(np.intp)
    column = np.clip(population.x[living] * (side / width), 0, side - 1).astype(np.intp)
    picture[row, column] = FIRST_KIND + population.kind[living]
    return picture


def legend(maps: Mapping[str, NDArray[np.float32]], population: Population) -> list[tuple[int, str]]:
    """What the colours beside those of the kinds are, as (number, text): they speak for themselves."""
    return []


def sample(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every cell of a map, or every second, third... along both axes of a very large one."""
    step = max(1, max(values.shape) // _MOST)
    return values[::step, ::step]


def shrink(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """The means of `[side, side]` blocks; a very large map is sampled first."""
    values = sample(values)
    rows = np.arange(side) * values.shape[0] // side
    columns = np.arange(side) * values.shape[1] // side
    sums = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
    tall = np.diff(np.append(rows, values.shape[0]))
    wide = np.diff(np.append(columns, values.shape[1]))
    means: NDArray[np.float32] = (sums / (tall[:, None] * wide[None, :])).astype(np.float32)
    return means


def lines(picture: NDArray[np.int16]) -> list[list[Segment]]:
    """The picture as half-blocks, two of its rows a line; neighbours of one colour are one segment."""
    if len(picture) % 2:
        picture = np.vstack([picture, picture[-1:]])
    pairs = picture[0::2].astype(np.int32) * 1024 + picture[1::2]
    drawn = []
    for row in pairs:
        cuts = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
        drawn.append([Segment("▀" * (stop - start), half_block(int(row[start]))) for start, stop in pairwise(cuts)])
    return drawn


@cache
def half_block(pair: int) -> Style:
    """The style of an upper half-block: its upper colour before its lower one."""
    upper, lower = divmod(pair, 1024)
    return Style(color=Color.from_rgb(*colour(upper)), bgcolor=Color.from_rgb(*colour(lower)))
