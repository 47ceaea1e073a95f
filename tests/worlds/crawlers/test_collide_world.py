"""A world whose creatures collide: the same contract, the same bits, and children who come out of their parents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from colliding import gap_plain
from crawling import crawlers_of

from teem.config.crawlers import TerrainSettings
from teem.worlds.conformance import check_world, random_actions
from teem.worlds.crawlers.blocks import SPIN, VX
from teem.worlds.crawlers.crawlers import Crawlers
from teem.worlds.crawlers.plan import CHASSIS
from teem.worlds.crawlers.shapes import part_of

CROWDED = {"founders": 16, "capacity": 24, "spread": 1.0, "collisions": True}
BREEDING = {"age_max": 40, "maturity": 2, "breed_energy": 9000.0, "birth_energy": 1000.0}


def lives(world: Crawlers, steps: int) -> dict[int, bytes]:
    """Where each of the living and its parts are after steps with random actions."""
    for _ in range(steps):
        world.step(random_actions(world, world.observe()))
    people, pose = world.population, world.physics.reading.pose
    there = world.plan.mass > 0
    return {int(people.id[slot]): pose[slot][there[slot]].tobytes() for slot in people.living}


@pytest.mark.parametrize("more", [{}, {**BREEDING, "threads": 2}, {"control": "torque"}])
def test_a_world_of_those_who_collide_keeps_the_contract(more: dict[str, Any]) -> None:
    check_world(lambda: crawlers_of(**{**CROWDED, **more}), 20)


def test_without_the_setting_nothing_changes() -> None:
    """Far apart, those who collide live the lives of those who don't, to the bit; near each other they don't."""
    for spread, same in ((20.0, True), (1.0, False)):
        alone = lives(crawlers_of(**{**CROWDED, "spread": spread, "collisions": False}), 30)
        assert (lives(crawlers_of(**{**CROWDED, "spread": spread}), 30) == alone) is same
    assert crawlers_of()._collisions is None


def test_neither_threads_nor_slots_change_a_life_in_a_crowd() -> None:
    one = lives(crawlers_of(**CROWDED, **BREEDING), 60)
    assert one == lives(crawlers_of(**CROWDED, **BREEDING, threads=2), 60)
    shuffled = crawlers_of(**CROWDED, **BREEDING)
    saved = shuffled.population.state()
    shuffled.population.load_state({**saved, "free": saved["free"][::-1]})
    assert one == lives(shuffled, 60)
    assert max(one) >= 16  # children of some, in other slots


def test_a_saved_world_of_those_who_collide_goes_on_with_the_same_bits() -> None:
    world, other = crawlers_of(**CROWDED), crawlers_of(**CROWDED)
    lives(world, 25)
    other.load_state(world.state())
    assert lives(world, 25) == lives(other, 25)


def test_a_child_set_down_in_its_parent_comes_out_of_it() -> None:
    world = crawlers_of(2, 2, collisions=True, terrain=TerrainSettings(style="flat", obstacles=0.0))
    slots = world.population.living.copy()
    world._put(slots, np.array([20.0, 20.3]))
    rest = np.full((2, len(world.branches)), world.rest, np.int32)
    speeds = []
    for _ in range(300):
        world.observe()
        world.step(rest)
        speeds.append(np.abs(world.physics.reading.pose[slots, CHASSIS, VX:SPIN]).max())
    a, b = (part_of(i, CHASSIS, 0.0, world._collisions._crowd) for i in slots)
    assert gap_plain(a, b) > -0.06
    assert max(speeds) < 6.0
    assert max(speeds[-60:]) < 1.0
