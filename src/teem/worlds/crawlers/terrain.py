"""Terrain: an endless world of tiles, drawn to the right as creatures get there, with a wall to the left.

A tile follows from the settings, the seed and its number alone, whenever and in whatever order it is drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from teem.config.crawlers import TerrainSettings
from teem.state import State
from teem.worlds.crawlers.biomes import biomes_of, feature
from teem.worlds.crawlers.ground import SAMPLES, SPACING, Ground
from teem.worlds.crawlers.styles import STYLES, obstacles, shape

Columns = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int8]]  # height, friction, obstacle

WALL = 10.0  # metres above the ground at its foot


class Terrain:
    """The tiles from `oldest` to `newest`; the one before them is the wall.

    The arrays are made anew when tiles come or go, so one that was handed out never changes.
    """

    ground: Ground
    obstacle: NDArray[np.int8]  # [tiles * SAMPLES + 1] 1: the stretch that begins here is an obstacle's, or the wall's

    def __init__(self, settings: TerrainSettings, seed: int) -> None:
        self._settings = settings
        self._seed = seed
        self.oldest = 0
        self.newest = 0
        self._draw_all()

    def extend_to(self, tile: int) -> None:
        """Draw every tile up to this one; where there would be more than `terrain.tiles`, the oldest are retired.

        Keep a tile ahead of everybody: beyond the newest the ground goes on level.
        """
        if tile > self.newest:
            oldest = max(self.oldest, tile - self._settings.tiles + 1)
            self._lay(self._kept(oldest) if oldest <= self.newest else (), range(oldest, tile + 1))

    def retire_before(self, tile: int) -> None:
        """Forget the tiles to the left of this one and stand the wall at its edge; the newest tile always stays.

        Whoever is still there, or reaches there, is inside the wall: see first that nobody is.
        """
        if tile > self.oldest:
            oldest = min(tile, self.newest)
            self._lay(self._kept(oldest), range(oldest, self.newest + 1))

    def place(self, tile: ArrayLike, x: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The sample at or before each place, and which part of the way to the next it is (0 to 1)."""
        metres = np.asarray(x, np.float32) / np.float32(SPACING)
        whole = np.floor(metres)
        index = (np.asarray(tile, np.int64) - self.ground.first) * SAMPLES + whole.astype(np.int64)
        last = len(self.ground.height) - 2
        part = np.where(index < 0, 0, np.where(index > last, 1, metres - whole))
        return np.clip(index, 0, last), np.asarray(part, np.float32)

    def height(self, tile: ArrayLike, x: ArrayLike) -> NDArray[np.float32]:
        """Metres of the ground at each place; beyond the tiles there are it is level."""
        index, part = self.place(tile, x)
        left, right = self.ground.height[index], self.ground.height[index + 1]
        return np.asarray(left + (right - left) * part, np.float32)

    def biome(self, tile: ArrayLike, x: ArrayLike) -> NDArray[np.int8]:
        """The biome at each place, as its number in `BIOMES`; the wall's is that of the tile behind it."""
        index, _ = self.place(tile, x)
        tiles = self.ground.first + index // SAMPLES
        return biomes_of(tiles.ravel(), self._settings.biomes, self._seed).reshape(tiles.shape)

    def state(self) -> State:
        """Which tiles there are: the rest follows from the seed."""
        return {"oldest": self.oldest, "newest": self.newest}

    def load_state(self, state: State) -> None:
        """Have the tiles that there were when the state was saved."""
        self.oldest, self.newest = int(state["oldest"]), int(state["newest"])
        self._draw_all()

    def _draw_all(self) -> None:
        self._lay((), range(self.oldest, self.newest + 1))

    def _kept(self, oldest: int) -> Columns:
        """What there is from tile `oldest` on, with the sample that follows the last tile."""
        begin = (oldest - self.ground.first) * SAMPLES
        return self.ground.height[begin:], self.ground.friction[begin:], self.obstacle[begin:]

    def _lay(self, kept: Columns | tuple[()], tiles: range) -> None:
        """Lay the wall, what is kept, and what is to be drawn side by side, so that there are these tiles."""
        there = len(kept[0]) // SAMPLES if kept else 0
        new = self._draw(range(tiles.start + there, tiles.stop)) if there < len(tiles) else ()
        parts = [tuple(column[: there * SAMPLES] for column in kept), new] if kept and new else [kept or new]
        height, friction, obstacle = (np.concatenate(column) for column in zip(*parts, strict=True))
        self.oldest, self.newest = tiles.start, tiles.stop - 1
        self.ground = Ground(
            self.oldest - 1,
            np.concatenate([np.full(SAMPLES, height[0] + np.float32(WALL)), height]),
            np.concatenate([np.full(SAMPLES, friction[0]), friction]),
        )
        self.obstacle = np.concatenate([np.ones(SAMPLES, np.int8), obstacle])

    def _draw(self, tiles: range) -> Columns:
        """Height, friction and obstacles of tiles, one after the other, and the sample that follows."""
        numbers = np.arange(tiles.start, tiles.stop + 1)  # the one that follows begins the next tile
        around = np.stack([biomes_of(numbers + off, self._settings.biomes, self._seed) for off in (-1, 0, 1)])
        natural = shape(STYLES[self._settings.style], numbers, around, self._seed)
        bumps = obstacles(numbers, around[1], self._settings.obstacles, self._seed).ravel()
        height = natural.ravel() * np.float32(self._settings.roughness) + bumps
        raised = bumps > 0
        raised[:-1] |= raised[1:]  # the stretch that leads up to it
        friction = np.repeat(feature("friction", around[1]), SAMPLES)
        end = len(tiles) * SAMPLES + 1
        return height[:end], friction[:end], raised.astype(np.int8)[:end]
