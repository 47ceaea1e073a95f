"""Worlds played to compare policies: each alone in the same fresh worlds, then all in one world together.

Only the founders count. Children are born and take part, with networks after their parents', but how many of
them there are is itself what a good policy brings about, so they would blur the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config, ReplaySettings
from teem.errors import UsageError
from teem.evaluate.trained import Purpose, Trained, teach
from teem.learning.build import Algorithm, build_cohort
from teem.learning.policies import Policies
from teem.measure.spans import Spans
from teem.rng import Stream, uniforms
from teem.threads import Threads
from teem.worlds.base import Outcome, World
from teem.worlds.catalogue import make_world
from teem.worlds.farm.farm import Farm

MEASURES = ("gathering", "lifetime", "children", "survivors")
"""Joules gathered a step of life; steps lived, at most those played; children; part alive at the end."""

Contestants = Mapping[str, Algorithm]
"""The sides of a comparison by name; those whose algorithm has networks get the trained ones."""


@dataclass(slots=True)
class Lives:
    """What became of the founders, by id: a founder's id is its place."""

    side: NDArray[np.int8]  # [founders]
    gathered: NDArray[np.float64]  # [founders] joules
    lived: NDArray[np.int64]  # [founders] steps
    alive: NDArray[np.bool_]  # [founders]
    children: NDArray[np.int64]  # [founders]

    @staticmethod
    def of(side: NDArray[np.int8]) -> Lives:
        """Founders who have not done anything yet."""
        zeros, no_steps = np.zeros(len(side)), np.zeros(len(side), np.int64)
        return Lives(side, zeros, no_steps, np.ones(len(side), np.bool_), no_steps.copy())

    def measures(self, side: int) -> NDArray[np.float64]:
        """The four MEASURES over the founders of a side."""
        mine = self.side == side
        lived = self.lived[mine]
        means = (lived.mean(), self.children[mine].mean(), self.alive[mine].mean())
        return np.array([self.gathered[mine].sum() / max(1, lived.sum()), *means])


def evaluation_config(config: Config, seed: int, agents: int | None) -> Config:
    """The settings of a world to compare in: the run's own, another seed, nothing learnt, nobody reseeded.

    With `agents` founders, the room for agents and the size of the world change in proportion.
    """
    population = config.population
    founders = agents or population.founders
    part = founders / population.founders
    world = config.world
    if world.size and agents:
        world = msgspec.structs.replace(world, size=max(2 * world.sight + 2, round(world.size * sqrt(part))))
    capacity = max(founders, round(config.capacity * part))
    return msgspec.structs.replace(
        config,
        seed=seed,
        world=world,
        population=msgspec.structs.replace(population, founders=founders, capacity=capacity, extinction="stop"),
        learning=msgspec.structs.replace(config.learning, enabled=False, replay=ReplaySettings(length=16)),
    )


def world_seed(training_seed: int, index: int) -> int:
    """The seed of the index-th world to compare in: 48 drawn bits, never the seed of the training."""
    high, low = uniforms(training_seed, Stream.EVALUATION, Purpose.WORLD, np.array([index]), 2)[0]
    seed = (int(high * (1 << 24)) << 24) | int(low * (1 << 24))
    return seed if seed != training_seed else seed ^ 1


def play_world(
    config: Config, contestants: Contestants, trained: Trained, steps: int, threads: Threads
) -> dict[str, NDArray[np.float64]]:
    """Play one world of the settings with founders of every contestant; each one's MEASURES by name.

    Founders are dealt at random, keyed by id, in parts as equal as can be. Play ends early when none is left.
    """
    world = make_world(config, threads, Spans(1))
    feats = feats_of(world)
    founders = world.population.living.copy()
    side = deal(world.population.id[founders], len(contestants), config.seed)
    cohort_of = np.zeros(world.population.capacity, np.int8)
    cohort_of[founders] = side
    cohorts = [build_cohort(config, world, threads, algorithm) for algorithm in contestants.values()]
    policies = Policies(world, cohorts, threads, cohort_of=cohort_of)
    for index, cohort in enumerate(cohorts):
        teach(cohort, trained, world.population, founders[side == index], config.seed)
    lives = Lives.of(side)
    for _ in range(steps):
        outcome = world.step(policies.act(world.observe(), greedy=True))
        policies.inherit(outcome.births)
        count(outcome, world, feats, lives)
        if not lives.alive.any():
            break
    living = world.population.living
    _keep_gathered(world.population.id[living], living, feats, lives)
    return {name: lives.measures(index) for index, name in enumerate(contestants)}


def feats_of(world: World) -> NDArray[np.float32]:
    """The joules that each has gathered in its life, `[capacity]`, kept up by the world."""
    if not isinstance(world, Farm):
        raise UsageError(f"{world.name}: only farms say what their agents gathered")
    return world.bodies.feats


def deal(ids: NDArray[np.int64], sides: int, seed: int) -> NDArray[np.int8]:
    """A side for each id, as many of one as of another; keyed by id."""
    order = np.argsort(uniforms(seed, Stream.EVALUATION, Purpose.SIDE, ids, 1)[:, 0], kind="stable")
    side = np.empty(len(ids), np.int8)
    side[order] = np.arange(len(ids)) % sides
    return side


def count(outcome: Outcome, world: World, feats: NDArray[np.float32], lives: Lives) -> None:
    """Count a step of the founders' lives; `feats[capacity]` are joules gathered, those of the dead too."""
    founders = len(lives.side)
    lives.lived[outcome.id[outcome.id < founders]] += 1
    deaths, births = outcome.deaths, outcome.births
    lives.alive[deaths.id[deaths.id < founders]] = False
    _keep_gathered(deaths.id, deaths.slot, feats, lives)
    parents = world.population.id[births.parent_slot[births.parent_slot >= 0]]
    np.add.at(lives.children, parents[parents < founders], 1)


def _keep_gathered(ids: NDArray[np.int64], slots: NDArray[np.int32], feats: NDArray[np.float32], lives: Lives) -> None:
    mine = ids < len(lives.side)
    lives.gathered[ids[mine]] = feats[slots[mine]]
