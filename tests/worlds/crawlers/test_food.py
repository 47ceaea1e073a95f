"""Food: it lies on the ground, is shared fairly, grows again, and no joule is lost or made."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.config.crawlers import BIOMES, FoodSettings, TerrainSettings
from teem.worlds.crawlers.biomes import COUNTRIES
from teem.worlds.crawlers.food import (
    LIFT,
    PLACE,
    PLACES,
    Food,
    Items,
    eat,
    eat_plain,
    find_nearest,
    find_nearest_plain,
    regrow,
    regrow_plain,
)
from teem.worlds.crawlers.ground import TILE
from teem.worlds.crawlers.terrain import Terrain


def laid(newest: int = 3, seed: int = 2, density: float = 1.0) -> tuple[Food, Terrain]:
    terrain = Terrain(TerrainSettings(), seed)
    terrain.extend_to(newest)
    return Food(FoodSettings(density=density), terrain, seed), terrain


def copied(items: Items) -> Items:
    return items._replace(amount=items.amount.copy(), eaten=items.eaten.copy())


def thinned(food: Food, rng: np.random.Generator) -> None:
    """Have some items bitten and some gone."""
    food.items.amount[:] *= rng.choice([0.0, 0.3, 1.0], len(food.items.amount)).astype(np.float32)


def test_items_lie_on_the_ground_in_their_places_as_thick_as_their_biome_has_them() -> None:
    food, terrain = laid(127)
    items = food.items
    assert items.first == 0
    tile = np.repeat(np.arange(128), PLACES)
    np.testing.assert_array_equal(np.floor(items.x / PLACE), np.tile(np.arange(PLACES), 128))
    np.testing.assert_allclose(items.y - terrain.height(tile, items.x), LIFT, atol=1e-5)
    assert set(items.whole) == {0.0, 1500.0}
    np.testing.assert_array_equal(items.amount, items.whole)
    biome = terrain.biome(np.arange(128), 0.0)
    for number in range(len(BIOMES)):
        there = (items.whole.reshape(-1, PLACES)[biome == number] > 0).sum()
        expected = COUNTRIES[number].food * (biome == number).sum()
        assert there == pytest.approx(expected, abs=4 * np.sqrt(expected))
    assert not laid(3, density=0.0)[0].items.whole.any()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), reach=st.floats(0.1, 30.0))
def test_the_nearest_item_is_what_a_search_of_all_finds(seed: int, reach: float) -> None:
    rng = np.random.default_rng(seed)
    food, terrain = laid(5, seed)
    terrain.retire_before(2)
    food.follow(terrain)
    thinned(food, rng)
    n = 30
    tile = rng.integers(1, 7, n).astype(np.int32)
    x = rng.uniform(-5, TILE + 5, n).astype(np.float32)
    y = terrain.height(tile, x) + rng.uniform(-1, 3, n).astype(np.float32)
    living = rng.permutation(n).astype(np.int32)[:20]
    item, away_x, away_y = np.full(n, -7, np.int32), np.zeros(n, np.float32), np.zeros(n, np.float32)
    find_nearest(0, 20, living, tile, x, y, np.float32(reach), food.items, item, away_x, away_y)
    for i, (k, dx, dy) in zip(living, find_nearest_plain(living, tile, x, y, reach, food.items), strict=True):
        gap = abs(np.hypot(away_x[i], away_y[i]) - np.hypot(dx, dy))
        if item[i] == k:
            assert gap < 1e-3
        else:  # a tie, or at the very edge of what is in reach
            assert gap < 1e-3 if min(item[i], k) >= 0 else abs(np.hypot(dx + away_x[i], dy + away_y[i]) - reach) < 1e-3
    assert (item[np.setdiff1d(np.arange(n), living)] == -7).all()


def test_finding_in_parts_finds_the_same() -> None:
    food, terrain = laid(5)
    x = np.linspace(0, 99, 64, dtype=np.float32)
    tile = np.repeat(np.arange(4, dtype=np.int32), 16)
    y = terrain.height(tile, x)
    living = np.arange(64, dtype=np.int32)
    found = []
    for cuts in ((0, 64), (0, 7, 40, 64)):
        item, away_x, away_y = np.zeros(64, np.int32), np.zeros(64, np.float32), np.zeros(64, np.float32)
        for start, stop in pairwise(cuts):
            find_nearest(start, stop, living, tile, x, y, np.float32(8), food.items, item, away_x, away_y)
        found.append((item, away_x, away_y))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (found[0][0] >= 0).mean() > 0.5


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_eating_shares_as_specified_and_keeps_every_joule(seed: int) -> None:
    rng = np.random.default_rng(seed)
    food, _ = laid(1, seed, density=4.0)
    thinned(food, rng)
    n = 24
    living = np.sort(rng.permutation(n)[:20]).astype(np.int32)
    item = rng.integers(-1, 6, n).astype(np.int32)
    want = rng.choice([0.0, 3.0, 400.0, 2000.0], n).astype(np.float32)
    before, claims = food.items.amount.sum(dtype=np.float64), np.zeros(len(food.items.x), np.float32)
    got, plain = np.full(n, -1, np.float32), copied(food.items)
    total = eat(living, item, want, 77, food.items, claims, got)
    wanted = eat_plain(living, item, want, 77, plain)
    np.testing.assert_allclose(got[living], [wanted[i] for i in living.tolist()], rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(food.items.amount, plain.amount, atol=1e-3)
    np.testing.assert_array_equal(food.items.eaten, plain.eaten)
    assert not claims.any()
    assert (food.items.amount >= 0).all()
    assert got[living].sum(dtype=np.float64) == pytest.approx(total)
    assert before - food.items.amount.sum(dtype=np.float64) == pytest.approx(total, abs=1e-2)


def test_who_eats_does_not_depend_on_the_order() -> None:
    shares = []
    for living in (np.array([0, 1, 2], np.int32), np.array([2, 0, 1], np.int32)):
        food, _ = laid(1, density=4.0)
        k = int(food.items.amount.argmax())
        got, item = np.zeros(3, np.float32), np.full(3, k, np.int32)
        claims = np.zeros(len(food.items.x), np.float32)
        eat(living, item, np.array([1000, 1000, 2000], np.float32), 0, food.items, claims, got)
        shares.append(got.tolist())
    assert shares[0] == shares[1] == [375.0, 375.0, 750.0]


def test_an_item_grows_again_a_while_after_the_last_bite() -> None:
    food, _ = laid(1)
    k = int(food.items.amount.argmax())
    item, got = np.array([k], np.int32), np.zeros(1, np.float32)
    claims, living = np.zeros(len(food.items.x), np.float32), np.zeros(1, np.int32)
    for step in (10, 14):
        eat(living, item, np.full(1, 500, np.float32), step, food.items, claims, got)
    assert food.items.amount[k] == 500
    for step in (15, 63):
        plain = copied(food.items)
        assert regrow(step, 50, food.items) == regrow_plain(step, 50, plain) == 0
    plain = copied(food.items)
    assert regrow(64, 50, food.items) == regrow_plain(64, 50, plain) == 1000
    for amount in (food.items.amount, plain.amount):
        np.testing.assert_array_equal(amount, food.items.whole)


@settings(max_examples=25, deadline=None)
@given(moves=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=6), seed=st.integers(0, 1000))
def test_items_stay_with_their_tiles_as_these_come_and_go(moves: list[tuple[int, int]], seed: int) -> None:
    food, terrain = laid(4, seed)
    bitten: dict[tuple[int, int], float] = {}
    last: dict[tuple[int, int], int] = {}
    rng = np.random.default_rng(seed)
    for forth, gone in [(0, 0), *moves]:
        terrain.extend_to(terrain.newest + forth)
        terrain.retire_before(terrain.oldest + gone)
        food.follow(terrain)
        items = food.items
        assert items.first == terrain.oldest
        assert len(items.x) == (terrain.newest - terrain.oldest + 1) * PLACES
        fresh = Food(FoodSettings(), terrain, seed).items
        for name in ("x", "y", "whole"):
            np.testing.assert_array_equal(getattr(items, name), getattr(fresh, name))
        for k in range(len(items.x)):
            known = bitten.get((items.first + k // PLACES, k % PLACES), float(items.whole[k]))
            assert items.amount[k] == np.float32(known)
            assert items.eaten[k] == last.get((items.first + k // PLACES, k % PLACES), fresh.eaten[k])
        k = int(rng.integers(len(items.x)))
        items.amount[k] *= np.float32(0.5)
        items.eaten[k] = 100 + k
        bitten[items.first + k // PLACES, k % PLACES] = float(items.amount[k])
        last[items.first + k // PLACES, k % PLACES] = 100 + k


def test_saved_food_comes_back() -> None:
    food, terrain = laid(3)
    thinned(food, np.random.default_rng(1))
    food.items.eaten[5] = 44
    again = Food(FoodSettings(), Terrain(TerrainSettings(), 2), 2)
    again.load_state(food.state(), terrain)
    for name in Items._fields:
        np.testing.assert_array_equal(getattr(again.items, name), getattr(food.items, name))
    with pytest.raises(ValueError, match=r"food\.amount"):
        again.load_state(food.state(), Terrain(TerrainSettings(), 2))
