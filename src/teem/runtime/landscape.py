"""A world on a line as a picture from the side: the ground's profile around the living, food on it, and who is there.

It is drawn in the colours of `picture`, and has the same two functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.population.slots import Population
from teem.runtime import words
from teem.runtime.picture import FIRST_KIND, GREENS, ROCK

SKY = 0
FOOD = GREENS - 1
GROUND = ROCK
NARROWEST, WIDEST = 20.0, 400.0  # metres
_FLATTEST = 1 / 8  # of the width, that the picture's height stands for at least
_UNDERGROUND = 0.2  # of the picture's height

Maps = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the world that is shown, in metres."""

    left: float
    across: float
    bottom: float
    tall: float


def window(maps: Maps, population: Population) -> Window:
    """Four fifths of the living and a little more, with the ground there; heights are stretched to be seen."""
    living = population.living
    metres, height = maps["metres"][0], maps["height"][0]
    x = population.x[living] if len(living) else metres[:1]
    low, high = np.quantile(x, (0.1, 0.9))
    middle = np.quantile(x, 0.5, method="lower")  # where somebody is: between two far apart there may be nobody
    across = float(np.clip(1.25 * (high - low), NARROWEST, WIDEST))
    left = float(middle) - across / 2
    shown = height[(metres >= left) & (metres <= left + across)]
    lowest, highest = np.quantile(shown, (0.05, 0.95)) if len(shown) else (0.0, 0.0)
    tall = max(1.5 * float(highest - lowest) + 2.0, across * _FLATTEST)
    return Window(left, across, float(lowest) - _UNDERGROUND * tall, tall)


def paint(maps: Maps, population: Population, side: int) -> NDArray[np.int16]:
    """A square picture `[side, side]` of colour numbers: sky, ground, what grows on it and who stands there."""
    view = window(maps, population)
    metres, height, food = maps["metres"][0], maps["height"][0], maps["food"][0]
    middles = view.left + view.across * (np.arange(side) + 0.5) / side
    top = np.clip(_row(np.interp(middles, metres, height), view, side), 1, side - 1)
    picture = np.where(np.arange(side)[:, None] >= top, GROUND, SKY).astype(np.int16)
    grows = _column(metres[food > 0], view, side)
    grows = grows[(grows >= 0) & (grows < side)]
    picture[top[grows] - 1, grows] = FOOD
    living = population.living
    column = _column(population.x[living], view, side)
    seen = (column >= 0) & (column < side)
    living, column = living[seen], column[seen]
    row = np.clip(_row(population.y[living], view, side), 0, top[column] - 1)
    picture[row, column] = FIRST_KIND + population.kind[living]
    return picture


def legend(maps: Maps, population: Population) -> list[tuple[int, str]]:
    """What the colours beside those of the kinds are, as (number, text)."""
    view = window(maps, population)
    size = f"{words.number(view.across)} m across, {words.number(view.tall)} m high"
    return [(FOOD, "food"), (GROUND, f"ground: {size}")]


def _column(x: NDArray[np.float32], view: Window, side: int) -> NDArray[np.intp]:
    column: NDArray[np.intp] = np.floor((x - view.left) * (side / view.across)).astype(np.intp)
    return column


def _row(y: NDArray[np.floating], view: Window, side: int) -> NDArray[np.intp]:
    row: NDArray[np.intp] = (side - 1 - np.floor((y - view.bottom) * (side / view.tall))).astype(np.intp)
    return row
