"""A world small enough to know what is best in it: a line, with food at its far end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config, EpsilonSettings, LearningSettings, PpoSettings, ReplaySettings
from teem.learning.policies import Policies
from teem.population.slots import Population
from teem.state import State
from teem.worlds.base import Births, Deaths, Observation, Outcome
from teem.worlds.turns import Turns

PLACES = 5
ACTIONS = ("left", "right", "gather", "pass")


class LineWorld:
    """Each agent walks its own line of five places; gathering at the last gives 1 and starts it over.

    The best policy walks right four times and gathers: a reward of 0.2 a step. With `lifetime` an agent dies
    at that age, staggered by id, and the oldest of the living bears a child a step while there is room.
    `reverse` hands the slots out from the last to the first.
    """

    name = "line"
    actions = ACTIONS
    rest = len(ACTIONS) - 1
    branches = ()
    turns = Turns()
    episodes = False
    continuous = False
    feat = "rewards"
    tokens = None
    causes = ("age",)
    traits = ("none",)
    kinds = ("walker",)
    observation_shape: tuple[int, ...] = (PLACES,)
    observation_names = tuple(f"at.{place}" for place in range(PLACES))

    def __init__(self, agents: int = 8, capacity: int = 0, lifetime: int = 0, reverse: bool = False) -> None:
        self.population = Population(capacity or agents, 1)
        if reverse:
            empty = self.population.state()
            self.population.load_state({**empty, "free": empty["free"][::-1]})
        self.population.spawn(agents)
        self.lifetime = lifetime
        self.step_count = 0
        self._values = np.zeros((self.population.capacity, PLACES), np.float32)
        self._mask = np.ones((self.population.capacity, len(ACTIONS)), np.bool_)

    def observe(self) -> Observation:
        living, place = self.population.living.copy(), self.population.x.astype(np.int64)
        self._values[:] = 0
        self._values[living, place[living]] = 1
        self._mask[:, 0] = place > 0  # no way left from the first place
        return Observation(living, self._values, self._mask)

    def step(self, action: NDArray[np.int32]) -> Outcome:
        people = self.population
        people.recycle()
        acted = people.living.copy()
        ids = people.id[acted]
        x, done = people.x, action.copy()
        fed = np.zeros(people.capacity, np.bool_)
        fed[acted] = (done[acted] == 2) & (x[acted] == PLACES - 1)
        x[acted] += (done[acted] == 1).astype(np.float32) - (done[acted] == 0)
        x[acted] = np.clip(x[acted], 0, PLACES - 1)
        x[fed] = 0
        terminated = np.zeros(people.capacity, np.bool_)
        if self.lifetime:
            terminated[acted] = self.step_count + 1 - people.born[acted] >= self.lifetime + ids % 5
        births, deaths = self._turn_over(np.flatnonzero(terminated).astype(np.int32))
        outcome = Outcome(
            step=self.step_count,
            acted=acted,
            id=ids,
            action=done,
            target=np.full(people.capacity, -1, np.int64),
            reward=fed.astype(np.float32) - terminated,
            terminated=terminated,
            truncated=np.zeros(people.capacity, np.bool_),
            births=births,
            deaths=deaths,
            honours=np.empty((0, 2), np.int32),
        )
        self.step_count += 1
        return outcome

    def _turn_over(self, dead: NDArray[np.int32]) -> tuple[Births, Deaths]:
        people = self.population
        deaths = Deaths(dead, people.id[dead], np.zeros(len(dead), np.int32))
        people.release(dead)
        born = people.spawn(1) if self.lifetime and people.room else np.empty(0, np.int32)
        parent = people.living[:1] if len(born) else np.empty(0, np.int32)
        if len(born):
            people.born[born] = self.step_count + 1
            parent = np.where(parent == born, -1, parent).astype(np.int32)
        return Births(born, parent.copy(), np.full(len(born), -1, np.int32)), deaths

    def heuristic(self, observation: Observation, action: NDArray[np.int32]) -> None:
        rows = observation.living
        action[rows] = np.where(observation.values[rows, PLACES - 1] > 0, 2, 1)

    def map(self) -> dict[str, NDArray[np.float32]]:
        return {}

    def state(self) -> State:
        return {"population": self.population.state(), "step": self.step_count}

    def load_state(self, state: State) -> None:
        self.population.load_state(state["population"])
        self.step_count = int(state["step"])


def live(world: LineWorld, policies: Policies, steps: int) -> float:
    """Let the policies live in the world; the mean reward an agent and step, but for those who died."""
    gained, lived = 0.0, 0
    for _ in range(steps):
        observation = world.observe()
        outcome = world.step(policies.act(observation))
        policies.remember(observation, outcome)
        policies.inherit(outcome.births)
        policies.learn()
        here = outcome.acted[~outcome.terminated[outcome.acted]]
        gained += float(outcome.reward[here].sum())
        lived += len(here)
    return gained / max(1, lived)


def config_of(seed: int = 7, **learning: object) -> Config:
    """Settings that suit the line: small networks, quick to learn."""
    quick: dict[str, object] = {
        "hidden": (16, 8),
        "epsilon": EpsilonSettings(decay=400),
        "replay": ReplaySettings(length=256, warmup=16),
        "ppo": PpoSettings(horizon=32),
        "gamma": 0.9,
        "interval": 2,
        "batch": 16,
        "lr": 3e-3,
    }
    return Config(seed=seed, learning=LearningSettings(**{**quick, **learning}))
