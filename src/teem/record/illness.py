"""Illness: who begins to lose health, found in every step and kept until it is written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.population.slots import Population

WOUNDED, STARVING = 0, 1  # numbers of `schema.INCIDENTS`
_STEPS = 16  # in which everybody could fall ill before it must be written

_ROW = np.dtype(
    [("step", np.int64), ("agent_id", np.int64), ("incident", np.int8), ("lost", np.float32), ("health", np.float32)],
    align=True,
)


class Illness:
    """Everybody's health at the end of the step before, who was losing it then, and the incidents since."""

    failing: NDArray[np.bool_]  # [capacity] lost health in the step before

    def __init__(self, capacity: int) -> None:
        self.failing = np.zeros(capacity, np.bool_)
        self._id = np.full(capacity, -1, np.int64)  # [capacity] who was in the slot
        self._health = np.zeros(capacity, np.float32)  # [capacity]
        self._incidents = np.zeros(_STEPS * capacity, _ROW)
        self._count = 0

    @property
    def is_full(self) -> bool:
        """Whether another step's incidents might not find room."""
        return self._count + len(self.failing) > len(self._incidents)

    def remember(self, population: Population) -> None:
        """Take the present for the step before."""
        self._id[:] = population.id
        self._health[:] = population.health

    def note(self, population: Population, step: int) -> None:
        """Note who lost health in this step and none in the step before: of hunger without energy, else of wounds."""
        self._count = _note(
            step, population.id, population.health, population.energy, self._id, self._health, self.failing,
            self._incidents, self._count,
        )  # fmt: skip

    def take(self) -> dict[str, NDArray[Any]]:
        """The incidents noted and not taken before, as columns."""
        taken = self._incidents[: self._count].copy()
        self._count = 0
        return {name: taken[name] for name in _ROW.names or ()}


@njit(nogil=True, cache=True)
def _note(step, id_, health, energy, old_id, old_health, failing, incidents, count):  # type: ignore[no-untyped-def]
    """Append to `incidents`, bring what is remembered up to date, and return how many there are."""
    for i in range(id_.shape[0]):
        fails = id_[i] >= 0 and id_[i] == old_id[i] and health[i] < old_health[i]
        if fails and not failing[i]:
            incidents[count].step = step
            incidents[count].agent_id = id_[i]
            incidents[count].incident = WOUNDED if energy[i] > np.float32(0) else STARVING
            incidents[count].lost = old_health[i] - health[i]
            incidents[count].health = health[i]
            count += 1
        failing[i] = fails
        old_id[i] = id_[i]
        old_health[i] = health[i]
    return count
