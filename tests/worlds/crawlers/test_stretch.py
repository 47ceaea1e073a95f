"""Decisions that are made longer, and shorter again, while creatures live: none is lost, cut short or made twice."""

from __future__ import annotations

import numpy as np
from crawling import SMALL, crawlers_of

from teem.worlds.turns import Stretchable

CHANGES = {17: 2, 40: 3, 41: 1, 77: 2, 79: 4, 120: 1}
STEPS = 150


def world_of(**settings):
    return crawlers_of(
        founders=10, capacity=20, body=SMALL, spread=1.0, turns=3, age_max=90, maturity=5, breed_energy=9000.0,
        birth_energy=500.0, immobile=0.0, **settings,
    )  # fmt: skip


def advance(world):
    """Make a step of random actions: the ids of those who decided before it, and what came of it."""
    rng = np.random.default_rng(world.step_count)
    if times := CHANGES.get(world.step_count):
        world.stretch(times)
    deciding = world.population.id[world.observe().living].copy()
    action = rng.integers(0, len(world.actions), (world.population.capacity, len(world.branches))).astype(np.int32)
    return deciding, world.step(action)


def test_whoever_decides_is_told_what_came_of_it_before_deciding_again() -> None:
    world = world_of()
    assert isinstance(world, Stretchable)
    deciding_since: dict[int, int] = {}
    lengths = set()
    for step in range(STEPS):
        deciding, outcome = advance(world)
        for agent in deciding.tolist():
            assert agent not in deciding_since, f"{agent} decides anew in step {step}"
            deciding_since[agent] = step
        begun, dead, living = set(deciding_since), set(outcome.deaths.id.tolist()), world.population.living
        due = set(world.population.id[living][world.turns.due(world.population.id[living], step + 1)].tolist())
        ended = set(outcome.id.tolist()) - dead
        assert ended == due & begun  # the newborn have not begun
        lengths |= {step + 1 - deciding_since[agent] for agent in ended}
        for agent in ended | dead:
            deciding_since.pop(agent, None)
    assert {6, 12, 24} <= lengths


def test_a_world_that_was_saved_amid_long_decisions_goes_on_bit_for_bit() -> None:
    world = world_of()
    for _ in range(85):
        advance(world)
    saved = world.state()
    twin = world_of()
    twin.load_state(saved)
    assert twin.turns == world.turns
    for _ in range(60):
        for one, other in zip(advance(world), advance(twin), strict=True):
            if isinstance(one, np.ndarray):
                assert np.array_equal(one, other)
            else:
                assert np.array_equal(one.id, other.id)
                assert np.array_equal(one.reward[one.acted], other.reward[other.acted])
