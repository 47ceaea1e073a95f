"""The scripted farmer does what its rule of thumb says, and sees no farther than the agent does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from farms import by_chance, farm_of

from teem.worlds.farm.bodies import ACTIONS, GATHER, REPRODUCE, SIGHT
from teem.worlds.farm.farm import Farm
from teem.worlds.farm.fields import RESOURCES, ROCK


def one_on_bare_ground(**settings: Any) -> Farm:
    """An agent in the middle of cell (10, 10), where nothing grows."""
    farm = farm_of(founders=1, capacity=2, obstacles=0.0, size=24, sight=4, roots=0.0, **settings)
    farm.fields.planes[:, :, RESOURCES] = 0
    farm.fields.capacity[:] = 2
    farm.population.x[0], farm.population.y[0] = 10.5, 10.5
    farm.population.genome[0] = 1.0
    return farm


def choice(farm: Farm) -> str:
    action = np.full(farm.population.capacity, -1, np.int32)
    farm.heuristic(farm.observe(), action)
    return ACTIONS[action[0]]


@pytest.mark.parametrize(
    ("dy", "dx", "way"),
    [(0, 3, "east"), (3, 3, "southeast"), (-4, 0, "north"), (1, -4, "west"), (-2, -2, "northwest")],
)
def test_it_walks_towards_food_in_sight(dy: int, dx: int, way: str) -> None:
    farm = one_on_bare_ground()
    farm.fields.planes[10 + dy, 10 + dx, RESOURCES] = 1.0
    assert choice(farm) == f"move_{way}"


def test_it_prefers_the_best_for_its_distance() -> None:
    farm = one_on_bare_ground()
    farm.fields.planes[10, 12, RESOURCES] = 1.0  # a third
    farm.fields.planes[10, 7, RESOURCES] = 1.2  # 0.3
    assert choice(farm) == "move_east"
    farm.fields.planes[10, 7, RESOURCES] = 1.6
    assert choice(farm) == "move_west"


def test_it_walks_around_rock() -> None:
    farm = one_on_bare_ground(move_distance=1.0)
    farm.fields.planes[10, 13, RESOURCES] = 1.0
    farm.fields.planes[10, 11, ROCK] = 1.0
    assert choice(farm) in ("move_southeast", "move_northeast")


def test_it_sees_no_farther_than_the_agent() -> None:
    farm = one_on_bare_ground()
    farm.fields.planes[14, 10, RESOURCES] = 1.0
    assert choice(farm) == "move_south"
    farm.population.genome[0, SIGHT] = 0.0
    assert choice(farm) == "move_east", "nothing in sight: the first way there is"
    farm.fields.planes[12, 10, RESOURCES] = 1.0
    assert choice(farm) == "move_south"


def test_it_sees_across_the_seam_of_a_torus_and_not_beyond_a_wall() -> None:
    for edge, way in (("torus", "move_west"), ("bounded", "move_east")):
        farm = one_on_bare_ground(edge=edge)
        farm.population.x[0] = 0.5
        farm.fields.planes[10, 22, RESOURCES] = 1.0
        assert choice(farm) == way


def test_it_eats_where_it_pays_and_breeds_when_it_can() -> None:
    farm = one_on_bare_ground(maturity=0, breed_energy=6.0, energy=5.0)
    farm.fields.planes[10, 10, RESOURCES] = 1.0
    assert choice(farm) == ACTIONS[GATHER]
    farm.population.energy[0] = 6.0
    assert choice(farm) == ACTIONS[REPRODUCE]


def test_it_gathers_more_than_chance_does() -> None:
    def gathered(clever: bool) -> float:
        farm, total = farm_of(founders=20, capacity=20, density=0.3), 0.0
        for _ in range(60):
            observation = farm.observe()
            action = by_chance(farm, observation)
            if clever:
                farm.heuristic(observation, action)
            total += farm.step(action).ledger["gathered"]
        return total

    assert gathered(clever=True) > 2 * gathered(clever=False)
