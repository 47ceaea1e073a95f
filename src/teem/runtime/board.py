"""Worlds of cells from above, each entity in its own colour; of many worlds as many as the picture has room for."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from teem.config.treasure import TreasureSettings
from teem.population.slots import Population
from teem.runtime.picture import FIRST_KIND, shade
from teem.worlds.treasure.entities import rgb

_LEAST = 12  # half-blocks along an edge, so that a world can be told
_FRAME = shade((0, 0, 0))
Maps = Mapping[str, NDArray[np.float32]]


class Board:
    """Draws treasure worlds in their entities' colours; the same two functions as `picture`."""

    def __init__(self, settings: TreasureSettings) -> None:
        self._settings = settings
        self._shades = np.array([shade(rgb(entity.colour)) for entity in settings.entities], np.int16)

    def paint(self, maps: Maps, population: Population, side: int) -> NDArray[np.int16]:
        """A square picture `[side, side]` of colour numbers: the first worlds, in rows of as many."""
        across = self._across(side)
        room = side // across
        picture = np.full((side, side), _FRAME, np.int16)
        for w in range(min(self._settings.worlds, across * across)):
            row, column = (part * room for part in divmod(w, across))
            picture[row : row + room, column : column + room] = self._paint(w, maps["entities"], population, room)
        return picture

    def legend(self, maps: Maps, population: Population) -> list[tuple[int, str]]:
        """Every entity that can be met, and how many worlds there are."""
        settings = self._settings
        named = [(int(number), entity.name) for number, entity in zip(self._shades, settings.entities, strict=True)]
        worlds = [] if settings.worlds == 1 else [(_FRAME, f"{settings.worlds} worlds")]
        return [*named, *worlds]

    def _across(self, side: int) -> int:
        """How many worlds stand side by side: not more than there are, nor than can be told."""
        return max(1, min(ceil(sqrt(self._settings.worlds)), side // _LEAST))

    def _paint(self, w: int, entities: NDArray[np.float32], population: Population, room: int) -> NDArray[np.int16]:
        """One world, with a frame at its right and lower edge where there are others beside it."""
        height, width = self._settings.height, self._settings.width
        inner = room - (self._settings.worlds > 1)
        cells = self._shades[entities[w * height : (w + 1) * height].astype(np.intp)]
        people = population.living[(population.y[population.living] // height).astype(np.int64) == w]
        cells[(population.y[people] - w * height).astype(np.intp), population.x[people].astype(np.intp)] = FIRST_KIND
        scale = max(1, inner // max(height, width)) if inner >= max(height, width) else inner / max(height, width)
        drawn = np.full((room, room), _FRAME, np.int16)
        tall, wide = min(inner, int(height * scale)), min(inner, int(width * scale))
        rows, columns = (np.arange(tall) / scale).astype(np.intp), (np.arange(wide) / scale).astype(np.intp)
        drawn[:tall, :wide] = cells[np.ix_(rows, columns)]
        return drawn
