"""Illness: who begins to lose health, found in every step."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.population.slots import Population


class Illness:
    """Everybody's health at the end of the step before, and who was losing it then."""

    failing: NDArray[np.bool_]  # [capacity] lost health in the step before

    def __init__(self, capacity: int) -> None:
        self.failing = np.zeros(capacity, np.bool_)
        self._id = np.full(capacity, -1, np.int64)  # [capacity] who was in the slot
        self._health = np.zeros(capacity, np.float32)  # [capacity]
        self._began = np.zeros(capacity, np.int32)
        self._lost = np.zeros(capacity, np.float32)

    def remember(self, population: Population) -> None:
        """Take the present for the step before."""
        self._id[:] = population.id
        self._health[:] = population.health

    def find(self, population: Population) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Who lost health in this step and none in the step before, by rising id: (slots, how much)."""
        found = _find(population.id, population.health, self._id, self._health, self.failing, self._began, self._lost)
        order = np.argsort(population.id[self._began[:found]])
        return self._began[:found][order], self._lost[:found][order]


@njit(nogil=True, cache=True)
def _find(id_, health, old_id, old_health, failing, began, lost):  # type: ignore[no-untyped-def]
    """Fill `began` and `lost`, bring what is remembered up to date, and return how many began."""
    found = 0
    for i in range(id_.shape[0]):
        fails = id_[i] >= 0 and id_[i] == old_id[i] and health[i] < old_health[i]
        if fails and not failing[i]:
            began[found] = i
            lost[found] = old_health[i] - health[i]
            found += 1
        failing[i] = fails
        old_id[i] = id_[i]
        old_health[i] = health[i]
    return found
