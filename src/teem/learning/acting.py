"""How agents of a world act: with one action, or with one a branch, chosen or measured out, and how often."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from teem.learning.branches import choose_branches
from teem.learning.selector import choose, find_tries
from teem.threads import Threads
from teem.worlds.base import Action, World
from teem.worlds.turns import Turns

Rows = NDArray[np.int32]


class Acting(NamedTuple):
    """What a policy needs to know of a world's actions."""

    actions: int
    rest: int  # the action that does nothing
    branches: int = 0  # 0: an agent takes one action
    turns: Turns = Turns()
    continuous: bool = False  # an action is a number from -1 to 1

    @property
    def parts(self) -> int:
        """How many actions an agent takes at once, at most."""
        return max(1, self.branches)

    def shape(self, capacity: int) -> tuple[int, ...]:
        """The shape of everyone's actions."""
        return (capacity, self.branches) if self.branches else (capacity,)

    @property
    def marks(self) -> int:
        """How wide a mask is: a mark a branch, or an action."""
        return self.branches or self.actions

    def nothing(self, capacity: int, *more: int) -> Action:
        """Zeros as everyone's actions, `[capacity, *more]` and a branch each."""
        kind = np.float32 if self.continuous else np.int32
        return np.zeros((capacity, *more, *self.shape(capacity)[1:]), kind)

    def deciding(
        self, epsilon: NDArray[np.float32], ids: NDArray[np.int64], rows: Rows, step: int, seed: int
    ) -> tuple[Rows, NDArray[np.int64]]:
        """Which of the rows choose by what actions are worth, and their ids; the others try something at random.

        With branches everyone does: some of them may be tried, and others not.
        """
        if self.branches:
            return rows, ids
        tries = np.empty(len(rows), np.bool_)
        find_tries(epsilon, ids, rows, step, seed, tries)
        return (rows[~tries], ids[~tries]) if tries.any() else (rows, ids)

    def choose(
        self,
        values: NDArray[np.float32],
        mask: NDArray[np.bool_],
        epsilon: NDArray[np.float32],
        ids: NDArray[np.int64],
        rows: Rows,
        step: int,
        seed: int,
        action: NDArray[np.int32],
        threads: Threads,
    ) -> None:
        """Write each row's best actions by `values[*shape, actions]`, or random ones with its `epsilon[capacity]`.

        Values are read of those `deciding` only.
        """
        given = (values, mask, epsilon, ids, rows, step, seed)
        if self.branches:
            threads.share(choose_branches, len(rows), *given, self.rest, action)
        else:
            threads.share(choose, len(rows), *given, action)


def acting_of(world: World) -> Acting:
    """How the agents of this world act."""
    return Acting(len(world.actions), world.rest, len(world.branches), world.turns, world.continuous)
