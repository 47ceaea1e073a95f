"""Warm up: have every kernel of a run compiled before its first step, and say so while it lasts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from teem.config.settings import Config
from teem.learning.build import build_policies
from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.base import Births
from teem.worlds.catalogue import make_world

Progress = Callable[[str, int, int], None]
"""`progress(what, done, of)` is called before each part."""

_AGENTS = 8
_STEPS = 12  # enough for every agent of the small world to learn at least once


def is_warm(config: Config) -> bool:
    """Whether a run like this one has compiled its kernels before."""
    return _marker(config).exists()


def warm(config: Config, progress: Progress) -> None:
    """Play a few steps of a small world with the same kernels; seconds to a minute when nothing is compiled."""
    small = _small(config)
    threads, spans = Threads(1), Spans()
    progress("the world and its networks", 0, 4)
    world = make_world(small, threads, spans)
    policies = build_policies(small, world, threads)  # first, since a user's own network may not load
    progress("looking", 1, 4)
    world.observe()
    progress("rules", 2, 4)
    world.step(np.zeros(small.capacity, np.int32))
    progress("deciding and learning", 3, 4)
    for _ in range(_STEPS):
        observation = world.observe()
        world.heuristic(observation, np.zeros(small.capacity, np.int32))
        outcome = world.step(policies.act(observation))
        policies.remember(observation, outcome)
        policies.learn()
    slot = world.population.living[:1].copy()
    policies.inherit(Births(slot, slot, np.full(1, -1, np.int32)))
    progress("done", 4, 4)
    marker = _marker(config)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


def _small(config: Config) -> Config:
    """The same kernels on a small scale: a few agents that learn at once."""
    learning = msgspec.structs.replace(
        config.learning,
        interval=1,
        replay=msgspec.structs.replace(config.learning.replay, length=64, warmup=1),
        ppo=msgspec.structs.replace(config.learning.ppo, horizon=4, minibatches=1),
    )
    return msgspec.structs.replace(
        config,
        world=msgspec.structs.replace(config.world, size=0),
        population=msgspec.structs.replace(config.population, founders=_AGENTS, capacity=2 * _AGENTS),
        learning=learning,
    )


def _marker(config: Config) -> Path:
    """A file beside the compiled kernels that says that those of such a run are among them."""
    folder = Path(os.environ.get("NUMBA_CACHE_DIR", Path.home() / ".cache" / "teem" / "kernels"))
    learning = config.learning
    kinds = (
        config.world.view,
        config.world.storage,
        learning.algorithm,
        learning.network.replace(":", "."),
        learning.backend,
        learning.sharing,
        "prioritised" if learning.replay.prioritised else "uniform",
    )
    return folder / "-".join(("warm", *kinds))
