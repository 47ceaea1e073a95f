"""Whoever dies comes again: a new agent with the body of the dead, for environments whose rows shall not stay empty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.worlds.base import World

_SENDER = 0  # the only one who sends guests to such a world


class Returning:
    """The bodies of the dead, oldest first, who wait for a place in the world's guest room.

    There they are guests as migrants of other islands are: they settle as founders do, with new ids, before children
    are born, and at the earliest in the step after the death, when the slot of the dead is free again.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._kind = np.empty(0, np.int32)  # [n]
        self._genome = np.empty((0, len(world.traits)), np.float32)  # [n, traits]

    def __len__(self) -> int:
        """How many are still to come."""
        return len(self._kind) + (len(self._world.guests) if self._world.guests is not None else 0)

    def ask(self, dead: NDArray[np.int32], step: int) -> None:
        """Have those come again who died in this step, `[n]` slots that nobody has taken yet."""
        people, guests = self._world.population, self._world.guests
        assert guests is not None
        if not len(dead) and not len(self._kind):
            return
        self._kind = np.concatenate((self._kind, people.kind[dead]))
        self._genome = np.concatenate((self._genome, people.genome[dead]))
        room = len(guests.turn) - len(guests)
        if room:
            guests.receive(_SENDER, step, self._kind[:room], self._genome[:room])
            self._kind, self._genome = self._kind[room:], self._genome[room:]
