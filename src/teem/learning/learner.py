"""What every cohort with networks does at a birth: fresh weights, or weights after somebody's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import LearningSettings
from teem.learning.cohort import Cohort, Gauges
from teem.learning.sharing import Networks
from teem.state import Array
from teem.worlds.turns import Turns


class Learner(ABC):
    """Networks and gauges, one row a slot; who decides and learns with them is the algorithm's."""

    def __init__(self, capacity: int, settings: LearningSettings, networks: Networks) -> None:
        self.learns = settings.enabled
        self.gauges = Gauges.of(capacity)
        self.networks = networks
        self.batches = 0  # of experience learnt from so far, an agent's each
        self.settings = settings
        self.share = Fraction(1)  # of the updates that come due, how many are made

    @abstractmethod
    def begin(self, rows: NDArray[np.int32], *, fresh: bool) -> None:
        """A new life begins in the rows, with fresh weights or with somebody's: nothing is remembered."""

    @abstractmethod
    def retime(self, turns: Turns) -> None:
        """From the decisions on that end next, agents decide in these turns."""

    def found(self, rows: NDArray[np.int32], ids: NDArray[np.int64]) -> None:
        """Founders settle in the rows, with fresh networks."""
        self.networks.found(rows, ids)
        self.begin(rows, fresh=True)

    def inherit(self, rows: NDArray[np.int32], parents: NDArray[np.int32], ids: NDArray[np.int64], step: int) -> None:
        """Children settle in the rows, with networks after their parents' as `learning.newborn` says."""
        if self.settings.newborn == "fresh":
            self.found(rows, ids)
            return
        self.networks.inherit(rows, parents, ids, step)
        self.begin(rows, fresh=False)

    def inherit_weights(
        self,
        rows: NDArray[np.int32],
        weights: NDArray[np.float32],
        ids: NDArray[np.int64],
        step: int,
        *,
        exact: bool = False,
    ) -> None:
        """Agents settle in the rows, with networks after somebody's as `learning.newborn` says, or `exact` copies."""
        if self.settings.newborn == "fresh" and not exact:
            self.found(rows, ids)
            return
        self.networks.inherit_weights(rows, weights, ids, step, exact=exact)
        self.begin(rows, fresh=False)

    def weights_of(self, row: int) -> NDArray[np.float32] | None:
        """A copy of an agent's own weights; None where all are shared."""
        return self.networks.weights_of(row)

    def decisions(self) -> dict[str, Array]:
        """What is known of the decisions in progress, by slot, that `remember` needs besides the outcome."""
        return {}


def decisions_of(cohort: Cohort) -> dict[str, Array]:
    """As `Learner.decisions`; nothing where there are no networks."""
    return cohort.decisions() if isinstance(cohort, Learner) else {}
