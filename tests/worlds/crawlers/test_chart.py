"""The chart shows the ground and the food where they are."""

from __future__ import annotations

import numpy as np
import pytest

from teem.config.crawlers import FoodSettings, TerrainSettings
from teem.worlds.crawlers.chart import chart
from teem.worlds.crawlers.food import PLACES, Food
from teem.worlds.crawlers.ground import SPACING, TILE
from teem.worlds.crawlers.terrain import Terrain


@pytest.mark.parametrize("newest", [0, 2, 7])  # with three tiles at most, so that old ones are retired
def test_heights_and_food_are_charted_where_they_are(newest: int) -> None:
    terrain = Terrain(TerrainSettings(style="hills", tiles=3), 5)
    food = Food(FoodSettings(density=4.0), terrain, 5)
    terrain.extend_to(newest)
    food.follow(terrain)
    maps = chart(terrain.ground, food.items)
    assert {picture.shape for picture in maps.values()} == {(1, len(terrain.ground.height))}
    assert {picture.dtype for picture in maps.values()} == {np.dtype(np.float32)}
    metres = maps["metres"][0].astype(np.float64)
    tile = np.floor(metres / TILE)
    assert np.allclose(terrain.height(tile, metres - tile * TILE), maps["height"][0], atol=1e-4)
    items = food.items
    grown = items.amount > 0
    x = (items.first + np.arange(len(items.x)) // PLACES) * TILE + items.x
    assert grown.any()
    assert maps["food"].sum() == pytest.approx(items.amount.sum())
    charted = metres[maps["food"][0] > 0]
    assert len(charted) == grown.sum()
    assert (np.abs(charted - np.sort(x[grown])) < SPACING + 1e-3).all()
