"""The guest room: migrants of other islands, who wait until there is room to live."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.state import State, load_columns

Places = NDArray[np.int32]


class Guests:
    """Up to `places` genomes in the order they came; a free place has turn -1.

    Who finds it full takes the place of the one who has waited longest. A letter is taken once: one that is no newer
    than the newest of its sender is refused, so that nobody comes twice when a sender repeats itself.
    """

    def __init__(self, places: int, traits: int) -> None:
        self.turn = np.full(places, -1, np.int64)  # rising; the smallest has waited longest
        self.kind = np.zeros(places, np.int32)
        self.genome = np.zeros((places, traits), np.float32)
        self.received: dict[int, int] = {}  # the number of the newest letter of each sender
        self.crowded_out = 0  # who gave way while they waited
        self._next_turn = 0

    def __len__(self) -> int:
        return int((self.turn >= 0).sum())

    def receive(self, sender: int, number: int, kinds: NDArray[np.int32], genomes: NDArray[np.float32]) -> Places:
        """Take in the guests of a letter: the place `[n]` each has now, none if the letter was taken before.

        Raises ValueError when there are more than the room has places.
        """
        if number <= self.received.get(sender, -1):
            return np.empty(0, np.int32)
        if len(kinds) > len(self.turn):
            raise ValueError(f"{len(kinds)} guests at once: the room has {len(self.turn)} places")
        self.received[sender] = number
        places = np.argsort(self.turn, kind="stable")[: len(kinds)].astype(np.int32)  # the free ones come first
        self.crowded_out += int((self.turn[places] >= 0).sum())
        self.turn[places] = self._next_turn + np.arange(len(kinds))
        self._next_turn += len(kinds)
        self.kind[places] = kinds
        self.genome[places] = genomes
        return places

    def leave(self, count: int) -> Places:
        """Free the places of the `count` who have waited longest, in their order; their columns stay readable."""
        waiting = np.flatnonzero(self.turn >= 0)
        places: Places = waiting[np.argsort(self.turn[waiting])][:count].astype(np.int32)
        self.turn[places] = -1
        return places

    def state(self) -> State:
        """Who waits, and which letters were taken."""
        return {
            **{name: column.copy() for name, column in self._columns().items()},
            "received": {str(sender): number for sender, number in self.received.items()},
            "crowded_out": self.crowded_out,
            "next_turn": self._next_turn,
        }

    def load_state(self, state: State) -> None:
        """Take over a saved room of the same size."""
        load_columns("guests", self._columns(), state)
        self.received = {int(sender): int(number) for sender, number in state["received"].items()}
        self.crowded_out = int(state["crowded_out"])
        self._next_turn = int(state["next_turn"])

    def _columns(self) -> dict[str, NDArray[np.generic]]:
        return {"turn": self.turn, "kind": self.kind, "genome": self.genome}
