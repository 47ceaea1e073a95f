"""A world played from one decision to the next: what every kind of environment is made of.

Most worlds ask everybody in every step. Where decisions last for several steps, as the crawlers' do, those are made at
once, until somebody decides again.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.envs.returning import Returning
from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.base import Action, Deaths, Observation, Outcome, World
from teem.worlds.catalogue import make_world


@dataclass(slots=True)
class Passage:
    """What came of everybody's decisions. Arrays by slot are of those in `slot`; the next one reuses them."""

    slot: NDArray[np.int32]  # [n] who were alive when it began, by rising id
    id: NDArray[np.int64]  # [n]
    reward: NDArray[np.float32]  # [capacity] of a decision that came to its end
    died: NDArray[np.bool_]  # [capacity]
    cause: NDArray[np.int32]  # [capacity] of the dead: index into World.causes
    terminated: NDArray[np.bool_]  # [capacity] died, or its episode ended with nothing to follow
    truncated: NDArray[np.bool_]  # [capacity] cut off while alive
    final: NDArray[np.float32]  # [capacity, *observation_shape] last view of whom terminated or was cut off

    @staticmethod
    def of(world: World) -> Passage:
        """Nothing has happened yet."""
        capacity = world.population.capacity
        died, terminated, truncated = np.zeros((3, capacity), np.bool_)
        return Passage(
            slot=np.empty(0, np.int32),
            id=np.empty(0, np.int64),
            reward=np.zeros(capacity, np.float32),
            died=died,
            cause=np.zeros(capacity, np.int32),
            terminated=terminated,
            truncated=truncated,
            final=np.zeros((capacity, *world.observation_shape), np.float32),
        )

    def begin(self, world: World) -> None:
        """Forget the one before; those who live now are those it is about."""
        self.slot = world.population.living.copy()
        self.id = world.population.id[self.slot]
        for column in (self.reward, self.died, self.terminated, self.truncated):
            column[:] = 0


class Play:
    """A new world of these settings, from its beginning until `steps` are over or nobody is left."""

    def __init__(self, config: Config, seed: int, threads: Threads, *, refill: bool = False) -> None:
        self.seed = seed
        self.world = make_world(msgspec.structs.replace(config, seed=seed), threads, Spans(1))
        self._reseeds = config.population.extinction == "reseed"
        self._steps = config.steps
        self._returning = Returning(self.world) if refill and self.world.guests is not None else None
        self._passage = Passage.of(self.world)
        self.seen = np.zeros_like(self._passage.final)  # [capacity, *observation_shape] 0 where nobody has looked yet
        self.observation = self._look()

    @property
    def living(self) -> NDArray[np.int32]:
        """Slots of the living, by rising id."""
        return self.world.population.living

    @property
    def deciding(self) -> NDArray[np.bool_]:
        """Whose next action is read, `[capacity]`."""
        deciding = np.zeros(len(self.seen), np.bool_)
        deciding[self.observation.living] = True
        return deciding

    @property
    def extinct(self) -> bool:
        """Whether nobody is left, and nobody comes any more."""
        coming = self._reseeds or (self._returning is not None and len(self._returning) > 0)
        return not len(self.living) and not coming

    @property
    def over(self) -> bool:
        """Whether there is nothing more to play."""
        return self.extinct or (self._steps > 0 and self.world.step_count >= self._steps)

    def advance(self, action: Action) -> Passage:
        """Take the actions of those who decide now, and play until somebody decides again.

        When the steps are over, everybody who lives is cut off.
        """
        passage = self._passage
        passage.begin(self.world)
        for _ in range(2 * self.world.turns.every + 1):  # who comes into an empty world may have to wait for a turn
            self._step(action)
            if len(self.observation.living) or self.extinct:
                break
        if self.over:
            self._cut_off()
        return passage

    def _step(self, action: Action) -> None:
        outcome, passage = self.world.step(action), self._passage
        acted = outcome.acted
        passage.reward[acted] = outcome.reward[acted]
        passage.terminated[acted] = outcome.terminated[acted]
        passage.truncated[acted] = outcome.truncated[acted]
        self._keep_last_views(outcome)
        if len(outcome.deaths.slot):
            self._bury(outcome.deaths)
        if self._returning is not None:
            self._returning.ask(outcome.deaths.slot, outcome.step)
        self.observation = self._look()

    def _keep_last_views(self, outcome: Outcome) -> None:
        """Before anybody looks again: what those perceived last whose episode has ended with a decision."""
        passage, acted = self._passage, outcome.acted
        ended = acted[(passage.terminated | passage.truncated)[acted]]
        if len(ended):
            passage.final[ended] = self.seen[ended]
        if outcome.final is not None:
            cut = acted[outcome.truncated[acted]]
            passage.final[cut] = outcome.final[cut]

    def _bury(self, deaths: Deaths) -> None:
        """Note who died, decision or not; but not those who came and went since this passage began."""
        passage = self._passage
        known = np.isin(deaths.id, passage.id)
        dead = deaths.slot[known]
        passage.died[dead] = passage.terminated[dead] = True
        passage.truncated[dead] = False
        passage.cause[dead] = deaths.cause[known]
        passage.final[dead] = self.seen[dead]
        self.seen[deaths.slot] = 0

    def _cut_off(self) -> None:
        passage = self._passage
        alive = passage.slot[~passage.died[passage.slot]]
        cut = alive[~(passage.terminated | passage.truncated)[alive]]
        passage.truncated[cut] = True
        passage.final[cut] = self.seen[cut]

    def _look(self) -> Observation:
        observation = self.world.observe()
        self.seen[observation.living] = observation.values[observation.living]
        return observation


def resting(world: World) -> Action:
    """Everybody's actions, `[capacity]` or `[capacity, branches]`, when all rest."""
    shape = (world.population.capacity, *([len(world.branches)] if world.branches else []))
    return np.full(shape, world.rest, np.float32 if world.continuous else np.int32)
