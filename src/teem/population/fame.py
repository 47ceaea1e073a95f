"""The hall of fame: the best of the dead, from whom an extinct world is reseeded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.state import State, expect_same_shape


class HallOfFame:
    """Up to `size` genomes with their scores; a free entry has score -inf."""

    def __init__(self, size: int, traits: int) -> None:
        self.score = np.full(size, -np.inf, np.float64)
        self.kind = np.zeros(size, np.int32)
        self.genome = np.zeros((size, traits), np.float32)

    def __len__(self) -> int:
        return int(np.isfinite(self.score).sum())

    def offer(
        self, scores: NDArray[np.float64], kinds: NDArray[np.int32], genomes: NDArray[np.float32]
    ) -> NDArray[np.int32]:
        """Let each candidate in turn replace the lowest entry if it beats it.

        Returns `[n]` the entry each candidate stands in afterwards, -1 for those who don't.
        """
        entries = np.full(len(scores), -1, np.int32)
        for candidate in np.flatnonzero(scores > self.score.min()):
            entry = int(self.score.argmin())
            if scores[candidate] <= self.score[entry]:
                continue
            entries[entries == entry] = -1
            self.score[entry] = scores[candidate]
            self.kind[entry] = kinds[candidate]
            self.genome[entry] = genomes[candidate]
            entries[candidate] = entry
        return entries

    def state(self) -> State:
        """Scores, kinds and genomes."""
        return {"score": self.score.copy(), "kind": self.kind.copy(), "genome": self.genome.copy()}

    def load_state(self, state: State) -> None:
        """Take over a saved hall of the same size."""
        for name in ("score", "kind", "genome"):
            here = getattr(self, name)
            expect_same_shape(f"fame.{name}", state[name], here)
            here[:] = state[name]
