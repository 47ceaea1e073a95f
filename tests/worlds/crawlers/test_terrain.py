"""Terrain: a tile follows from seed and number alone, the ground is whole, and most of it can be walked."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.config.crawlers import BIOMES, BodySettings, TerrainSettings
from teem.worlds.crawlers.biomes import _COUNTRIES, COUNTRIES, feature
from teem.worlds.crawlers.ground import SAMPLES, SPACING, TILE
from teem.worlds.crawlers.styles import STYLES, _roughness
from teem.worlds.crawlers.terrain import WALL, Terrain

PASSABLE = {"flat": 0.0, "rolling": 0.25, "rough": 0.61, "hills": 0.44}  # steepest slopes, as styles.py has them


def terrain_of(newest: int = 0, seed: int = 5, **chosen: Any) -> Terrain:
    terrain = Terrain(TerrainSettings(**chosen), seed)
    terrain.extend_to(newest)
    return terrain


def tile_of(terrain: Terrain, tile: int) -> list[np.ndarray]:
    """Height, friction and obstacles of one tile, with the height of the sample that follows."""
    begin = (tile - terrain.ground.first) * SAMPLES
    within = slice(begin, begin + SAMPLES)
    return [
        terrain.ground.height[begin : begin + SAMPLES + 1], terrain.ground.friction[within], terrain.obstacle[within],
    ]  # fmt: skip


def slopes(terrain: Terrain, kind: int = 0) -> np.ndarray:
    """Steepness of the stretches that are obstacles (1) or are not (0), without the wall's."""
    height, obstacle = terrain.ground.height[SAMPLES:], terrain.obstacle[SAMPLES:-1]
    return np.abs(np.diff(height))[obstacle == kind] / SPACING


def walk(terrain: Terrain, moves: list[tuple[str, int]]) -> None:
    for move, tiles in moves:
        if move == "extend":
            terrain.extend_to(terrain.newest + tiles)
        else:
            terrain.retire_before(terrain.oldest + tiles)


MOVES = st.lists(st.tuples(st.sampled_from(["extend", "retire"]), st.integers(0, 7)), max_size=8)


@settings(max_examples=40, deadline=None)
@given(
    style=st.sampled_from(sorted(STYLES)),
    seed=st.integers(0, 2**63 - 1),
    roughness=st.floats(0, 2),
    one=MOVES,
    other=MOVES,
    tiles=st.integers(2, 12),
)
def test_a_tile_is_the_same_whenever_and_in_whatever_order_it_was_drawn(
    style: str, seed: int, roughness: float, one: list[tuple[str, int]], other: list[tuple[str, int]], tiles: int
) -> None:
    terrains = [terrain_of(seed=seed, style=style, roughness=roughness, tiles=tiles) for _ in range(2)]
    for terrain, moves in zip(terrains, (one, other), strict=True):
        walk(terrain, moves)
        live = terrain.newest - terrain.oldest + 1
        assert 1 <= live <= tiles
        assert terrain.ground.first == terrain.oldest - 1
        for column in (terrain.ground.height, terrain.ground.friction, terrain.obstacle):
            assert column.shape == ((live + 1) * SAMPLES + 1,)
        assert terrain.ground.height.dtype == terrain.ground.friction.dtype == np.float32
        assert terrain.obstacle.dtype == np.int8
    at_once = terrain_of(max(terrain.newest for terrain in terrains), seed, style=style, roughness=roughness)
    for terrain in terrains:
        for tile in range(terrain.oldest, terrain.newest + 1):
            for column, wanted in zip(tile_of(terrain, tile), tile_of(at_once, tile), strict=True):
                np.testing.assert_array_equal(column, wanted)


@pytest.mark.parametrize("style", sorted(STYLES))
def test_other_seeds_are_other_terrains(style: str) -> None:
    one, other = terrain_of(5, seed=1, style=style), terrain_of(5, seed=2, style=style)
    assert not np.array_equal(one.ground.height, other.ground.height)
    np.testing.assert_array_equal(one.ground.height, terrain_of(5, seed=1, style=style).ground.height)


@pytest.mark.parametrize("style", sorted(STYLES))
def test_the_ground_is_whole_across_the_edges_of_tiles(style: str) -> None:
    terrain = terrain_of(99, style=style, obstacles=0.0)
    jumps = np.abs(np.diff(terrain.ground.height[SAMPLES:]))
    edges = jumps[SAMPLES - 1 :: SAMPLES]
    assert np.isfinite(terrain.ground.height).all()
    assert edges.max(initial=0) <= jumps.max() <= 1.63 * SPACING
    assert not terrain.obstacle[SAMPLES:].any()


@pytest.mark.parametrize("style", sorted(PASSABLE))
def test_ground_between_obstacles_is_never_steeper_than_documented_nor_than_a_body_holds_on(style: str) -> None:
    steepest = 0.0
    for number, name in enumerate(BIOMES):
        terrain = terrain_of(60, seed=number, style=style, biomes=(name,))
        found = slopes(terrain).max()
        assert found < BodySettings().friction * COUNTRIES[number].friction
        steepest = max(steepest, found)
    mixed = terrain_of(120, style=style)
    held = BodySettings().friction * mixed.ground.friction[SAMPLES:-1]
    natural = mixed.obstacle[SAMPLES:-1] == 0
    assert (np.abs(np.diff(mixed.ground.height[SAMPLES:])) / SPACING < held)[natural].all()
    assert 0.4 * PASSABLE[style] <= max(steepest, slopes(mixed).max()) <= PASSABLE[style]


def test_documented_bounds_follow_from_the_octaves() -> None:
    for name, documented in (*PASSABLE.items(), ("canyon", 1.62)):
        style = STYLES[name]
        bound = sum(3 * one.amplitude / one.spacing for one in (*style.relief, *style.texture))
        bound += sum(one.amplitude for one in style.texture) * 0.6 / 10  # where the roughness changes
        if style.wall:
            bound += 3 * style.relief[0].amplitude / style.relief[0].spacing * (style.wall - 1)
        assert documented - 0.02 <= bound <= documented


def test_styles_look_like_their_names() -> None:
    flat, steps, hills, canyon = (
        terrain_of(60, style=style, obstacles=0.0).ground.height[SAMPLES:]
        for style in ("flat", "steps", "hills", "canyon")
    )
    assert (flat == 0).all()
    rises = np.abs(np.diff(steps)) / STYLES["steps"].rise
    assert np.isclose(rises, np.round(rises), atol=1e-5).all(), "level, or up or down one step"
    assert set(np.round(rises)) == {0, 1}
    assert np.ptp(hills) > 4.0
    floor_or_rim = (np.abs(canyon) > 0.9 * STYLES["canyon"].relief[0].amplitude).mean()
    assert floor_or_rim > 0.5
    assert np.abs(np.diff(canyon)).max() / SPACING > 1.0, "its walls are to be climbed"
    rolling, rough = (terrain_of(60, style=style, obstacles=0.0) for style in ("rolling", "rough"))
    assert slopes(rough).mean() > 1.5 * slopes(rolling).mean() > 0


def test_roughness_scales_the_ground_but_not_the_obstacles() -> None:
    even, rough = terrain_of(40, roughness=0.0), terrain_of(40, roughness=2.0)
    np.testing.assert_array_equal(even.obstacle, rough.obstacle)
    assert slopes(even).max() == 0
    assert slopes(even, kind=1).max() > 0.5
    natural = terrain_of(40, roughness=1.0, obstacles=0.0).ground.height[SAMPLES:]
    np.testing.assert_allclose(rough.ground.height[SAMPLES:], even.ground.height[SAMPLES:] + 2 * natural, atol=1e-5)


@pytest.mark.parametrize("name", BIOMES)
def test_a_biome_has_its_friction_and_its_obstacles(name: str) -> None:
    terrain = terrain_of(199, seed=11, style="flat", biomes=(name,), tiles=200)
    country = COUNTRIES[BIOMES.index(name)]
    assert (terrain.ground.friction == np.float32(country.friction)).all()
    assert (terrain.biome(np.arange(200), 50.0) == BIOMES.index(name)).all()
    height = terrain.ground.height[SAMPLES:-1]
    starts = (height[1:] > 0) & (height[:-1] == 0)
    expected = country.obstacles * 200
    assert starts.sum() == pytest.approx(expected, abs=4 * np.sqrt(expected))
    assert 0.8 * country.tallest < height.max() <= np.float32(country.tallest)
    assert (height.reshape(-1, SAMPLES)[:, 0] == 0).all(), "none across the edge of a tile"
    steps = (height[:-2] == 0) & (height[1:-1] > 0) & (height[1:-1] == height[2:])
    assert steps.sum() / starts.sum() == pytest.approx(1 - country.triangles, abs=0.15 * (country.triangles < 1))
    np.testing.assert_array_equal(
        terrain.obstacle[SAMPLES:-1] == 1, (height > 0) | (terrain.ground.height[SAMPLES + 1 :] > 0)
    )


def test_triangles_stand_whole_on_their_places() -> None:
    terrain = terrain_of(199, style="flat", biomes=("desert",), obstacles=4.0, tiles=200)
    tallest = COUNTRIES[BIOMES.index("desert")].tallest
    assert 0.8 * tallest / 0.5 < slopes(terrain, kind=1).max() <= tallest / 0.5, "at least half a metre to the top"


def test_roughness_meets_at_the_edge_of_tiles_at_that_of_the_smoother_one() -> None:
    around = np.array(list(product(range(6), repeat=3)), np.int8).T
    found, (left, own, right) = _roughness(around), feature("roughness", around)
    np.testing.assert_allclose(found[:, 0], np.minimum(left, own), rtol=1e-6)
    np.testing.assert_allclose(found[:, -1], np.minimum(own, right), atol=0.6 * SPACING / 10 + 1e-6)
    np.testing.assert_allclose(found[:, SAMPLES // 2], own, rtol=1e-6)
    assert (found <= own[:, None]).all()
    assert np.abs(np.diff(found, axis=1)).max() <= 0.6 * SPACING / 10 + 1e-6


def test_all_biomes_come_up_and_only_those_named() -> None:
    tiles = np.arange(300)
    assert tuple(_COUNTRIES) == BIOMES
    assert set(terrain_of(299, tiles=300).biome(tiles, 0.0)) == set(range(6))
    few = terrain_of(299, tiles=300, biomes=("desert", "plains"))
    assert set(few.biome(tiles, 99.9)) == {BIOMES.index("desert"), BIOMES.index("plains")}
    assert terrain_of(299, tiles=300, obstacles=0.0).obstacle[SAMPLES:].sum() == 0


def test_a_wall_stands_to_the_left_of_the_oldest_tile_and_nothing_in_it() -> None:
    terrain = terrain_of(9)
    before = terrain.ground
    for oldest in (0, 4, 9):
        terrain.retire_before(oldest)
        foot = terrain.height(oldest, 0.0)
        assert terrain.height(oldest - 1, [0.0, 50.0, TILE - SPACING]) == pytest.approx(foot + WALL)
        assert terrain.height(oldest, -30.0) == terrain.height(oldest - 5, 0.0) == foot + np.float32(WALL)
        assert terrain.height(oldest, SPACING) < foot + 1.0
        assert terrain.obstacle[:SAMPLES].all()
    terrain.retire_before(50)
    assert (terrain.oldest, terrain.newest) == (9, 9), "the newest tile stays"
    terrain.retire_before(3)
    assert terrain.oldest == 9, "what was retired does not come back"
    assert before.first == -1
    assert len(before.height) == 11 * SAMPLES + 1, "an array that was handed out stays as it was"


def test_heights_between_samples_are_straight_and_places_may_run_over_a_tile() -> None:
    terrain = terrain_of(4)
    terrain.retire_before(1)
    rng = np.random.default_rng(2)
    tile, x = rng.integers(1, 5, 500), rng.uniform(0, TILE, 500).astype(np.float32)
    metres = (tile - terrain.ground.first) * TILE + x.astype(np.float64)
    wanted = np.interp(metres, np.arange(len(terrain.ground.height)) * SPACING, terrain.ground.height)
    np.testing.assert_allclose(terrain.height(tile, x), wanted, atol=1e-4)
    np.testing.assert_allclose(terrain.height(tile - 1, x + np.float32(TILE)), wanted, atol=1e-4)
    assert terrain.height(900, 3.0) == terrain.height(5, 0.0) == terrain.ground.height[-1]
    one_up = (terrain.biome(2, TILE + 1.0), terrain.biome(4, -1.0))
    assert one_up == (terrain.biome(3, 1.0), terrain.biome(3, TILE - 1.0))


def test_a_saved_terrain_comes_back_and_goes_on_alike() -> None:
    terrain = terrain_of(6, style="canyon")
    terrain.retire_before(3)
    other = terrain_of(2, style="canyon")
    other.load_state(terrain.state())
    for now in (7, 9):
        for column, wanted in zip(other.ground[1:], terrain.ground[1:], strict=True):
            np.testing.assert_array_equal(column, wanted)
        np.testing.assert_array_equal(other.obstacle, terrain.obstacle)
        assert (other.oldest, other.newest, other.ground.first) == (3, terrain.newest, 2)
        terrain.extend_to(now)
        other.extend_to(now)


def test_a_far_leap_keeps_no_more_tiles_than_allowed() -> None:
    terrain = terrain_of(3, tiles=5)
    terrain.extend_to(1000)
    assert (terrain.oldest, terrain.newest) == (996, 1000)
    terrain.extend_to(10)
    assert terrain.newest == 1000
