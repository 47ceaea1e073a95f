"""Cohorts that never learn, to compare with: random, resting, and the world's own heuristic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.learning.acting import Acting, acting_of
from teem.learning.cohort import Gauges
from teem.learning.gaussian import draw_evenly
from teem.state import State
from teem.threads import Threads
from teem.worlds.base import Action, Observation, Outcome, World


class _Scripted:
    """What the three have in common: no network, nothing to learn."""

    name: str
    learns = False

    def __init__(self, capacity: int) -> None:
        self.gauges = Gauges.of(capacity)

    def remember(
        self, observation: Observation, outcome: Outcome, rows: NDArray[np.int32], ids: NDArray[np.int64]
    ) -> None:
        """Count the decisions."""
        self.gauges.decisions[rows] += 1

    def found(self, rows: NDArray[np.int32], ids: NDArray[np.int64]) -> None:
        """New lives begin."""
        self.gauges.reset(rows)

    def inherit(self, rows: NDArray[np.int32], parents: NDArray[np.int32], ids: NDArray[np.int64], step: int) -> None:
        """New lives begin."""
        self.gauges.reset(rows)

    def weights_of(self, row: int) -> NDArray[np.float32] | None:
        """None: there is no network."""
        return None

    def inherit_weights(
        self,
        rows: NDArray[np.int32],
        weights: NDArray[np.float32],
        ids: NDArray[np.int64],
        step: int,
        *,
        exact: bool = False,
    ) -> None:
        """New lives begin."""
        self.gauges.reset(rows)

    def learn(self, rows: NDArray[np.int32], ids: NDArray[np.int64], step: int) -> int:
        """Nothing is ever updated."""
        return 0

    def state(self, rows: NDArray[np.int32]) -> State:
        """The gauges."""
        return {"gauges": self.gauges.state(rows)}

    def load_state(self, state: State, rows: NDArray[np.int32]) -> None:
        """Take over the gauges."""
        self.gauges.load_state(state["gauges"], rows)


class Random(_Scripted):
    """Any legal action, each as likely as the others."""

    name = "random"

    def __init__(self, capacity: int, acting: Acting, seed: int, threads: Threads) -> None:
        super().__init__(capacity)
        self._acting = acting
        self._values = np.zeros((*acting.shape(capacity), acting.actions), np.float32)  # all alike
        self._always = np.ones(capacity, np.float32)
        self._seed = seed
        self._threads = threads

    def act(
        self,
        observation: Observation,
        rows: NDArray[np.int32],
        ids: NDArray[np.int64],
        step: int,
        action: Action,
        *,
        greedy: bool = False,
    ) -> None:
        """Draw an action for each row."""
        if self._acting.continuous:
            key = (ids, rows, step, self._seed)
            self._threads.share(draw_evenly, len(rows), observation.mask, *key, action)
            return
        given = (self._values, observation.mask, self._always, ids, rows, step, self._seed)
        self._acting.choose(*given, action, self._threads)


class Resting(_Scripted):
    """The action that does nothing, always."""

    name = "resting"

    def __init__(self, capacity: int, acting: Acting) -> None:
        super().__init__(capacity)
        self._rest = acting.rest

    def act(
        self,
        observation: Observation,
        rows: NDArray[np.int32],
        ids: NDArray[np.int64],
        step: int,
        action: Action,
        *,
        greedy: bool = False,
    ) -> None:
        """Rest."""
        action[rows] = self._rest


class Heuristic(_Scripted):
    """What the world itself thinks sensible."""

    name = "heuristic"

    def __init__(self, capacity: int, world: World) -> None:
        super().__init__(capacity)
        self._world = world
        self._scratch = acting_of(world).nothing(capacity)

    def act(
        self,
        observation: Observation,
        rows: NDArray[np.int32],
        ids: NDArray[np.int64],
        step: int,
        action: Action,
        *,
        greedy: bool = False,
    ) -> None:
        """Ask the world about these rows alone."""
        self._world.heuristic(Observation(rows, observation.values, observation.mask), self._scratch)
        action[rows] = self._scratch[rows]
