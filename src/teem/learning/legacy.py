"""What the famous dead leave: their weights, for those who are born without parents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.state import State


@dataclass(frozen=True, slots=True)
class Legacy:
    """Who is remembered: its cohort, and its own weights if it had any."""

    cohort: int
    weights: NDArray[np.float32] | None


class Legacies:
    """One for each entry of the world's hall of fame, which says whose it is."""

    def __init__(self, entries: int) -> None:
        self._entries: list[Legacy | None] = [None] * entries

    def keep(self, entry: int, cohort: int, weights: NDArray[np.float32] | None) -> None:
        """Fill an entry, in place of whoever was there."""
        self._entries[entry] = Legacy(cohort, weights)

    def entry(self, entry: int) -> Legacy | None:
        """Who is remembered there; None for -1 and for an entry never filled."""
        return self._entries[entry] if entry >= 0 else None

    @property
    def kept(self) -> tuple[int, int]:
        """How many are remembered, and how many there is room for."""
        return sum(famed is not None for famed in self._entries), len(self._entries)

    def state(self) -> State:
        """Every entry."""
        filled = {str(i): famed for i, famed in enumerate(self._entries) if famed is not None}
        return {name: {"cohort": famed.cohort, "weights": famed.weights} for name, famed in filled.items()}

    def load_state(self, state: State) -> None:
        """Take over the saved entries."""
        self._entries = [None] * len(self._entries)
        for name, saved in state.items():
            self._entries[int(name)] = Legacy(int(saved["cohort"]), saved["weights"])
