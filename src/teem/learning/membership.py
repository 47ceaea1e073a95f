"""Who without parents belongs to which cohort: it follows from the seed and the id, whatever the slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from teem.rng import Stream, uniforms

Ids = NDArray[np.int64]
Members = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Membership:
    """The shares of the cohorts by number; they are 1 in all."""

    shares: tuple[float, ...]
    seed: int

    def of_founders(self, ids: Ids) -> Members:
        """The cohort of each founder `[n]`, dealt at random; each has its share of them, to less than one founder."""
        order = np.argsort(self._draws(ids), kind="stable")
        cohort = np.empty(len(ids), np.int8)
        cohort[order] = np.repeat(np.arange(len(self.shares)), portions(self.shares, len(ids)))
        return cohort

    def of_newcomers(self, ids: Ids) -> Members:
        """The cohort of each of those who come later and come after nobody: drawn by the shares, each by itself."""
        edges = np.cumsum(self.shares[:-1])
        return np.searchsorted(edges, self._draws(ids), side="right").astype(np.int8)

    def _draws(self, ids: Ids) -> NDArray[np.float32]:
        return uniforms(self.seed, Stream.COHORT, 0, ids, 1)[:, 0]


def portions(shares: Sequence[float], whole: int) -> NDArray[np.int64]:
    """How many of `whole` each share is, `whole` in all: rounded down, and one more where most was cut off."""
    exact = np.asarray(shares) * whole
    counts = np.floor(exact + 1e-6).astype(np.int64)
    cut_off = np.argsort(counts - exact, kind="stable")
    counts[cut_off[: whole - counts.sum()]] += 1
    return counts
