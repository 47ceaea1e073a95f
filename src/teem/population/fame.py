"""The hall of fame: the best of the dead, from whom an extinct world is reseeded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.rng import Stream, uniforms
from teem.state import State, load_columns


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

    def honour(
        self, dead: NDArray[np.int32], feats: NDArray[np.float32], kind: NDArray[np.int32], genome: NDArray[np.float32]
    ) -> NDArray[np.int32]:
        """Offer the dead by their feats, all by slot: `[k, 2]` the entries they hold now, and the slots of who does."""
        if not len(dead):
            return np.empty((0, 2), np.int32)
        entries = self.offer(feats[dead].astype(np.float64), kind[dead], genome[dead])
        held = entries >= 0
        return np.stack([entries[held], dead[held]], axis=1)

    def draw(self, ids: NDArray[np.int64], seed: int, step: int) -> NDArray[np.int32]:
        """An entry for each of the ids who shall come after somebody famous; there must be one."""
        entries = np.flatnonzero(np.isfinite(self.score)).astype(np.int32)
        drawn: NDArray[np.int32] = entries[
            (uniforms(seed, Stream.RESEED, step, ids, 1)[:, 0] * len(entries)).astype(int)
        ]
        return drawn

    def state(self) -> State:
        """Scores, kinds and genomes."""
        return {"score": self.score.copy(), "kind": self.kind.copy(), "genome": self.genome.copy()}

    def load_state(self, state: State) -> None:
        """Take over a saved hall of the same size."""
        load_columns("fame", {"score": self.score, "kind": self.kind, "genome": self.genome}, state)
