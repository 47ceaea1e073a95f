"""Migrants: copies of the best of an island, as one flat letter, and how another island takes them in.

Those who are copied live on at home. A copy has the genome and the weights of its original bit for bit; what it
remembers, its optimiser's moments and its joules stay behind. It waits in the guest room, and settles as a founder
does as soon as there is room: with a new id, no parent, and the joules that the ledger calls seeded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from teem.errors import TeemError

if TYPE_CHECKING:
    from teem.runtime.loop import Run


@dataclass(frozen=True, slots=True)
class Migrants:
    """A letter; an island sends at most one a step, so the step is its number."""

    island: int  # they come from
    step: int  # they left at
    id: NDArray[np.int64]  # [n] there
    kind: NDArray[np.int32]  # [n]
    genome: NDArray[np.float32]  # [n, traits]
    cohort: NDArray[np.int8]  # [n]
    size: NDArray[np.int64]  # [n] weights of each; -1: it has none of its own
    weights: NDArray[np.float32]  # all of them, one after the other

    @property
    def nbytes(self) -> int:
        """Bytes of the columns."""
        columns = (getattr(self, field.name) for field in fields(self))
        return sum(column.nbytes for column in columns if isinstance(column, np.ndarray))

    def each_weights(self) -> Iterator[NDArray[np.float32] | None]:
        """Whose weights are which."""
        begin = 0
        for size in self.size.tolist():
            yield self.weights[begin : begin + size] if size >= 0 else None
            begin += max(size, 0)


def emigrants(run: Run, island: int, count: int) -> Migrants:
    """Copies of the `count` living who have achieved most so far, the oldest first among equals."""
    population, policies = run.world.population, run.policies
    living = population.living
    rows = living[np.lexsort((population.id[living], -run.world.feats[living]))][:count]
    cohort = policies.cohort_of[rows]
    weights = [policies.cohorts[index].weights_of(int(row)) for index, row in zip(cohort, rows, strict=True)]
    own = [one.ravel() for one in weights if one is not None]
    return Migrants(
        island=island,
        step=run.step,
        id=population.id[rows],
        kind=population.kind[rows],
        genome=population.genome[rows],
        cohort=cohort,
        size=np.array([-1 if one is None else one.size for one in weights], np.int64),
        weights=np.concatenate(own) if own else np.empty(0, np.float32),
    )


def immigrate(run: Run, migrants: Migrants) -> int:
    """Take a letter's migrants into the guest room; how many, 0 if it was taken before."""
    guests = run.world.guests
    if guests is None:
        raise TeemError(f"{run.world.name} takes no migrants: give ray.migrate_every 0")
    places = guests.receive(migrants.island, migrants.step, migrants.kind, migrants.genome)
    for place, cohort, weights in zip(places, migrants.cohort, migrants.each_weights(), strict=False):
        run.policies.receive(int(place), int(cohort), None if weights is None else weights.copy())
    return len(places)
