"""Who belongs to which cohort, how newborns come to their networks, and that the saved go on the same."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from teem.learning.build import build_cohort
from teem.learning.policies import Policies
from teem.threads import Threads
from teem.worlds.base import Births

LEARNERS = [
    {},
    {"backend": "torch"},
    {"sharing": "shared"},
    {"sharing": "encoder"},
    {"algorithm": "ppo"},
    {"algorithm": "ppo", "sharing": "shared"},
    {"algorithm": "iqn"},
    {"algorithm": "qrdqn", "backend": "torch"},
    {"algorithm": "iqn", "sharing": "encoder"},
]


@pytest.mark.parametrize("learning", [*LEARNERS, {"algorithm": "random"}])
def test_a_saved_population_goes_on_bit_for_bit(settle, live, differences, learning: dict) -> None:
    shape = {"agents": 6, "capacity": 9, "lifetime": 50}
    world, policies = settle(world=shape, **learning)
    live(world, policies, 70)
    policies.honour(0, int(world.population.living[0]))
    saved = world.state(), policies.state()
    live(world, policies, 60)
    again, others = settle(world=shape, **learning)
    live(again, others, 7)  # whatever it was before is gone
    again.load_state(saved[0])
    others.load_state(saved[1])
    assert differences(saved[1], others.state()) == []
    live(again, others, 60)
    assert differences(world.state(), again.state()) == []
    assert differences(policies.state(), others.state()) == []


def _bear(world, policies: Policies, parent: int, fame: int = -1) -> int:
    """One birth; the child's slot."""
    child = world.population.spawn(1)
    policies.inherit(Births(child, np.array([parent], np.int32), np.array([fame], np.int32)))
    return int(child[0])


@pytest.mark.parametrize("newborn", ["fresh", "inherited", "mutated"])
def test_a_newborns_weights_are_as_the_settings_say(settle, newborn: str) -> None:
    world, policies = settle(newborn=newborn, world={"agents": 2, "capacity": 3})
    weights = policies.cohorts[0].networks.own.weights
    child = _bear(world, policies, parent=1)
    change = abs(weights[child] - weights[1]).max()
    if newborn == "inherited":
        assert change == 0
    elif newborn == "mutated":
        assert 0 < change < 0.1
    else:
        assert change > 0.1
    assert policies.gauges.epsilon[child] == np.float32(1.0 if newborn == "fresh" else 0.2)


def test_a_reseeded_newborn_takes_after_the_famous_or_starts_afresh(settle) -> None:
    world, policies = settle(newborn="inherited", world={"agents": 1, "capacity": 4})
    weights = policies.cohorts[0].networks.own.weights
    policies.honour(2, 0)
    kept = weights[0].copy()
    weights[0] = 0  # its slot has gone to somebody else since
    assert (weights[_bear(world, policies, -1, fame=2)] == kept).all()
    assert (weights[_bear(world, policies, -1, fame=1)] != kept).any()  # an entry nobody filled
    assert (weights[_bear(world, policies, -1)] != kept).any()


@pytest.mark.parametrize("learning", [{}, {"algorithm": "ppo"}, {"algorithm": "random"}])
def test_an_observation_that_is_not_finite_makes_its_agent_pass(settle, learning: dict) -> None:
    world, policies = settle(**learning)
    observation = world.observe()
    observation.values[5, 2] = np.nan
    expected = settle(**learning)[1].act(settle()[0].observe()).copy()
    action = policies.act(observation)
    assert action[5] == 3
    assert (np.delete(action, 5) == np.delete(expected, 5)).all()
    assert not observation.values[5].any()
    assert policies.gauges.faults.tolist() == [0, 0, 0, 0, 0, 1, 0, 0]


def test_cohorts_share_a_world_and_children_join_their_parents(line_world, live, config_of) -> None:
    world, threads = line_world(8, capacity=12, lifetime=60), Threads(1)
    names = ("dqn", "random", "resting", "heuristic")
    cohorts = [build_cohort(config_of(), world, threads, name) for name in names]
    member = np.array([0, 1, 2, 3, 0, 1, 2, 3, 3, 3, 3, 2], np.int8)  # of empty slots it means nothing
    policies = Policies(world, cohorts, threads, cohort_of=member)
    observation = world.observe()
    action = policies.act(observation)
    assert (action[2:8:4] == 3).all()  # resting
    assert (action[3:8:4] == 1).all()  # the heuristic walks right
    for parent in range(4):
        assert policies.cohort_of[_bear(world, policies, parent)] == parent
    live(world, policies, 40)
    gauges = policies.gauges
    assert (gauges.updates[policies.cohort_of == 0] > 0).all()
    assert (gauges.updates[policies.cohort_of != 0] == 0).all()
    assert (gauges.decisions == 40).all()


def test_greedy_agents_try_nothing_at_random(settle) -> None:
    world, policies = settle(world={"agents": 60})
    values = np.zeros((60, 4), np.float32)
    observation = world.observe()
    cohort = policies.cohorts[0]
    cohort.backend.values(observation.values, observation.living, values)
    best = np.where(observation.mask, values, -np.inf).argmax(1)
    assert (policies.act(observation, greedy=True) == best).all()
    assert (policies.act(observation) != best).any()


@pytest.mark.parametrize("learning", [*LEARNERS, {"algorithm": "random"}, {"algorithm": "heuristic"}])
def test_when_nobody_is_left_nothing_breaks_and_founders_begin_afresh(settle, live, learning: dict) -> None:
    world, policies = settle(**learning)
    live(world, policies, 3)
    world.population.release(world.population.living.copy())
    live(world, policies, 2)
    world.population.recycle()
    assert _bear(world, policies, parent=-1) >= 0
    live(world, policies, 2)
    assert policies.gauges.decisions[world.population.living].tolist() == [2]


_WITHOUT_TORCH = """
import sys
from types import SimpleNamespace
from teem.config.settings import Config
from teem.learning.build import build_policies
from teem.population.slots import Population
from teem.threads import Threads
from teem.worlds.turns import Turns
world = SimpleNamespace(
    population=Population(4, 1), actions=("go", "pass"), rest=1, branches=(), turns=Turns(), continuous=False,
    tokens=None, observation_shape=(3,),
)
print(build_policies(Config(), world, Threads(1)).cohorts[0].name, "torch" in sys.modules)
"""


def test_the_default_population_never_imports_torch() -> None:
    done = subprocess.run([sys.executable, "-c", _WITHOUT_TORCH], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["dqn", "False"]
