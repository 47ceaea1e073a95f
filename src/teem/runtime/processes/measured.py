"""What is measured of a learner's process, which has a watch of its own: read between two steps that it learns from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teem.measure.metrics import Container, Metric, Value, container, counter, gauge
from teem.runtime.cohorts import members
from teem.runtime.measured import CORE_WAIT, Pair, batches, replays, rollouts

if TYPE_CHECKING:
    from teem.runtime.processes.pupils import Pupils
    from teem.runtime.processes.teaching import Teaching


def _known(teaching: Teaching) -> Iterator[Pupils]:
    """The pupils of actors that have said who lives."""
    return (pupils for pupils in teaching.pupils if pupils.known)


def _alive(teaching: Teaching) -> Value:
    counts: dict[str, int] = {}
    for pupils in _known(teaching):
        for _, cohort, rows in members(pupils):
            counts[cohort.name] = counts.get(cohort.name, 0) + len(pupils.mine(rows))
    return counts


def _batches(teaching: Teaching) -> Value:
    counts: dict[str, int] = {}
    for pupils in _known(teaching):
        for name, count in batches(pupils).items():
            counts[name] = counts.get(name, 0) + count
    return counts


@dataclass(frozen=True, slots=True)
class Lent:
    """The memory of all that a learner's process learns with."""

    teaching: Teaching

    @property
    def megabytes(self) -> float:
        """What the system has lent of it so far."""
        return sum(pupils.megabytes for pupils in _known(self.teaching))


LEARNING: tuple[Metric, ...] = (
    counter("steps", "steps made since the world began", "step", "Teaching.step"),
    CORE_WAIT,
    counter(
        "updates", "network updates", lambda teaching: sum(one.updates for one in teaching.pupils), "Pupils.updates"
    ),
    counter("batches", "batches learnt from, an agent's each", _batches, label="cohort"),
    gauge("alive", "agents alive", _alive, label="cohort"),
    counter("learner_idle_seconds", "time in which a learner had nothing to do", "idle_s", "Teaching.idle_s"),
    counter(
        "published",
        "networks that were published",
        lambda teaching: sum(one.published for one in teaching.pupils),
        "Pupils.published",
    ),
)
"""Named as of a run, where they are the same of those whom it learns for."""


def _sum(pairs: Iterator[Pair | None]) -> Pair | None:
    there = [pair for pair in pairs if pair is not None]
    return (sum(pair[0] for pair in there), sum(pair[1] for pair in there)) if there else None


HELD: tuple[Container, ...] = (
    container("replay", "decisions that the living remember", lambda teaching: _sum(map(replays, _known(teaching)))),
    container(
        "rollouts",
        "decisions collected for the next update of PPO",
        lambda teaching: _sum(map(rollouts, _known(teaching))),
    ),
    container("spans", "names of spans", lambda teaching: (len(teaching.spans.names), teaching.spans.most)),
)
