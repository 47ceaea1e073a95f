"""Every channel is live: it varies while a farm lives, and shows its cause where and when it should."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from farms import ALL_CHANNELS, by_chance, farm_of
from numba import njit
from numpy.typing import NDArray

from teem.errors import UsageError
from teem.worlds.farm import view
from teem.worlds.farm.bodies import ATTACK, COMMUNICATE, GATHER, PASS, WAY_X
from teem.worlds.farm.channels import forget_channel, register_channel, registered
from teem.worlds.farm.farm import Farm
from teem.worlds.farm.fields import RESOURCES, ROCK

NEAR = [f"visibility[{y},{x}]" for y in (-1, 0, 1) for x in (-1, 0, 1)] + [f"visibility.{zone}" for zone in view.NEAR]
NEVER_VARY = {"obstacles[0,0]", "obstacles.here", *NEAR}  # nobody is on rock, or blind to the cells it touches
MIDDLE = 3  # the sight, so the window's own cell


def scene(agents: int = 2, **settings: Any) -> Farm:
    """Agents of kind 0 on bare, flat ground; the first in the middle of cell (10, 10)."""
    farm = farm_of(
        founders=agents, capacity=agents + 1, view="full", channels=ALL_CHANNELS, sight=3, size=24, obstacles=0.0,
        landmarks=0.0, **settings,
    )  # fmt: skip
    farm.fields.planes[:] = 0
    farm.fields.capacity[:] = 0
    living = farm.population.living
    farm.population.kind[living] = 0
    farm.population.genome[living] = 1.0
    farm.population.x[living], farm.population.y[living] = 20.5, 20.5
    farm.population.x[0], farm.population.y[0] = 10.5, 10.5
    return farm


def seen(farm: Farm, channel: str, slot: int = 0) -> NDArray[np.float32]:
    """A channel's window around an agent."""
    names = [name.split("[")[0] for name in farm.observation_names[: len(ALL_CHANNELS)]]
    return farm.observe().values[slot, :, :, names.index(channel)].copy()


def only(row: int, column: int, value: float) -> NDArray[np.float32]:
    """A window that is empty but for a cell, by its offset from the middle."""
    window = np.zeros((7, 7), np.float32)
    window[MIDDLE + row, MIDDLE + column] = value
    return window


def do(farm: Farm, *actions: int) -> None:
    action = np.full(farm.population.capacity, PASS, np.int32)
    action[: len(actions)] = actions
    farm.step(action)


@pytest.mark.parametrize("shape", ["full", "compact"])
def test_every_value_of_an_observation_varies_while_a_farm_lives(shape: str) -> None:
    farm = farm_of(founders=40, size=16, view=shape, channels=ALL_CHANNELS, occlusion=True, obstacles=0.15)
    low, high = np.full(farm.observation_shape, np.inf), np.full(farm.observation_shape, -np.inf)
    for _ in range(50):
        observation = farm.observe()
        values = observation.values[observation.living]
        low, high = np.minimum(low, values.min(axis=0)), np.maximum(high, values.max(axis=0))
        farm.step(by_chance(farm, observation))
    constant = np.array(farm.observation_names)[(low == high).ravel()].tolist()
    assert set(constant) == {name for name in farm.observation_names if name in NEVER_VARY}


@pytest.mark.parametrize("friend", [True, False])
def test_another_shows_where_it_stands_with_its_health(friend: bool) -> None:
    farm = scene()
    farm.population.kind[1] = 0 if friend else 1
    farm.population.x[1], farm.population.y[1], farm.population.health[1] = 12.25, 9.75, 0.625
    shows, silent = ("allies", "enemies") if friend else ("enemies", "allies")
    np.testing.assert_array_equal(seen(farm, shows), only(-1, 2, 0.625))
    assert not seen(farm, silent).any()
    farm.population.x[1] = 14.5
    assert not seen(farm, shows).any(), "four cells off is out of sight"


def test_a_solitary_kind_has_no_allies() -> None:
    farm = scene()
    farm.population.kind[[0, 1]] = 2
    farm.population.x[1], farm.population.y[1] = 11.5, 10.5
    np.testing.assert_array_equal(seen(farm, "enemies"), only(0, 1, 1.0))
    assert not seen(farm, "allies").any()


def test_a_point_between_cells_is_dealt_out_in_parts() -> None:
    farm = scene(deposit="bilinear")
    farm.population.x[1], farm.population.y[1] = 12.75, 10.5
    np.testing.assert_allclose(seen(farm, "allies"), only(0, 2, 0.75) + only(0, 3, 0.25))


def test_a_short_sighted_agent_sees_two_cells_far() -> None:
    farm = scene()
    farm.population.genome[0] = 0.0
    farm.fields.planes[:, :, RESOURCES] = 1.0
    inside = np.zeros((7, 7), np.bool_)
    inside[1:6, 1:6] = True
    np.testing.assert_array_equal(seen(farm, "resources") > 0, inside)
    np.testing.assert_array_equal(seen(farm, "visibility") > 0, inside)


def test_own_health_is_felt_everywhere() -> None:
    farm = scene()
    farm.population.health[0] = 0.375
    assert (seen(farm, "self_health") == 0.375).all()


def test_resources_and_terrain_show_on_their_cells() -> None:
    farm = scene(cell_capacity=2.0)
    farm.fields.planes[11, 7, RESOURCES] = 1.5
    np.testing.assert_array_equal(seen(farm, "resources"), only(1, -3, 0.75))
    farm.fields.planes[9, 10, 2] = 0.5
    np.testing.assert_array_equal(seen(farm, "terrain_cost"), only(-1, 0, 0.5))


def test_rock_shows_and_hides_what_is_behind_it() -> None:
    for occlusion in (False, True):
        farm = scene(occlusion=occlusion)
        farm.fields.planes[10, 11, ROCK] = 1
        farm.fields.planes[10, 13, RESOURCES] = 2
        np.testing.assert_array_equal(seen(farm, "obstacles"), only(0, 1, 1.0))
        visible = seen(farm, "visibility")
        assert visible[MIDDLE, MIDDLE + 1] == 1
        assert visible[MIDDLE, MIDDLE + 2 :].tolist() == [0, 0]
        assert visible[MIDDLE, : MIDDLE + 1].all()
        assert seen(farm, "resources").any() != occlusion


def test_a_wall_looks_like_rock() -> None:
    farm = scene(edge="bounded")
    farm.population.x[0] = 1.5
    rock = np.zeros((7, 7), np.float32)
    rock[:, :2] = 1
    np.testing.assert_array_equal(seen(farm, "obstacles"), rock)


def test_the_empty_is_known_and_fades_once_it_can_not_be_seen() -> None:
    farm = scene(decay=0.5, move_cost=0.0)
    assert seen(farm, "known_empty").all()
    farm.fields.planes[10, 11, ROCK] = 1
    known = [seen(farm, "known_empty")[MIDDLE, MIDDLE + 1 :].tolist() for _ in range(3) if do(farm) is None]
    assert known == [[0, 0.5, 0.5], [0, 0.25, 0.25], [0, 0.125, 0.125]]
    farm.fields.planes[10, 9, RESOURCES] = 1
    assert seen(farm, "known_empty")[MIDDLE, MIDDLE - 1] == 0
    assert seen(farm, "known_empty", slot=1).all()


def test_what_is_known_to_be_empty_stays_at_its_place_while_the_agent_moves() -> None:
    farm = scene(decay=0.5, move_cost=0.0, move_distance=1.0)
    farm.population.x[0] = 23.5  # about to cross the seam
    seen(farm, "known_empty")
    farm.fields.planes[10, 1, ROCK] = 1  # two cells east, hides the third
    do(farm, 0)
    assert farm.population.x[0] == 0.5
    assert seen(farm, "known_empty")[MIDDLE].tolist() == [1, 1, 1, 1, 0, 0.5, 0]


def test_an_attack_leaves_heat_that_fades() -> None:
    farm = scene(decay=0.5, attack_damage=0.5)
    farm.population.kind[1] = 1
    farm.population.x[1], farm.population.y[1] = 11.5, 10.5
    assert not seen(farm, "damage_heat").any()
    do(farm, ATTACK)
    hurt = farm.bodies.hurt[1]
    assert hurt > 0
    np.testing.assert_allclose(seen(farm, "damage_heat"), only(0, 1, 0.5 * hurt))
    do(farm)
    np.testing.assert_allclose(seen(farm, "damage_heat"), only(0, 1, 0.25 * hurt))


def test_moving_leaves_a_trail_that_fades() -> None:
    farm = scene(decay=0.5, move_distance=1.0)
    do(farm, 0)
    np.testing.assert_allclose(seen(farm, "trails"), only(0, 0, 0.5))
    do(farm, 0)
    np.testing.assert_allclose(seen(farm, "trails"), only(0, 0, 0.5) + only(0, -1, 0.25))
    assert WAY_X[0] == 1


def test_allies_hear_a_signal_and_enemies_do_not() -> None:
    farm = scene(agents=3, decay=0.5, cell_capacity=2.0)
    farm.population.kind[2] = 1
    for slot, x in ((1, 11.5), (2, 12.5)):
        farm.population.x[slot], farm.population.y[slot] = x, 10.5
    farm.fields.planes[10, 11:13, RESOURCES] = 1.5
    do(farm, PASS, COMMUNICATE, COMMUNICATE)
    np.testing.assert_allclose(seen(farm, "ally_signal"), only(0, 1, 0.75))
    do(farm)
    np.testing.assert_allclose(seen(farm, "ally_signal"), only(0, 1, 0.375))


def test_the_goal_is_where_it_gathered_best_or_the_way_there() -> None:
    farm = scene(move_distance=1.0, gather_rate=1.0, roots=0.0)
    farm.fields.planes[10, 10, RESOURCES] = 0.5
    do(farm, GATHER)
    np.testing.assert_allclose(seen(farm, "goal"), only(0, 0, 0.5))
    farm.population.x[0], farm.population.y[0] = 15.5, 9.5
    np.testing.assert_allclose(seen(farm, "goal"), only(1, -3, 0.5))


def test_landmarks_stay() -> None:
    farm = scene()
    farm.fields.planes[8, 10, farm.fields.index("landmarks")] = 1
    for _ in range(5):
        np.testing.assert_array_equal(seen(farm, "landmarks"), only(-2, 0, 1.0))
        do(farm)


# ---- channels of the user's own


def mark_agents(plane: Any, scale: Any, living: Any, bodies: Any, step: int) -> None:
    """A joule of light where an agent is, and the step in the corner."""
    for i in living:
        plane[int(bodies.y[i]), int(bodies.x[i])] += 1.0 / scale
    plane[0, 0] = step / scale


writers = pytest.mark.parametrize("writer", [mark_agents, njit(mark_agents)], ids=["plain", "compiled"])


@pytest.fixture
def own_channels() -> Iterator[None]:
    before = set(registered)
    yield
    for name in set(registered) - before:
        forget_channel(name)


def lit(farm: Farm, steps: int) -> NDArray[np.float32]:
    for _ in range(steps):
        do(farm)
    return farm.fields.values("light")


@writers
def test_an_instant_channel_is_true_of_this_step(own_channels: None, writer: Any) -> None:
    register_channel("light", writer)
    farm = farm_of(founders=1, size=24, channels=("light",), upkeep=0.0)
    assert lit(farm, 0).sum() == 1, "before the first step too"
    light = lit(farm, 4)
    assert light.sum() == 1 + 4, "step 4 comes next"
    assert light[int(farm.bodies.y[0]), int(farm.bodies.x[0])] == 1


@writers
def test_a_decaying_channel_adds_up_and_fades(own_channels: None, writer: Any) -> None:
    register_channel("light", writer, "decaying", decay=0.5)
    farm = farm_of(founders=1, size=24, channels=("light",), upkeep=0.0)
    here = (int(farm.bodies.y[0]), int(farm.bodies.x[0]))
    assert lit(farm, 0)[here] == 1
    assert lit(farm, 1)[here] == 1.5
    assert lit(farm, 1)[here] == 1.75


@writers
def test_a_persistent_channel_is_written_once(own_channels: None, writer: Any) -> None:
    register_channel("light", writer, "persistent")
    farm = farm_of(founders=3, size=24, channels=("light", "allies"), upkeep=0.0)
    before = farm.fields.values("light").copy()
    assert before.sum() == 3
    np.testing.assert_array_equal(lit(farm, 5), before)


def test_an_own_channel_is_perceived_under_its_name(own_channels: None) -> None:
    register_channel("light", mark_agents)
    farm = farm_of(founders=2, size=24, view="full", sight=3, channels=("enemies", "light"), upkeep=0.0)
    farm.population.genome[:2] = 1.0
    farm.population.x[:2], farm.population.y[:2] = (10.5, 12.5), 10.5
    do(farm)
    assert farm.observation_names[:2] == ("light[-3,-3]", "enemies[-3,-3]"), "planes of the map come first"
    window = farm.observe().values[0, :, :, 0]
    np.testing.assert_array_equal(window, only(0, 0, 1.0) + only(0, 2, 1.0))


def test_wrong_names_and_decays_are_refused_all_at_once(own_channels: None) -> None:
    with pytest.raises(UsageError, match="channel trails: this name is taken"):
        register_channel("trails", mark_agents)
    register_channel("light", mark_agents)
    with pytest.raises(UsageError, match="channel light: this name is taken"):
        register_channel("light", mark_agents)
    with pytest.raises(UsageError) as refused:
        register_channel("two words", mark_agents, "eternal", decay=1.0)  # type: ignore[arg-type]
    assert len(refused.value.faults) == 3
    forget_channel("light")
    register_channel("light", mark_agents)
