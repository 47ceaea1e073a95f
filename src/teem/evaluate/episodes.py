"""Worlds played to compare policies: each alone in the same worlds, or all in one world together.

Only the founders count. Children are born and take part, with networks after their parents', but how many of
them there are is itself what a good policy brings about, so they would blur the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from teem.config.crawlers import CrawlersSettings
from teem.config.settings import Config, ReplaySettings
from teem.evaluate.contest import contest_of
from teem.evaluate.trained import Networked, Purpose, Trained, children_of, deal_to, draw_of_kind, teach
from teem.learning.build import Algorithm, build_cohort
from teem.learning.policies import Policies
from teem.measure.spans import Spans
from teem.rng import Stream, uniforms
from teem.threads import Threads
from teem.worlds.base import Outcome, Progress, World, silent
from teem.worlds.catalogue import make_world
from teem.worlds.crawlers import gaits
from teem.worlds.crawlers.crawlers import Crawlers

MEASURES = ("feats", "lifetime", "children", "survivors")
"""The world's feats a step of life; steps lived, at most those played; children; part alive at the end."""

Contestants = Mapping[str, Algorithm]
"""The sides of a comparison by name; those whose algorithm has networks get the trained ones."""


@dataclass(slots=True)
class Lives:
    """What became of the founders, by id: a founder's id is its place."""

    side: NDArray[np.int8]  # [founders]
    feats: NDArray[np.float64]  # [founders] as the world counts them: joules, metres
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
        return np.array([self.feats[mine].sum() / max(1, lived.sum()), *means])


def evaluation_config(config: Config, seed: int, agents: int | None) -> Config:
    """The settings of a world to compare in: the run's own, another seed, nothing learnt, nobody reseeded.

    With `agents` founders, the room for agents and the size of the world change in proportion.
    """
    population, contest = config.population, contest_of(config)
    founders = agents or min(population.founders, contest.most or population.founders)
    part = founders / population.founders
    capacity = max(founders, round(config.capacity * part))
    return msgspec.structs.replace(
        config,
        seed=seed,
        world=contest.adapt(config.world, part),
        population=msgspec.structs.replace(
            population, founders=founders, capacity=capacity, capacity_min=0, extinction="stop"
        ),
        learning=msgspec.structs.replace(config.learning, enabled=False, replay=ReplaySettings(length=16)),
    )


def world_seed(training_seed: int, index: int) -> int:
    """The seed of the index-th world to compare in: 48 drawn bits, never the seed of the training."""
    high, low = uniforms(training_seed, Stream.EVALUATION, Purpose.WORLD, np.array([index]), 2)[0]
    seed = (int(high * (1 << 24)) << 24) | int(low * (1 << 24))
    return seed if seed != training_seed else seed ^ 1


def play_world(
    config: Config, contestants: Contestants, trained: Trained, steps: int, threads: Threads, *, newborn: bool = False
) -> dict[str, NDArray[np.float64]]:
    """Play one world of the settings with founders of every contestant; each one's MEASURES by name.

    Founders are dealt at random, keyed by id, in parts as equal as can be. Where they are `newborn`, they have bodies
    and networks as children of the trained would. Play ends early when none is left.
    """
    world = found_world(config, trained, threads, newborn=newborn)
    founders = world.population.living.copy()
    side = deal(world.population.id[founders], len(contestants), config.seed)
    cohort_of = np.zeros(world.population.capacity, np.int8)
    cohort_of[founders] = side
    cohorts = [build_cohort(config, world, threads, algorithm) for algorithm in contestants.values()]
    policies = Policies(world, cohorts, threads, cohort_of=cohort_of)
    for index, cohort in enumerate(cohorts):
        mine = founders[side == index]
        if isinstance(cohort, Networked):
            teach(cohort, trained, _chosen(config, world, trained, mine), mine)
            if newborn:
                cohort.inherit(mine, mine, world.population.id[mine], 0)
    lives = Lives.of(side)
    for _ in range(steps):
        alive = world.population.id[world.population.living]
        outcome = world.step(policies.act(world.observe(), greedy=True))
        policies.inherit(outcome.births)
        count(alive, outcome, world, lives)
        if not lives.alive.any():
            break
    living = world.population.living
    _keep_feats(world.population.id[living], living, world, lives)
    return {name: lives.measures(index) for index, name in enumerate(contestants)}


def play_gaits(
    config: Config, trained: Trained, steps: int, threads: Threads, progress: Progress = silent
) -> NDArray[np.float64]:
    """The MEASURES of founders who each go by the best of many random gaits of its own, in a world of crawlers."""
    world = found_world(config, trained, threads)
    assert isinstance(world, Crawlers) and isinstance(config.world, CrawlersSettings)
    founders = world.population.living
    x, ids = world.creatures.x[founders], world.population.id[founders]
    plan = world.plan.rows(founders)
    far, _ = gaits.best_gaits(
        plan, x, ids, world.terrain, config.world, config.seed, threads,
        tries=gaits.TRIES, steps=steps, progress=progress,
    )  # fmt: skip
    return np.array([far.mean() / steps, steps, 0.0, 1.0])


def found_world(config: Config, trained: Trained, threads: Threads, *, newborn: bool = False) -> World:
    """A new world of the settings; crawlers have the bodies of the trained, or as their children would."""
    if not isinstance(config.world, CrawlersSettings) or not len(trained.genome):
        return make_world(config, threads, Spans(1))
    ids = np.arange(config.population.founders)
    chosen = deal_to(ids, trained, config.seed)
    genomes = children_of(trained, chosen, ids, config.world, config.seed) if newborn else trained.genome[chosen]
    return Crawlers(config, threads, Spans(1), genomes)


def _chosen(config: Config, world: World, trained: Trained, rows: NDArray[np.int32]) -> NDArray[np.int64]:
    """Whose network each of the founders gets."""
    ids = world.population.id[rows]
    if contest_of(config).embodied:
        return deal_to(ids, trained, config.seed)
    return draw_of_kind(trained, world.population.kind[rows], ids, config.seed)


def deal(ids: NDArray[np.int64], sides: int, seed: int) -> NDArray[np.int8]:
    """A side for each id, as many of one as of another; keyed by id."""
    order = np.argsort(uniforms(seed, Stream.EVALUATION, Purpose.SIDE, ids, 1)[:, 0], kind="stable")
    side = np.empty(len(ids), np.int8)
    side[order] = np.arange(len(ids)) % sides
    return side


def count(alive: NDArray[np.int64], outcome: Outcome, world: World, lives: Lives) -> None:
    """Count a step of the founders' lives; `alive` are the ids of those who were alive when it began."""
    founders = len(lives.side)
    lives.lived[alive[alive < founders]] += 1
    deaths, births = outcome.deaths, outcome.births
    lives.alive[deaths.id[deaths.id < founders]] = False
    _keep_feats(deaths.id, deaths.slot, world, lives)
    parents = world.population.id[births.parent_slot[births.parent_slot >= 0]]
    np.add.at(lives.children, parents[parents < founders], 1)


def _keep_feats(ids: NDArray[np.int64], slots: NDArray[np.int32], world: World, lives: Lives) -> None:
    mine = ids < len(lives.side)
    lives.feats[ids[mine]] = world.feats[slots[mine]]
