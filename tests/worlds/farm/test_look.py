"""What agents perceive: the kernels against the specification, and what seeing must not depend on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checks import assert_seen_as_specified
from farms import ALL_CHANNELS, by_chance, farm_of, scatter
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from teem.worlds.farm.view import lines_of_sight

CELLS = st.integers(0, 19)
SIGHTS = {
    "seed": st.integers(0, 10_000),
    "edge": st.sampled_from(["torus", "bounded"]),
    "view": st.sampled_from(["compact", "full"]),
    "channels": st.one_of(
        *(
            st.lists(st.sampled_from(ALL_CHANNELS), min_size=1, max_size=most, unique=True).map(tuple)
            for most in (4, 13)
        )
    ),
    "deposit": st.sampled_from(["nearest", "bilinear"]),
    "occlusion": st.booleans(),
    "sight": st.integers(2, 5),
    "size": st.sampled_from([1, 14, 31]),
    "reach": st.sampled_from([0.5, 1.5, 6.0]),
    "obstacles": st.sampled_from([0.0, 0.05, 0.4]),
    "density": st.sampled_from([0.1, 0.6]),
    "founders": st.sampled_from([1, 7, 25]),
    "capacity": st.sampled_from([25, 50]),
}


def worlds(**fixed: Any) -> Any:
    return st.fixed_dictionaries(SIGHTS | {name: st.just(value) for name, value in fixed.items()})


@settings(max_examples=80, deadline=None)
@given(world=worlds(), crowded=st.booleans())
def test_looking_is_as_specified_in_any_world(world: dict[str, Any], crowded: bool) -> None:
    farm = farm_of(**world)
    scatter(farm, world["seed"], crowded)
    assert_seen_as_specified(farm, {})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds(founders=12))
def test_looking_stays_as_specified_while_a_farm_lives(world: dict[str, Any]) -> None:
    channels = (*world["channels"], *(name for name in ("known_empty",) if name not in world["channels"]))
    farm = farm_of(**{**world, "channels": channels, "density": 0.1, "move_distance": 3.0})
    known: Any = {}
    for _ in range(8):
        assert_seen_as_specified(farm, known)
        farm.step(by_chance(farm, farm.observe()))


def test_newborns_in_the_slots_of_the_dead_look_as_specified() -> None:
    farm = farm_of(
        founders=12, capacity=12, size=9, sight=3, obstacles=0.2, density=0.6, growth=0.5, view="full",
        channels=ALL_CHANNELS, age_max=9, maturity=1, breed_energy=2.0, birth_energy=1.0, decay=0.9,
    )  # fmt: skip
    known: Any = {}
    born = 0
    for _ in range(30):
        assert_seen_as_specified(farm, known)
        born += len(farm.step(by_chance(farm, farm.observe())).births.slot)
    assert born > 12


@settings(max_examples=30, deadline=None)
@given(world=worlds(view="compact", occlusion=False, density=0.6))
def test_zones_summed_from_the_map_are_those_drawn_together_from_windows(world: dict[str, Any]) -> None:
    shared = tuple(name for name in world["channels"] if name not in ("visibility", "known_empty"))
    assume(shared)
    straight = farm_of(**{**world, "channels": shared})
    through_windows = farm_of(**{**world, "channels": (*shared, "visibility")})
    for farm in (straight, through_windows):
        scatter(farm, world["seed"], crowded=False)
    living, wide = straight.population.living, through_windows.observation_names
    ours = straight.observe().values[living]
    theirs = through_windows.observe().values[living]
    same = [wide.index(name) for name in straight.observation_names]
    np.testing.assert_allclose(ours, theirs[:, same], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("view", ["compact", "full"])
@pytest.mark.parametrize("traces", [False, True])
def test_what_lies_beyond_the_window_is_not_looked_at(view: str, traces: bool) -> None:
    """Looking costs O(sight^2): not one cell, and nobody, outside the window makes a difference."""
    channels = ALL_CHANNELS if traces else ("resources", "allies", "enemies", "obstacles", "terrain_cost")
    farm = farm_of(view=view, channels=channels, size=40, sight=3, founders=40, deposit="bilinear")
    scatter(farm, 3, crowded=False)
    one, bodies = farm.population.living[0], farm.bodies
    bodies.x[one], bodies.y[one] = 0.5, 20.5
    before = farm.observe().values[one].copy()
    away_y, away_x = ((np.arange(40) - at + 20) % 40 - 20 for at in (20, 0))
    outside = np.maximum(abs(away_y)[:, None], abs(away_x)[None, :]) > 3
    farm.fields.planes[outside] = np.nan
    for j in farm.population.living[1:]:
        if max(abs(away_y[int(bodies.y[j])]), abs(away_x[int(bodies.x[j])])) > 4:
            bodies.health[j] = bodies.signal[j] = np.nan
    assert np.isnan(bodies.health[farm.population.living]).sum() > 20
    np.testing.assert_array_equal(farm.observe().values[one], before)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), view=st.sampled_from(["compact", "full"]), right=CELLS, down=CELLS)
def test_a_torus_looks_the_same_wherever_it_is_cut(seed: int, view: str, right: int, down: int) -> None:
    farm = farm_of(size=20, founders=15, view=view, channels=ALL_CHANNELS, occlusion=True)
    scatter(farm, seed, crowded=False)
    living, bodies = farm.population.living, farm.bodies
    bodies.goal_x[living] += 1 / 16  # never half a turn off, where both ways are alike
    bodies.goal_y[living] += 1 / 16
    before = farm.observe().values[living].copy()
    farm._memory.since[:] = -1
    for column, by in ((bodies.x, right), (bodies.goal_x, right), (bodies.y, down), (bodies.goal_y, down)):
        column[living] = (column[living] + by) % 20
    farm.fields.planes[:] = np.roll(farm.fields.planes, (down, right), (0, 1))
    farm.fields.capacity[:] = np.roll(farm.fields.capacity, (down, right), (0, 1))
    np.testing.assert_allclose(farm.observe().values[living], before, rtol=1e-5, atol=1e-5)


def test_looking_twice_is_looking_once() -> None:
    farm = farm_of(view="full", channels=ALL_CHANNELS, founders=20)
    for _ in range(5):
        once = farm.observe().values.copy()
        np.testing.assert_array_equal(farm.observe().values, once)
        farm.step(by_chance(farm, farm.observe()))


def test_a_farm_is_never_too_small_to_see_and_walk_around_once() -> None:
    farm = farm_of(size=1, sight=2, move_distance=8.0, founders=10)
    for _ in range(30):
        farm.step(by_chance(farm, farm.observe()))
        for place in (farm.bodies.x, farm.bodies.y):
            assert ((place >= 0) & (place < farm.fields.side)).all()


@pytest.mark.parametrize("radius", [2, 3, 7, 16, 32])
def test_lines_of_sight_come_from_the_cell_one_ring_nearer(radius: int) -> None:
    order, before = lines_of_sight(radius)
    width = 2 * radius + 1
    rings = [max(abs(c // width - radius), abs(c % width - radius)) for c in range(width * width)]
    assert sorted(order) == list(range(width * width))
    assert [rings[c] for c in order] == sorted(rings)
    for c in range(width * width):
        assert rings[before[c]] == max(rings[c] - 1, 0)
        assert before[width * width - 1 - c] == width * width - 1 - before[c], "sight is not symmetrical"
