"""Warm up: have every kernel of a run compiled before its first step, and say so while it lasts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from teem.config.cohorts import alone, cohorts_of
from teem.config.farm import FarmSettings
from teem.config.settings import Config, WorldSettings
from teem.config.treasure import TreasureSettings
from teem.learning.build import build_policies
from teem.learning.policies import Policies
from teem.measure.spans import Spans
from teem.population.variation import diversity
from teem.record.notes import Notes
from teem.record.rows import AgentRows, tile_sums
from teem.threads import Threads
from teem.worlds.base import Births, World
from teem.worlds.catalogue import make_world

Progress = Callable[[str, int, int], None]
"""`progress(what, done, of)` is called before each part."""

_AGENTS = 8
_STEPS = 12  # enough for every agent of the small world to learn at least once


def is_warm(config: Config) -> bool:
    """Whether a run like this one has compiled its kernels before."""
    return all(_marker(one).exists() for one in _each(config))


def warm(config: Config, progress: Progress) -> None:
    """Play a few steps of small worlds with the same kernels; seconds to a minute when nothing is compiled."""
    for one in _each(config):
        _warm(one, progress)


def _each(config: Config) -> Iterator[Config]:
    """The settings of each cohort alone."""
    return (alone(config, cohort) for cohort in cohorts_of(config.learning))


def _warm(config: Config, progress: Progress) -> None:
    like = small(config)
    threads, spans = Threads(1), Spans()
    progress("the world and its networks", 0, 4)
    world = make_world(like, threads, spans)
    policies = build_policies(like, world, threads)  # first, since a user's own network may not load
    progress("looking", 1, 4)
    observation = world.observe()
    action = policies.act(observation).copy()
    world.heuristic(observation, action)
    progress("rules", 2, 4)
    world.step(action)
    progress("deciding, learning and recording", 3, 4)
    _live(world, policies)
    progress("done", 4, 4)
    marker = _marker(config)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


def _live(world: World, policies: Policies) -> None:
    """Play on as the loop does, and gather what a record would be of."""
    people = world.population
    rows = AgentRows(people.capacity, len(world.branches), continuous=world.continuous)
    notes, maps = Notes(people), world.map()
    for _ in range(_STEPS):
        observation = world.observe()
        outcome = world.step(policies.act(observation))
        rows.gather(people, outcome)
        notes.note(outcome.step, outcome.births.slot, outcome.deaths)
        policies.remember(observation, outcome)
        policies.inherit(outcome.births)
        policies.learn()
    list(notes.take())
    diversity(people.genome)
    if "resources" in maps:
        tile_sums(maps["resources"], 1)
    slot = people.living[:1].copy()
    policies.inherit(Births(slot, slot, np.full(1, -1, np.int32)))


def small(config: Config) -> Config:
    """The same kernels on a small scale: a few agents that learn at once."""
    learning = msgspec.structs.replace(
        config.learning,
        interval=1,
        n_step=min(3, config.learning.n_step),
        replay=msgspec.structs.replace(config.learning.replay, length=64, warmup=1),
        ppo=msgspec.structs.replace(config.learning.ppo, horizon=4, minibatches=1),
    )
    return msgspec.structs.replace(
        config,
        world=_hasty(config.world),
        population=msgspec.structs.replace(
            config.population, founders=_AGENTS, capacity=2 * _AGENTS, capacity_min=0, extinction="reseed"
        ),
        learning=learning,
    )


def _hasty(world: WorldSettings) -> WorldSettings:
    """A small world of the same kernels where everybody decides in every step, breeds early and dies soon."""
    if isinstance(world, TreasureSettings):
        return msgspec.structs.replace(world, worlds=2, height=9, width=9, episode=_STEPS // 2)
    hasty = msgspec.structs.replace(
        world, age_max=_STEPS - 2, maturity=1, breed_energy=world.energy / 2, birth_energy=world.energy / 4
    )
    if isinstance(hasty, FarmSettings):
        return msgspec.structs.replace(hasty, size=0)
    return msgspec.structs.replace(hasty, decision=1, turns=1)


def _kernels(world: WorldSettings) -> tuple[str, ...]:
    """The world, and those of its settings by which its kernels are chosen."""
    if isinstance(world, TreasureSettings):
        return ("treasure", "own" if world.rules else "plain")
    return ("farm", world.view, world.storage) if isinstance(world, FarmSettings) else ("crawlers", world.control)


def _marker(config: Config) -> Path:
    """A file beside the compiled kernels that says that those of such a run are among them."""
    folder = Path(os.environ.get("NUMBA_CACHE_DIR", Path.home() / ".cache" / "teem" / "kernels"))
    learning = config.learning
    kinds = (
        *_kernels(config.world),
        learning.algorithm,
        learning.network.replace(":", "."),
        learning.backend,
        learning.sharing,
        "prioritised" if learning.replay.prioritised else "uniform",
        "noisy" if learning.quantiles.noisy else "steady",
    )
    return folder / "-".join(("warm", *kinds))
