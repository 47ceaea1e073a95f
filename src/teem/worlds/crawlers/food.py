"""Food: items that lie on the ground, are eaten and grow again.

A tile has as many places as it can have items, evenly long and one after the other, so that the items near a
creature are found by their places' numbers, however many there are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.config.crawlers import FoodSettings
from teem.rng import Stream, uniforms
from teem.state import State, load_columns
from teem.worlds.crawlers.biomes import feature
from teem.worlds.crawlers.ground import TILE
from teem.worlds.crawlers.terrain import Terrain

PLACES = 20  # of a tile
PLACE = TILE / PLACES  # metres
LIFT = 0.2  # metres of an item's middle above the ground
_DRAW = 64  # of Stream.TERRAIN's steps

_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_TILE = np.float32(TILE)
_PLACE = np.float32(PLACE)
_NEVER = -(1 << 62)


class Items(NamedTuple):
    """Columns of the items, place by place from tile `first` on."""

    first: int
    x: NDArray[np.float32]  # [tiles * PLACES] metres in its tile
    y: NDArray[np.float32]  # [tiles * PLACES] metres
    whole: NDArray[np.float32]  # [tiles * PLACES] joules it grows to; 0: nothing grows here
    amount: NDArray[np.float32]  # [tiles * PLACES] joules there are now
    eaten: NDArray[np.int64]  # [tiles * PLACES] step of the last bite


class Food:
    """What there is to eat on the live tiles of a terrain."""

    items: Items

    def __init__(self, settings: FoodSettings, terrain: Terrain, seed: int) -> None:
        self._settings = settings
        self._seed = seed
        self.items = self._grown(terrain)

    def follow(self, terrain: Terrain) -> None:
        """Have items on the tiles that there are now: those on retired ones are gone, on new ones all are whole."""
        old = self.items
        last = old.first + len(old.x) // PLACES - 1
        if (terrain.oldest, terrain.newest) == (old.first, last):
            return
        self.items = self._grown(terrain)
        stay = range(max(old.first, terrain.oldest), min(last, terrain.newest) + 1)
        if len(stay):
            here, there = (
                slice((stay.start - one.first) * PLACES, (stay.stop - one.first) * PLACES) for one in (self.items, old)
            )
            self.items.amount[here] = old.amount[there]
            self.items.eaten[here] = old.eaten[there]

    def _grown(self, terrain: Terrain) -> Items:
        """All items of the terrain's tiles, whole."""
        tiles = np.arange(terrain.oldest, terrain.newest + 1)
        draws = uniforms(self._seed, Stream.TERRAIN, _DRAW, tiles, 2 * PLACES).reshape(len(tiles), 2, PLACES)
        x = np.minimum((np.arange(PLACES, dtype=np.float32) + draws[:, 0]) * _PLACE, np.nextafter(_TILE, _ZERO))
        tile = np.repeat(tiles, PLACES)
        chance = feature("food", terrain.biome(tiles, 0.0)) * np.float32(self._settings.density / PLACES)
        whole = np.where(draws[:, 1] < chance[:, None], np.float32(self._settings.energy), _ZERO).ravel()
        x = x.ravel()
        y = terrain.height(tile, x) + np.float32(LIFT)
        return Items(terrain.oldest, x, y, whole, whole.copy(), np.full(len(x), _NEVER))

    def state(self) -> State:
        """What has been eaten: the rest follows from the seed."""
        return {"amount": self.items.amount.copy(), "eaten": self.items.eaten.copy()}

    def load_state(self, state: State, terrain: Terrain) -> None:
        """Have what there was when the state was saved, on a terrain that has its tiles back already."""
        self.items = self._grown(terrain)
        load_columns("food", {"amount": self.items.amount, "eaten": self.items.eaten}, state)


@njit(nogil=True, cache=True)
def find_nearest(start, stop, living, tile, x, y, reach, items, item, away_x, away_y):  # type: ignore[no-untyped-def]
    """The nearest item with something left to each of living[start:stop], in `item`; -1: none within `reach`.

    `away_x` and `away_y` are the way there in metres, 0 if there is none. All are indexed by slot.
    """
    first, xs, ys, _, amount, _ = items
    for i in living[start:stop]:
        offset = (tile[i] - first) * PLACES
        low = max(offset + np.int64(np.floor((x[i] - reach) / _PLACE)), 0)
        high = min(offset + np.int64(np.floor((x[i] + reach) / _PLACE)), xs.shape[0] - 1)
        best, item[i], away_x[i], away_y[i] = reach * reach, -1, _ZERO, _ZERO
        for k in range(low, high + 1):
            dx = np.float32(k // PLACES + first - tile[i]) * _TILE + xs[k] - x[i]
            dy = ys[k] - y[i]
            distance2 = dx * dx + dy * dy
            if amount[k] > _ZERO and distance2 < best:
                best, item[i], away_x[i], away_y[i] = distance2, k, dx, dy


def find_nearest_plain(living, tile, x, y, reach, items):  # type: ignore[no-untyped-def]
    """The specification of `find_nearest`: every item there is; (item, away_x, away_y) for each of the living."""
    found = []
    tiles = items.first + np.arange(len(items.x)) // PLACES
    for i in living:
        dx = (tiles - int(tile[i])) * TILE + items.x.astype(np.float64) - float(x[i])
        dy = items.y.astype(np.float64) - float(y[i])
        far = np.where(items.amount > 0, np.hypot(dx, dy), np.inf)
        k = int(far.argmin())
        found.append((k, dx[k], dy[k]) if far[k] < reach else (-1, 0.0, 0.0))
    return found


@njit(nogil=True, cache=True)
def eat(living, item, want, step, items, claims, got):  # type: ignore[no-untyped-def]
    """Feed the living from the items they name (-1: none), at most `want` joules each; changes `got` and the items.

    Where more is wanted than there is, each gets the same part of what it wants, so that nobody is served first.
    `claims` is scratch, one an item, all zero before and after. Returns the joules eaten.
    """
    _, _, _, _, amount, eaten = items
    for i in living:
        got[i] = _ZERO
        if item[i] >= 0:
            claims[item[i]] += want[i]
    for i in living:
        k = item[i]
        if k >= 0 and claims[k] > _ZERO:
            got[i] = want[i] * min(_ONE, amount[k] / claims[k])
    total = 0.0
    for i in living:
        k = item[i]
        if k >= 0:
            claims[k] = _ZERO
            got[i] = min(got[i], amount[k])  # rounding must not make more of it
            if got[i] > _ZERO:
                amount[k] -= got[i]
                eaten[k] = step
                total += got[i]
    return total


def eat_plain(living, item, want, step, items):  # type: ignore[no-untyped-def]
    """The specification of `eat`: item by item; returns the joules that each of the living gets."""
    got = dict.fromkeys(living.tolist(), 0.0)
    for k in sorted({int(item[i]) for i in living if item[i] >= 0}):
        guests = [i for i in living.tolist() if item[i] == k]
        wanted = sum(float(want[i]) for i in guests)
        if wanted > 0 and items.amount[k] > 0:
            part = min(1.0, float(items.amount[k]) / wanted)
            got |= {i: part * float(want[i]) for i in guests}
            items.amount[k] -= part * wanted
            items.eaten[k] = step
    return got


@njit(nogil=True, cache=True)
def regrow(step, after, items):  # type: ignore[no-untyped-def]
    """Make items whole that nobody has bitten for `after` steps; changes `amount`. Returns the joules grown."""
    _, _, _, whole, amount, eaten = items
    total = 0.0
    for k in range(whole.shape[0]):
        if amount[k] < whole[k] and step - eaten[k] >= after:
            total += whole[k] - amount[k]
            amount[k] = whole[k]
    return total


def regrow_plain(step, after, items):  # type: ignore[no-untyped-def]
    """The specification of `regrow`."""
    due = (items.amount < items.whole) & (step - items.eaten >= after)
    grown = float((items.whole - items.amount)[due].sum(dtype=np.float64))
    items.amount[due] = items.whole[due]
    return grown
