"""Rays: what they hit and where is what a search of everything finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.config.crawlers import FoodSettings, RaySettings, TerrainSettings
from teem.threads import Threads
from teem.worlds.crawlers.food import PLACES, Food, Items
from teem.worlds.crawlers.ground import SAMPLES, SPACING, TILE, Ground
from teem.worlds.crawlers.order import by_place
from teem.worlds.crawlers.rays import (
    CREATURE,
    FOOD,
    FOOD_RADIUS,
    HITS,
    NEIGHBOURS,
    NOTHING,
    OBSTACLE,
    TERRAIN,
    Fan,
    Poses,
    cast,
    cast_plain,
    fan_of,
)
from teem.worlds.crawlers.styles import STYLES
from teem.worlds.crawlers.terrain import Terrain

FAN = fan_of(RaySettings())


class Scene:
    """Creatures on ground with food, all to be changed by a test."""

    def __init__(self, poses: Poses, ground: Ground, obstacle: np.ndarray, items: Items, fan: Fan = FAN) -> None:
        self.poses, self.ground, self.obstacle, self.items, self.fan = poses, ground, obstacle, items, fan
        self.order = by_place(np.arange(len(poses.x), dtype=np.int32), poses.tile, poses.x)

    def cast(self, threads: Threads | None = None) -> tuple[np.ndarray, np.ndarray]:
        n = len(self.poses.x)
        distance, hit = (
            np.full((n, len(self.fan.cosine)), -1, np.float32),
            np.full((n, len(self.fan.cosine)), -1, np.int8),
        )
        everyone = np.arange(n, dtype=np.int32)
        args = (everyone, self.order, self.poses, self.fan, self.ground, self.obstacle, self.items, distance, hit)
        if threads is None:
            cast(0, n, *args)
        else:
            threads.share(cast, n, *args, at_least=4)
        return distance, hit

    def plain(self, swell: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """As specified, by slot, with everything `swell` metres larger: higher ground, thicker creatures and food."""
        poses = self.poses._replace(radius=self.poses.radius.astype(np.float64) + swell)
        ground = self.ground._replace(height=self.ground.height.astype(np.float64) + swell)
        free, what = cast_plain(self.order, poses, self.fan, ground, self.obstacle, self.items, FOOD_RADIUS + swell)
        back = np.argsort(self.order)
        return free[back], what[back]


def scene(seed: int, count: int = 12, style: str = "rough", crowd: float = 30.0, rays: int = 5) -> Scene:
    rng = np.random.default_rng(seed)
    terrain = Terrain(TerrainSettings(style=style, obstacles=3.0), seed)
    terrain.extend_to(4)
    terrain.retire_before(1)
    items = Food(FoodSettings(density=2.0), terrain, seed).items
    items.amount[rng.random(len(items.x)) < 0.3] = 0
    tile = rng.choice([1, 1, 2, 4], count).astype(np.int32)
    edge = rng.choice([0.0, TILE], count)
    x = np.where(rng.random(count) < 0.7, np.abs(edge - rng.uniform(-4, crowd, count)), rng.uniform(0, TILE, count))
    x = x.astype(np.float32)
    y = terrain.height(tile, x) + rng.uniform(-0.2, 3.0, count).astype(np.float32)
    angle = rng.normal(0, 1.5, count).astype(np.float32)
    radius = rng.uniform(0.2, 1.2, count).astype(np.float32)
    fan = fan_of(RaySettings(count=rays, reach=float(rng.uniform(0.5, 25)), lowest=-170, highest=170))
    return Scene(Poses(tile, x, y, np.cos(angle), np.sin(angle), radius), terrain.ground, terrain.obstacle, items, fan)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 100_000), style=st.sampled_from(sorted(STYLES)))
def test_rays_hit_what_and_where_a_search_of_everything_finds(seed: int, style: str) -> None:
    world = scene(seed, style=style)
    distance, hit = world.cast()
    small, large = world.plain(-2e-3), world.plain(2e-3)
    slack = 1e-3
    assert (distance >= large[0] - slack).all()
    assert (distance <= small[0] + slack).all()
    free, what = world.plain()
    clear = (small[1] == large[1]) & (np.abs(small[0] - large[0]) < 0.02)  # not a graze, not a tie
    np.testing.assert_array_equal(hit[clear], what[clear])
    np.testing.assert_allclose(distance[clear], free[clear], atol=0.02)
    assert clear.mean() > 0.7
    assert ((distance == 1) == (hit == NOTHING)).all()


def test_a_thousand_rays_meet_everything_there_is() -> None:
    seen = np.concatenate([scene(seed, count=40, crowd=60.0).cast()[1].ravel() for seed in range(5)])
    assert set(seen) == set(range(len(HITS)))


def flat(creatures: list[tuple[float, float]], heights: dict[int, float] | None = None) -> Scene:
    """Creatures of radius 0.5 over level ground at 0 with some samples raised, and no food."""
    place = np.array(creatures, np.float32)
    height, obstacle = np.zeros(2 * SAMPLES + 1, np.float32), np.zeros(2 * SAMPLES + 1, np.int8)
    for sample, metres in (heights or {}).items():
        height[sample], obstacle[sample - 1 : sample + 1] = metres, 1
    zero = np.zeros(2 * PLACES, np.float32)
    items = Items(0, zero.copy(), zero.copy(), zero.copy(), zero.copy(), np.zeros(2 * PLACES, np.int64))
    n = len(place)
    cosine, sine, radius = np.ones(n, np.float32), np.zeros(n, np.float32), np.full(n, 0.5, np.float32)
    poses = Poses(np.zeros(n, np.int32), place[:, 0].copy(), place[:, 1].copy(), cosine, sine, radius)
    return Scene(poses, Ground(0, height, np.ones_like(height)), obstacle, items)


def rays_at(*degrees: float, reach: float = 8.0) -> Fan:
    angles = np.radians(degrees)
    return Fan(np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32), np.float32(reach))


def test_distances_are_those_of_geometry() -> None:
    world = flat([(50.1, 2.0)])
    world.fan = rays_at(-90, -45, -135, 0, 90, 180, -10)
    distance, hit = world.cast()
    wanted = [2.0, 2 * np.sqrt(2), 2 * np.sqrt(2), 8.0, 8.0, 8.0, 8.0]
    np.testing.assert_allclose(distance[0] * 8, wanted, rtol=1e-5)
    assert hit[0].tolist() == [TERRAIN, TERRAIN, TERRAIN, NOTHING, NOTHING, NOTHING, NOTHING]


def test_a_ray_stops_at_the_face_of_an_obstacle_and_sees_over_a_low_one() -> None:
    world = flat([(50.0, 1.0)], heights={220: 2.0, 180: 0.5})  # at 55 m and at 45 m
    world.fan = rays_at(0, 180, -90)
    distance, hit = world.cast()
    assert hit[0].tolist() == [OBSTACLE, NOTHING, TERRAIN]
    assert distance[0, 0] * 8 == pytest.approx(5.0 - SPACING / 2, abs=1e-4)


def test_rays_turn_with_the_chassis() -> None:
    world = flat([(50.0, 1.0)])
    world.fan = rays_at(0)
    world.poses.cosine[0], world.poses.sine[0] = 0, -1
    distance, hit = world.cast()
    assert (distance[0, 0] * 8, hit[0, 0]) == (pytest.approx(1.0, rel=1e-5), TERRAIN)


def test_creatures_are_seen_as_circles_across_tiles_and_never_oneself() -> None:
    world = flat([(99.0, 2.0), (3.0, 2.0), (95.0, 2.2)])
    world.poses.tile[1] = 1
    world.fan = rays_at(0, 180)
    world.order = by_place(np.arange(3, dtype=np.int32), world.poses.tile, world.poses.x)
    assert world.order.tolist() == [2, 0, 1]
    distance, hit = world.cast()
    assert hit.tolist() == [[CREATURE, CREATURE], [NOTHING, CREATURE], [CREATURE, NOTHING]]
    assert distance[0, 0] * 8 == pytest.approx(3.5, abs=1e-4)
    assert distance[0, 1] * 8 == pytest.approx(4 - np.sqrt(0.5**2 - 0.2**2), abs=1e-4)


def test_food_is_seen_until_it_is_eaten() -> None:
    world = flat([(52.0, 0.3)])
    place = 10  # from 50 to 55 m
    world.items.x[place], world.items.y[place], world.items.amount[place] = 54.0, 0.3, 10.0
    world.fan = rays_at(0)
    distance, hit = world.cast()
    assert (distance[0, 0] * 8, hit[0, 0]) == (pytest.approx(2 - FOOD_RADIUS, abs=1e-5), FOOD)
    world.items.amount[place] = 0
    assert world.cast()[1][0, 0] == NOTHING


def test_who_is_underground_or_within_another_sees_that_at_no_distance() -> None:
    world = flat([(50.0, -0.1), (70.0, 2.0), (70.2, 2.0)])
    distance, hit = world.cast()
    assert not distance.any()
    assert set(hit[0]) == {TERRAIN}
    assert set(hit[1:].ravel()) == {CREATURE}


def test_a_crowd_costs_no_more_than_its_nearest_neighbours() -> None:
    n = 2 * NEIGHBOURS + 9
    world = flat([(50.0 + 0.01 * k, 2.0 + 0.02 * (k % 5)) for k in range(n)])
    world.poses.radius[:] = 1e-3
    world.poses.radius[-1] = 0.2
    world.poses.y[-1] = 2.4
    world.fan = rays_at(20, 60, 80, 100)
    np.testing.assert_array_equal(world.cast()[1], world.plain()[1])
    world.poses.radius[:] = 5.0
    assert (world.cast()[1] == CREATURE).all()


def test_rays_do_not_depend_on_how_the_work_is_cut_or_who_sits_where() -> None:
    world = scene(3, count=64)
    distance, hit = world.cast()
    for threads in (Threads(2), Threads(3)):
        again = world.cast(threads)
        np.testing.assert_array_equal(distance, again[0])
        np.testing.assert_array_equal(hit, again[1])
        threads.close()
    seats = np.random.default_rng(1).permutation(64)
    moved = Scene(
        Poses(*(column[seats] for column in world.poses)), world.ground, world.obstacle, world.items, world.fan
    )
    np.testing.assert_array_equal(distance[seats], moved.cast()[0])
    np.testing.assert_array_equal(hit[seats], moved.cast()[1])


def test_poses_out_of_this_world_do_no_harm() -> None:
    world = flat([(50.0, 1.0), (1e30, 1.0), (np.nan, np.nan), (-1e9, 3.0), (20.0, np.inf), (50.0, 1.0)])
    distance, _ = world.cast()
    assert np.isfinite(distance[[0, 5]]).all()


def test_a_fan_is_even_from_the_lowest_to_the_highest_angle() -> None:
    fan = fan_of(RaySettings(count=3, lowest=-90, highest=0, reach=9))
    np.testing.assert_allclose(np.degrees(np.arctan2(fan.sine, fan.cosine)), [-90, -45, 0], atol=1e-4)
    assert fan.reach == 9
    assert len(fan_of(RaySettings(count=1)).cosine) == 1
