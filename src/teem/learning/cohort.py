"""A cohort: the agents whose networks have one shape and one algorithm, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from teem.state import Array, State, expect_same_shape
from teem.worlds.base import Action, Observation, Outcome


@dataclass(slots=True)
class Gauges:
    """What is kept of each agent's learning, one row a slot, from zero at its birth."""

    updates: NDArray[np.int64]  # [capacity] updates that its experience went into
    loss: NDArray[np.float32]  # [capacity] of its last update; NaN before the first
    epsilon: NDArray[np.float32]  # [capacity] how often it tries something at random; 0 if it never does
    faults: NDArray[np.int64]  # [capacity] non-finite observations, gradients or weights held back
    decisions: NDArray[np.int64]  # [capacity] actions taken

    @staticmethod
    def of(capacity: int) -> Gauges:
        """Gauges of nobody yet."""
        return Gauges(
            np.zeros(capacity, np.int64),
            np.full(capacity, np.nan, np.float32),
            np.zeros(capacity, np.float32),
            np.zeros(capacity, np.int64),
            np.zeros(capacity, np.int64),
        )

    def reset(self, rows: NDArray[np.int32], epsilon: float = 0.0) -> None:
        """A new life begins in each of the rows."""
        self.updates[rows] = 0
        self.loss[rows] = np.nan
        self.epsilon[rows] = epsilon
        self.faults[rows] = 0
        self.decisions[rows] = 0

    def state(self, rows: NDArray[np.int32]) -> State:
        """The gauges of the rows given."""
        return {one.name: getattr(self, one.name)[rows] for one in fields(self)}

    def load_state(self, state: State, rows: NDArray[np.int32]) -> None:
        """Take over the saved gauges of the rows given."""
        load_rows("gauges", {one.name: getattr(self, one.name) for one in fields(self)}, state, rows)


def load_rows(path: str, columns: dict[str, Array], state: State, rows: NDArray[np.int32]) -> None:
    """Write saved compact arrays into the rows of the columns of the same names."""
    for name, column in columns.items():
        expect_same_shape(f"{path}.{name}", state[name], column[rows])
        column[rows] = state[name]


class Cohort(Protocol):
    """Agents that decide in one way. Arrays are by slot; `rows` are slots by rising id, `ids` beside them."""

    name: str
    learns: bool
    gauges: Gauges

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
        """Write what each of the rows does into `action[capacity]`; `greedy`: nothing is tried at random."""
        ...

    def remember(
        self, observation: Observation, outcome: Outcome, rows: NDArray[np.int32], ids: NDArray[np.int64]
    ) -> None:
        """Keep what came of the last decision; the rows acted, some may have died of it."""
        ...

    def found(self, rows: NDArray[np.int32], ids: NDArray[np.int64]) -> None:
        """Founders settle in the rows, with fresh networks."""
        ...

    def inherit(self, rows: NDArray[np.int32], parents: NDArray[np.int32], ids: NDArray[np.int64], step: int) -> None:
        """Children settle in the rows; `parents` are rows of this cohort, alive."""
        ...

    def weights_of(self, row: int) -> NDArray[np.float32] | None:
        """A copy of an agent's own weights; None if it has none."""
        ...

    def inherit_weights(
        self,
        rows: NDArray[np.int32],
        weights: NDArray[np.float32],
        ids: NDArray[np.int64],
        step: int,
        *,
        exact: bool = False,
    ) -> None:
        """Agents settle in the rows with the weights `[n, size]` of somebody who is not here; `exact`: not mutated."""
        ...

    def learn(self, rows: NDArray[np.int32], ids: NDArray[np.int64], step: int) -> int:
        """Update those of the living whose turn it is; how many were."""
        ...

    def state(self, rows: NDArray[np.int32]) -> State:
        """All that a later step of these rows depends on."""
        ...

    def load_state(self, state: State, rows: NDArray[np.int32]) -> None:
        """Continue from a saved state, bit for bit."""
        ...
