"""What a learner has to know of a world that it never sees, and how much room that world's agents need."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from teem.config.cohorts import alone, cohorts_of
from teem.config.settings import Config
from teem.learning.build import build_cohort
from teem.learning.cohort import Cohort
from teem.learning.learner import Learner, decisions_of
from teem.measure.spans import Spans
from teem.runtime.warmup import small
from teem.threads import Threads
from teem.worlds.base import World
from teem.worlds.catalogue import make_world
from teem.worlds.tokens import Tokens
from teem.worlds.turns import Turns


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What policies ask of a world, besides who lives in it."""

    name: str
    capacity: int
    actions: tuple[str, ...]
    rest: int
    branches: tuple[str, ...]
    turns: Turns
    continuous: bool
    observation_shape: tuple[int, ...]
    tokens: Tokens | None

    @property
    def inputs(self) -> int:
        """How many numbers an agent sees."""
        return prod(self.observation_shape)

    @property
    def marks(self) -> int:
        """How wide its mask is: a mark a branch, or an action."""
        return len(self.branches) or len(self.actions)

    @staticmethod
    def of(world: World) -> Facts:
        """The facts of a world."""
        return Facts(
            name=world.name,
            capacity=world.population.capacity,
            actions=tuple(world.actions),
            rest=world.rest,
            branches=tuple(world.branches),
            turns=world.turns,
            continuous=world.continuous,
            observation_shape=tuple(world.observation_shape),
            tokens=world.tokens,
        )


@dataclass(slots=True)
class People:
    """Who lives in which slot."""

    capacity: int
    id: NDArray[np.int64]  # [capacity] -1: free
    living: NDArray[np.int32]  # [n] slots, by rising id

    def settle(self, living: NDArray[np.int32], ids: NDArray[np.int64]) -> None:
        """These alone are alive."""
        self.id[:] = -1
        self.id[living] = ids
        self.living = living.copy()

    def turn_over(self, dead: NDArray[np.int32], born: NDArray[np.int32], ids: NDArray[np.int64]) -> None:
        """Some died, then some were born; their ids are higher than any before."""
        if len(dead):
            self.id[dead] = -1
            self.living = self.living[self.id[self.living] >= 0]
        if len(born):
            self.id[born] = ids
            self.living = np.concatenate([self.living, born])


@dataclass(slots=True)
class Mirror:
    """A world as far as policies need it, kept up by what its actor says."""

    facts: Facts
    population: People
    step_count: int = 0

    @staticmethod
    def of(facts: Facts) -> Mirror:
        """A mirror of a world where nobody lives yet."""
        nobody = People(facts.capacity, np.full(facts.capacity, -1, np.int64), np.empty(0, np.int32))
        return Mirror(facts, nobody)

    def as_world(self) -> World:
        """As policies take it: they read facts, population and step, and never step it."""
        return cast("World", self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.facts, name)


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How many numbers a cohort's networks have."""

    own: int  # one agent's
    common: int  # what all of the cohort share


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How much the processes of a run have to share, an actor."""

    capacity: int
    networks: tuple[Size | None, ...]  # of each cohort; None: it has none
    frame: int  # bytes of the largest frame


def room_of(config: Config) -> Room:
    """Measure on a small world of the same kind: networks and observations are the same."""
    world = make_world(small(config), Threads(1), Spans(1))
    likes = [(one.algorithm, small(alone(config, one))) for one in cohorts_of(config.learning)]
    cohorts = [build_cohort(like, world, Threads(1), algorithm) for algorithm, like in likes]
    marks, parts = len(world.branches) or len(world.actions), max(1, len(world.branches))
    decided = max(sum(column[0].nbytes for column in decisions_of(cohort).values()) for cohort in cohorts)
    row = 4 * prod(world.observation_shape) * 2 + marks + 4 * parts + decided + 64  # observed, and seen last
    return Room(
        capacity=config.capacity,
        networks=tuple(_size_of(cohort) for cohort in cohorts),
        frame=(1 << 16) + row * config.capacity,
    )


def _size_of(cohort: Cohort) -> Size | None:
    if not isinstance(cohort, Learner):
        return None
    return Size(own=cohort.networks.own.layout.size, common=cohort.networks.common.layout.size)
