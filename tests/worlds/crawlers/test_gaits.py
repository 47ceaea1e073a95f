"""Gaits: the best of many is found, it can be swung again with the same bits, and nobody else matters to it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.config.crawlers import BodySettings, CrawlersSettings
from teem.config.settings import Config, PopulationSettings
from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.crawlers.crawlers import Crawlers
from teem.worlds.crawlers.gaits import FASTEST, SLOWEST, Gaits, best_gaits, draw_gaits, swing
from teem.worlds.crawlers.plan import JOINTS

SMALL = CrawlersSettings(body=BodySettings(limbs=3, segments=2, wheels=1), stranded=0)
STEPS = 60


def world_of(founders=6, seed=7, threads=1):
    config = Config(seed=seed, world=SMALL, population=PopulationSettings(founders=founders))
    return Crawlers(config, Threads(threads), Spans(1))


def best_in(world, ids, tries=5, seed=3, threads=1):
    plan, x = world.plan.rows(ids), world.creatures.x[ids]
    return best_gaits(plan, x, ids, world.terrain, SMALL, seed, Threads(threads), tries=tries, steps=STEPS)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**40), tries=st.integers(1, 6))
def test_the_best_gait_swung_again_gets_exactly_as_far(seed, tries):
    world = world_of(4, seed)
    metres, gaits = best_in(world, np.arange(4), tries, seed)
    again = swing(gaits, world.plan.rows(np.arange(4)), world.creatures.x[:4], world.terrain, SMALL, Threads(1), STEPS)
    np.testing.assert_array_equal(again, metres)


def test_the_best_is_no_worse_than_any_that_was_tried():
    world = world_of()
    ids = np.arange(6)
    metres, _ = best_in(world, ids)
    copies = np.repeat(ids, 5)
    everything = swing(
        draw_gaits(ids, 5, 3), world.plan.rows(copies), world.creatures.x[copies], world.terrain, SMALL, Threads(1),
        STEPS,
    ).reshape(6, 5)  # fmt: skip
    np.testing.assert_array_equal(everything.max(axis=1), metres)
    assert (everything.min(axis=1) < metres).all()


def test_more_tries_are_never_worse_and_begin_with_the_same():
    world = world_of()
    few, _ = best_in(world, np.arange(6), tries=2)
    many, _ = best_in(world, np.arange(6), tries=6)
    assert (many >= few).all() and (many > few).any()


def test_who_else_is_tried_and_how_many_threads_there_are_does_not_matter(monkeypatch):
    world = world_of()
    metres, gaits = best_in(world, np.arange(6))
    monkeypatch.setattr("teem.worlds.crawlers.gaits._TOGETHER", 10)
    some, its = best_in(world, np.array([1, 4, 5]), threads=2)
    np.testing.assert_array_equal(some, metres[[1, 4, 5]])
    np.testing.assert_array_equal(its.phase, gaits.phase[[1, 4, 5]])


def test_gaits_are_drawn_within_their_bounds_and_by_id():
    gaits = draw_gaits(np.arange(50), 20, 1)
    for drawn, low, high in ((gaits.frequency, SLOWEST, FASTEST), (gaits.amplitude, 0, 1), (gaits.phase, 0, 2 * np.pi)):
        assert low <= drawn.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < drawn.max() <= np.float32(high)
    one = draw_gaits(np.array([7]), 20, 1)
    np.testing.assert_array_equal(one.amplitude, gaits.amplitude[140:160])
    assert len(np.unique(gaits.frequency)) > 990


def test_a_gait_of_no_amplitude_gets_exactly_as_far_as_resting_in_the_world():
    """The same bodies, ground, place and steps: what is compared differs in nothing but the commands."""
    world = world_of()
    x = world.creatures.x[:6].copy()
    rest = np.full((6, len(world.branches)), world.rest, np.int32)
    still = Gaits(np.ones(6, np.float32), np.zeros((6, JOINTS), np.float32), np.zeros((6, JOINTS), np.float32))
    metres = swing(still, world.plan.rows(np.arange(6)), x, world_of().terrain, SMALL, Threads(1), STEPS)
    for _ in range(STEPS):
        world.step(rest)
    np.testing.assert_array_equal(metres.astype(np.float32), world.feats[:6])
    assert (metres != 0).any()


@pytest.mark.parametrize("steps", [1, 37])
def test_a_command_is_the_sinusoid_that_it_is_said_to_be(monkeypatch, steps):
    from teem.worlds.crawlers.physics import Physics

    seen = []
    original = Physics.step
    monkeypatch.setattr(
        Physics, "step", lambda self, *given: (seen.append(self.command.copy()), original(self, *given))
    )
    world = world_of(3)
    ids = np.arange(3)
    gaits = draw_gaits(ids, 1, 9)
    swing(gaits, world.plan.rows(ids), world.creatures.x[:3], world.terrain, SMALL, Threads(1), steps)
    time = (steps - 1) * SMALL.dt
    said = gaits.amplitude * np.sin(2 * np.pi * gaits.frequency[:, None] * time + gaits.phase)
    assert len(seen) == steps
    np.testing.assert_allclose(seen[-1], said, atol=1e-5)
