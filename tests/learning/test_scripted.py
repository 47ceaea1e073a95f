"""Scripted cohorts act as their names say, within the legal actions, and touch nobody else's."""

from __future__ import annotations

import numpy as np


def test_random_takes_every_legal_action_and_no_other(settle) -> None:
    world, policies = settle(algorithm="random", world={"agents": 400})
    observation = world.observe()
    action = policies.act(observation)
    assert set(action) == {1, 2, 3}  # nobody can go left from the first place
    assert observation.mask[np.arange(400), action].all()


def test_resting_passes(settle) -> None:
    world, policies = settle(algorithm="resting")
    assert (policies.act(world.observe()) == 3).all()


def test_the_heuristic_is_the_worlds_own(settle, live) -> None:
    world, policies = settle(algorithm="heuristic")
    assert live(world, policies, 50) == 0.2
    assert (policies.gauges.decisions == 50).all()
    assert (policies.gauges.updates == 0).all()
