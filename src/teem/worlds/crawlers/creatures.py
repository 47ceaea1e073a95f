"""The creatures: their bodies, where they have got to, and what a decision has brought them so far."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from teem.state import Array


@dataclass(slots=True)
class Creatures:
    """The crawlers' own columns beside the population's, one row a slot."""

    x: NDArray[np.float64]  # [capacity] metres of the chassis from where the world began
    birthplace: NDArray[np.float64]  # [capacity] x when it was born, moved along when it is carried
    farthest: NDArray[np.float64]  # [capacity] largest x so far, counted in whole new metres
    advanced: NDArray[np.int64]  # [capacity] step of the last new metre, or when it was set down elsewhere
    ends: NDArray[np.int64]  # [capacity] step in which it dies of age
    decided: NDArray[np.bool_]  # [capacity] a decision is in progress
    immobile: NDArray[np.bool_]  # [capacity] too weary: its motors are off, and it decides nothing
    reward: NDArray[np.float32]  # [capacity] of the decision in progress
    made: NDArray[np.float64]  # [capacity] metres to the right in the last step
    feats: NDArray[np.float32]  # [capacity] metres from its birthplace, to the right

    @staticmethod
    def of(capacity: int) -> Creatures:
        """Columns of nobody."""
        kinds: dict[str, type[np.generic]] = {"advanced": np.int64, "ends": np.int64, "decided": np.bool_}
        kinds["immobile"] = np.bool_
        kinds |= {"reward": np.float32, "feats": np.float32}
        return Creatures(**{one.name: np.zeros(capacity, kinds.get(one.name, np.float64)) for one in fields(Creatures)})

    def begin(self, slots: NDArray[np.int32], x: NDArray[np.float64], step: int, lifespan: NDArray[np.int64]) -> None:
        """New lives of so many steps begin at x."""
        for column in (self.x, self.birthplace, self.farthest):
            column[slots] = x
        self.advanced[slots] = step
        self.ends[slots] = step + lifespan
        self.decided[slots] = False
        self.immobile[slots] = False
        self.reward[slots] = 0.0
        self.feats[slots] = 0.0

    def carry(self, slots: NDArray[np.int32], x: NDArray[np.float64]) -> None:
        """Somebody else brings them to x: these are no metres of theirs."""
        self.birthplace[slots] += x - self.x[slots]
        self.x[slots] = x
        self.farthest[slots] = x

    def columns(self) -> dict[str, Array]:
        """All columns by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}
