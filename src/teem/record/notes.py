"""What every step brings to the record, noted in one pass and kept until it is written: births, deaths, illness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.population.slots import Population
from teem.worlds.base import Deaths

WOUNDED, STARVING = 0, 1  # numbers of `schema.INCIDENTS`
_STEPS = 4  # in which everybody could be born, die and fall ill before it must be written
_BIRTHS, _DEATHS, _INCIDENTS = 0, 1, 2  # rows of `_counts`

Columns = dict[str, NDArray[Any]]


class Notes:
    """Rows for `births`, `deaths` and `health_incidents`, and what tells that someone begins to lose health.

    Who lost health in this step and none in the step before is an incident: of hunger without energy, else of wounds.
    """

    failing: NDArray[np.bool_]  # [capacity] lost health in the step before
    is_full: bool  # another step's rows might not find room

    def __init__(self, population: Population) -> None:
        capacity, traits = population.genome.shape
        self.failing = np.zeros(capacity, np.bool_)
        self.is_full = False
        self._room = (_STEPS - 1) * capacity
        self._population = population
        self._id = np.full(capacity, -1, np.int64)  # [capacity] who was in the slot in the step before
        self._health = np.zeros(capacity, np.float32)  # [capacity] at the end of the step before
        self._counts = np.zeros(3, np.int64)  # rows noted
        self._births = np.empty((_STEPS * capacity, 5), np.int64)  # agent_id, kind, born_step, parent_id, generation
        self._genomes = np.empty((_STEPS * capacity, traits), np.float32)  # of the same
        self._deaths = np.empty((_STEPS * capacity, 3), np.int64)  # died_step, cause, agent_id
        self._incidents = np.empty((_STEPS * capacity, 3), np.int64)  # step, agent_id, incident
        self._losses = np.empty((_STEPS * capacity, 2), np.float32)  # of the same: lost, health

    @property
    def noted(self) -> tuple[int, int]:
        """Rows noted, of the kind that has most, and how many there is room for."""
        return int(self._counts.max()), len(self._births)

    def remember(self) -> None:
        """Take the present for the step before."""
        offered = slice(self._population.size)
        self._id[offered] = self._population.id[offered]
        self._health[offered] = self._population.health[offered]

    def note(self, step: int, born: NDArray[np.int32], deaths: Deaths) -> None:
        """Note a step's births (their slots) and deaths, and whose health begins to fall."""
        p = self._population
        most = _note(
            step, born, deaths.id, deaths.cause,
            p.id[: p.size], p.kind, p.parent, p.generation, p.genome, p.health, p.energy,
            self._id, self._health, self.failing,
            self._births, self._genomes, self._deaths, self._incidents, self._losses, self._counts,
        )  # fmt: skip
        self.is_full = most > self._room

    def take(self) -> Iterator[tuple[str, Columns]]:
        """Each statement with the rows noted and not taken before."""
        births, deaths, incidents = (int(count) for count in self._counts)
        self._counts[:] = 0
        self.is_full = False
        if births:
            names = ("agent_id", "kind", "born_step", "parent_id", "generation")
            yield "births", {**_columns(names, self._births[:births]), "genome": self._genomes[:births]}
        if deaths:
            yield "deaths", _columns(("died_step", "cause", "agent_id"), self._deaths[:deaths])
        if incidents:
            who = _columns(("step", "agent_id", "incident"), self._incidents[:incidents])
            yield "health_incidents", {**who, **_columns(("lost", "health"), self._losses[:incidents])}


def _columns(names: tuple[str, ...], rows: NDArray[Any]) -> Columns:
    return dict(zip(names, np.ascontiguousarray(rows.T), strict=True))


@njit(nogil=True, cache=True)
def _note(  # type: ignore[no-untyped-def]
    step, born, dead, cause,
    id_, kind, parent, generation, genome, health, energy,
    old_id, old_health, failing,
    births, genomes, deaths, incidents, losses, counts,
):  # fmt: skip
    """One call for all three, since every step makes it with cold caches; returns the most rows of a kind."""
    counts[_BIRTHS] = _note_births(step, born, id_, kind, parent, generation, genome, births, genomes, counts[_BIRTHS])
    counts[_DEATHS] = _note_deaths(step, dead, cause, deaths, counts[_DEATHS])
    counts[_INCIDENTS] = _note_illness(
        step, id_, health, energy, old_id, old_health, failing, incidents, losses, counts[_INCIDENTS]
    )
    return counts.max()


@njit(**INNER)
def _note_births(step, born, id_, kind, parent, generation, genome, births, genomes, row):  # type: ignore[no-untyped-def]
    """Append a row a birth; returns how many there are."""
    for slot in born:
        births[row, 0] = id_[slot]
        births[row, 1] = kind[slot]
        births[row, 2] = step
        births[row, 3] = parent[slot]
        births[row, 4] = generation[slot]
        genomes[row] = genome[slot]
        row += 1
    return row


@njit(**INNER)
def _note_deaths(step, dead, cause, deaths, row):  # type: ignore[no-untyped-def]
    """Append a row a death; returns how many there are."""
    for i in range(dead.shape[0]):
        deaths[row, 0] = step
        deaths[row, 1] = cause[i]
        deaths[row, 2] = dead[i]
        row += 1
    return row


@njit(**INNER)
def _note_illness(step, id_, health, energy, old_id, old_health, failing, incidents, losses, row):  # type: ignore[no-untyped-def]
    """Append a row an incident and bring what is remembered up to date; returns how many there are."""
    for i in range(id_.shape[0]):
        fails = id_[i] >= 0 and id_[i] == old_id[i] and health[i] < old_health[i]
        if fails and not failing[i]:
            incidents[row, 0] = step
            incidents[row, 1] = id_[i]
            incidents[row, 2] = WOUNDED if energy[i] > np.float32(0) else STARVING
            losses[row, 0] = old_health[i] - health[i]
            losses[row, 1] = health[i]
            row += 1
        failing[i] = fails
        old_id[i] = id_[i]
        old_health[i] = health[i]
    return row
