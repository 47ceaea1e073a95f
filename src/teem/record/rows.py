"""A recorded step's rows of agents and its means, gathered in one pass each; a pass costs less than its calls."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.population.slots import Population
from teem.state import Array
from teem.worlds.base import Action, Outcome

NOBODY = -1  # a target, an age or an action that there is not; a continuous action is NaN

Columns = dict[str, NDArray[Any]]


class Means(NamedTuple):
    """Of the living, and of what those who acted got; NaN for nobody."""

    age: float
    energy: float
    health: float
    reward: float


class AgentRows:
    """The rows of `agent_steps` of one step, by rising id: who acted in it, and who is alive at its end."""

    def __init__(self, capacity: int, branches: int = 0, *, continuous: bool = False) -> None:
        self._whole = np.empty((2, 2 * capacity), np.int64)  # agent_id, target_id
        self._age = np.empty(2 * capacity, np.int32)
        self._action: Action = np.empty((2 * capacity, max(1, branches)), np.float32 if continuous else np.int32)
        self._none = np.float32(np.nan) if continuous else np.int32(NOBODY)
        self._real = np.empty((5, 2 * capacity), np.float32)  # x, y, energy, health, reward

    def gather(self, population: Population, outcome: Outcome) -> tuple[Columns, Means]:
        """Everyone who acted or is alive, and the means; the columns are overwritten by the next call.

        Who died has no place, energy, health or age; whose decision did not end in this step, since it was born in it
        or decides more rarely, has no action and no reward.
        """
        p = population
        action = outcome.action.reshape(p.capacity, -1)
        rows, *means = _gather(
            outcome.step, outcome.acted, outcome.id, p.living,
            p.id, p.born, p.x, p.y, p.energy, p.health, action, outcome.target, outcome.reward,
            self._whole, self._age, self._none, self._action, self._real,
        )  # fmt: skip
        actions = self._action[:rows] if self._action.shape[1] > 1 else self._action[:rows, 0]
        columns = {"agent_id": self._whole[0], "target_id": self._whole[1], "age": self._age}
        columns |= dict(zip(("x", "y", "energy", "health", "reward"), self._real, strict=True))
        return {name: column[:rows] for name, column in columns.items()} | {"action": actions}, Means(*means)


@njit(nogil=True, cache=True)
def _gather(  # type: ignore[no-untyped-def]
    step, acted, acted_id, living,
    id_, born, x, y, energy, health, action, target, reward,
    whole, ages, none, actions, real,
):  # fmt: skip
    """Fill the columns; returns how many rows there are, and the means of age, energy, health and reward."""
    rows = a = b = 0
    years, energies, healths, rewards = 0.0, 0.0, 0.0, 0.0
    while a < acted.shape[0] or b < living.shape[0]:
        has_acted = a < acted.shape[0] and (b == living.shape[0] or acted_id[a] <= id_[living[b]])
        lives = b < living.shape[0] and (not has_acted or acted_id[a] == id_[living[b]])
        slot = acted[a] if has_acted else living[b]
        whole[0, rows] = acted_id[a] if has_acted else id_[slot]
        whole[1, rows] = target[slot] if has_acted else NOBODY
        ages[rows] = step - born[slot] if lives else NOBODY
        for k in range(action.shape[1]):
            actions[rows, k] = action[slot, k] if has_acted else none
        real[0, rows] = x[slot] if lives else np.nan
        real[1, rows] = y[slot] if lives else np.nan
        real[2, rows] = energy[slot] if lives else np.nan
        real[3, rows] = health[slot] if lives else np.nan
        real[4, rows] = reward[slot] if has_acted else np.nan
        if has_acted:
            rewards += reward[slot]
            a += 1
        if lives:
            years += ages[rows]
            energies += energy[slot]
            healths += health[slot]
            b += 1
        rows += 1
    of = np.float64(b) if b else np.nan
    return rows, years / of, energies / of, healths / of, rewards / (a if a else np.nan)


def tile_means(map_: Array, side: int) -> NDArray[np.float64]:
    """The mean of each tile of `side` by `side` cells of a map `[height, width]`; the last may be smaller."""
    heights, widths = (np.minimum(side, length - np.arange(0, length, side)) for length in map_.shape)
    means: NDArray[np.float64] = tile_sums(map_, side) / np.outer(heights, widths)
    return means


@njit(nogil=True, cache=True)
def tile_sums(map_, side):  # type: ignore[no-untyped-def]
    """The sum of each tile in float64; that of tiles a row is not one long chain of additions, so it is fast."""
    height, width = map_.shape
    sums = np.zeros((-(-height // side), -(-width // side)))
    for y in range(height):
        for column in range(sums.shape[1]):
            total = 0.0
            for x in range(column * side, min(column * side + side, width)):
                total += map_[y, x]
            sums[y // side, column] += total
    return sums
