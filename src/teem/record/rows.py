"""A recorded step's rows of agents and its means, gathered in one pass each; a pass costs less than its calls."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.population.slots import Population
from teem.state import Array
from teem.worlds.base import Outcome

NOBODY = -1  # a target, an age or an action that there is not

Columns = dict[str, NDArray[Any]]


class Means(NamedTuple):
    """Of the living, and of what those who acted got; NaN for nobody."""

    age: float
    energy: float
    health: float
    reward: float


class AgentRows:
    """The rows of `agent_steps` of one step: who acted in it by rising id, then who was born in it."""

    def __init__(self, capacity: int) -> None:
        self._whole = np.empty((2, 2 * capacity), np.int64)  # agent_id, target_id
        self._short = np.empty((2, 2 * capacity), np.int32)  # age, action
        self._real = np.empty((5, 2 * capacity), np.float32)  # x, y, energy, health, reward

    def gather(self, population: Population, outcome: Outcome) -> tuple[Columns, Means]:
        """Everyone who acted or was born, and the means; the columns are overwritten by the next call.

        Who died has no place, energy, health or age; who was born in this step has no action and no reward.
        """
        p = population
        rows, *means = _gather(
            outcome.step, outcome.acted, outcome.id, outcome.births.slot,
            p.id, p.born, p.x, p.y, p.energy, p.health, outcome.action, outcome.target, outcome.reward,
            self._whole, self._short, self._real,
        )  # fmt: skip
        names = ("agent_id", "target_id", "age", "action", "x", "y", "energy", "health", "reward")
        columns = [column[:rows] for kind in (self._whole, self._short, self._real) for column in kind]
        return dict(zip(names, columns, strict=True)), Means(*means)


@njit(nogil=True, cache=True)
def _gather(  # type: ignore[no-untyped-def]
    step, acted, acted_id, newborn,
    id_, born, x, y, energy, health, action, target, reward,
    whole, short, real,
):  # fmt: skip
    """Fill the columns; returns how many rows there are, and the means of age, energy, health and reward."""
    rows = 0
    alive = 0
    ages, energies, healths, rewards = 0.0, 0.0, 0.0, 0.0
    for i in range(acted.shape[0] + newborn.shape[0]):
        has_acted = i < acted.shape[0]
        slot = acted[i] if has_acted else newborn[i - acted.shape[0]]
        lives = id_[slot] >= 0 and (not has_acted or id_[slot] == acted_id[i])
        if not (lives or has_acted):
            continue
        whole[0, rows] = acted_id[i] if has_acted else id_[slot]
        whole[1, rows] = target[slot] if has_acted else NOBODY
        short[0, rows] = step - born[slot] if lives else NOBODY
        short[1, rows] = action[slot] if has_acted else NOBODY
        real[0, rows] = x[slot] if lives else np.nan
        real[1, rows] = y[slot] if lives else np.nan
        real[2, rows] = energy[slot] if lives else np.nan
        real[3, rows] = health[slot] if lives else np.nan
        real[4, rows] = reward[slot] if has_acted else np.nan
        if has_acted:
            rewards += reward[slot]
        if lives:
            ages += short[0, rows]
            energies += energy[slot]
            healths += health[slot]
            alive += 1
        rows += 1
    of = np.float64(alive) if alive else np.nan
    return rows, ages / of, energies / of, healths / of, rewards / (acted.shape[0] if acted.shape[0] else np.nan)


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
