"""Joints commanded by torque: what an action becomes, what it does to a body, and that the contract is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crawling import SMALL, crawlers_of

from teem.config.crawlers import BodySettings
from teem.worlds.base import Action, Outcome
from teem.worlds.conformance import check_world, random_actions
from teem.worlds.crawlers.control import Torques
from teem.worlds.crawlers.crawlers import Crawlers

TORQUE = {"control": "torque"}
BREEDING = {"age_max": 15, "maturity": 2, "breed_energy": 9000.0, "birth_energy": 1000.0}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"body": SMALL, "decision": 1},
        {"body": BodySettings(limbs=1, segments=1, wheels=0)},
        {**BREEDING, "crossover": 1.0},
        {"stranded": 5, "threads": 2},
    ],
    ids=lambda settings: "-".join(settings) or "plain",
)
def test_crawlers_by_torque_keep_the_contract(settings: dict[str, Any]) -> None:
    check_world(lambda: crawlers_of(**TORQUE, **settings), 20)


class Unclipped(Crawlers):
    """Takes whatever number it is given."""

    def _begin(self, action: Action) -> Any:
        alive = super()._begin(action)
        self._action[:] = np.where(self._view.mask, action, 0)
        return alive


class Blank(Crawlers):
    """Says nothing of the joints that it takes for granted."""

    def heuristic(self, observation: Any, action: Action) -> None:
        super().heuristic(observation, action)
        action[observation.living, 0] = np.nan


class Limp(Crawlers):
    """Forgets what it was asked for."""

    def step(self, action: Action) -> Outcome:
        outcome = super().step(action)
        outcome.action[:] = 0
        return outcome


@pytest.mark.parametrize(
    ("fault", "named"),
    [(Unclipped, "action: not what was asked"), (Blank, "somebody was left"), (Limp, "action: not what was asked")],
)
def test_a_planted_fault_is_named(monkeypatch: pytest.MonkeyPatch, fault: type[Crawlers], named: str) -> None:
    monkeypatch.setattr("crawling.Crawlers", fault)
    with pytest.raises(AssertionError, match=named):
        check_world(lambda: crawlers_of(**TORQUE, decision=1), 10)


def test_what_is_no_torque_is_rest_and_more_than_all_of_it_is_all_of_it() -> None:
    wanted = np.array([[0.25, -0.25, 2.0, -9.0], [np.nan, np.inf, -np.inf, 0.5]], np.float32)
    present = np.array([[1, 1, 1, 1], [1, 1, 1, 0]], np.bool_)
    taken = Torques().comply(wanted, present)
    assert taken.dtype == np.float32
    assert taken.tolist() == [[0.25, -0.25, 1.0, -1.0], [0.0, 0.0, 0.0, 0.0]]


def test_an_action_is_the_command_of_the_joints_there_are() -> None:
    world = crawlers_of(**TORQUE, decision=1)
    assert world.continuous and world.actions == () and world.rest == 0
    observation = world.observe()
    action = random_actions(world, observation)
    world.step(action)
    living = world.population.living
    there = observation.mask[living]
    command = world.physics.command[living][:, world._view.joints]
    assert there.any() and not there.all()
    assert (command == np.where(there, action[living], 0)).all()


def turned(world: Crawlers, part: float, steps: int = 12) -> np.ndarray:
    """How fast the first joint of each turns in the end, when it is driven with this part of its torque."""
    action = np.zeros((world.population.capacity, len(world.branches)), np.float32)
    action[:, 0] = part
    for _ in range(steps):
        world.step(action)
    return world.physics.reading.turn[world.population.living, world._view.joints[0]].copy()


def test_at_rest_a_joint_is_limp_and_torque_turns_it_both_ways() -> None:
    forth, limp, back = (turned(crawlers_of(**TORQUE, decision=1), part) for part in (1.0, 0.0, -1.0))
    assert not np.array_equal(forth, limp)
    assert (forth[:, 0] > back[:, 0]).mean() > 0.8  # the angle


def test_who_rests_does_no_work_by_torque() -> None:
    world = crawlers_of(**TORQUE, decision=1)
    turned(world, 0.0)
    assert not world.physics.reading.energy.any()
    turned(world, 0.5)
    assert world.physics.reading.energy[world.population.living].all()


def test_newborns_and_those_set_down_are_driven_by_torque_too() -> None:
    world = crawlers_of(**TORQUE, **BREEDING, stranded=7)
    for _ in range(40):
        world.step(random_actions(world, world.observe()))
    assert world.population.next_id > 12
    blocks = world.physics._blocks
    home = world.physics._home[world.population.living]
    assert blocks.lives[home[:, 0], 1, home[:, 1]].all()


def test_speeds_are_the_default() -> None:
    world = crawlers_of()
    assert not world.continuous and len(world.actions) == 5 and world.rest == 2
