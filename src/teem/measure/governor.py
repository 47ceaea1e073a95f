"""A governor: keeps frames within a time by learning less, then by deciding and by recording more rarely.

It knows numbers only: how long each frame took, and how much of that was learning. What it may do stands on a ladder;
it goes down as far as it must as soon as it must, and up a rung at a time, after a while with room to spare.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LOOK = 8  # frames between two looks
WINDOW = 64  # most frames that are looked at together; none from before a change
FINER = 0.8  # of the updates, that are left by a rung
ROOM = 0.8  # of the target, below which there is room: a rung of learning given back then brings it to the target
AIM = 0.9  # of the target, that shedding aims at
CALM = 8  # looks with room before a rung is given back
CALM_MOST = 128  # the same, after giving back was wrong again and again


class Controls(NamedTuple):
    """What may be turned; as it is here, nothing is shed."""

    learning: float = 1.0  # part of the due updates that is made
    decision: int = 1  # times the world's decision interval
    snapshots: int = 1  # times the intervals of record and checkpoints

    def and_also(self, other: Controls) -> Controls:
        """Whatever either of them sheds."""
        return Controls(
            min(self.learning, other.learning),
            max(self.decision, other.decision),
            max(self.snapshots, other.snapshots),
        )


def ladder(bounds: Controls) -> tuple[Controls, ...]:
    """From nothing shed to all that the bounds allow: first learning, then decisions, then snapshots."""
    learning, decision, snapshots = bounds
    return (
        *(Controls(share) for share in _falling(learning)),
        *(Controls(learning, times) for times in range(2, decision + 1)),
        *(Controls(learning, decision, times) for times in _doubling(snapshots)),
    )


def _falling(least: float) -> Iterator[float]:
    share = 1.0
    while share > least:
        yield share
        share = ceil(1000 * FINER * share) / 1000
    yield least


def _doubling(most: int) -> Iterator[int]:
    times = 2
    while times < most:
        yield times
        times *= 2
    if most > 1:
        yield most


class Governor:
    """Told of every frame, it says what to turn so that 95% of them stay below `target_ms`, within the bounds.

    A look is an eighth of the window. One that finds the 95th percentile above the target sheds at once: of learning,
    as much as brings it well below the target by what learning took; else the next rung. A rung is given back after
    `CALM` looks with room. Where that was wrong, so that it is shed again before as long, twice as many looks are
    waited for the next time: what does not fit is tried more and more rarely, in the end in 1% of the frames.
    """

    def __init__(self, target_ms: float, bounds: Controls) -> None:
        self.target_ms = target_ms
        self.rungs = ladder(bounds)
        self.rung = 0
        self.p95_ms = float("nan")  # at the last look
        self._learning = sum(rung.decision == rung.snapshots == 1 for rung in self.rungs)  # rungs of it
        self._frames = np.zeros(WINDOW)  # [WINDOW] milliseconds, of those since the last change
        self._learnt = np.zeros(WINDOW)  # [WINDOW] of them, spent on learning
        self._count = 0  # frames since the last change
        self._calm = 0  # looks with room, one after the other
        self._patience = CALM
        self._tried = False  # the last change gave something back

    @property
    def controls(self) -> Controls:
        """What is to be turned how, now."""
        return self.rungs[self.rung]

    def frame(self, ms: float, learning_ms: float) -> bool:
        """Take in a frame; whether the controls have changed."""
        place = self._count % WINDOW
        self._frames[place], self._learnt[place] = ms, learning_ms
        self._count += 1
        if self._count % LOOK:
            return False
        self.p95_ms = p95(self._frames[: self._count])
        if self.p95_ms > self.target_ms:
            return self._shed()
        self._calm = self._calm + 1 if self.p95_ms < ROOM * self.target_ms else 0
        if self._calm < self._patience:
            return False
        if self._tried:  # what was given back last has held
            self._patience, self._tried = CALM, False
        return self._go_to(max(0, self.rung - 1), tried=True)

    def start_from(self, controls: Controls) -> None:
        """Go on from where a run stood: on the first rung that sheds as much, or on the last one."""
        enough = (index for index, rung in enumerate(self.rungs) if rung.and_also(controls) == rung)
        self._go_to(next(enough, len(self.rungs) - 1))

    def _shed(self) -> bool:
        if self._tried and self._count <= self._patience * LOOK:
            self._patience = min(2 * self._patience, CALM_MOST)
        return self._go_to(min(self._enough(), len(self.rungs) - 1))

    def _enough(self) -> int:
        """The rung that should do: on those of learning by what it took lately, below them the next one."""
        slow = self._frames[: self._count] > self.target_ms
        learnt = float(np.mean(self._learnt[: self._count][slow]))
        excess = self.p95_ms - AIM * self.target_ms
        share = self.controls.learning
        for rung in range(self.rung + 1, self._learning):
            if learnt * (1 - self.rungs[rung].learning / share) >= excess:
                return rung
        return max(self.rung + 1, self._learning - 1)

    def _go_to(self, rung: int, *, tried: bool = False) -> bool:
        """Stand on a rung; frames from before count no more."""
        changed, self.rung = rung != self.rung, rung
        self._calm = 0
        if changed:
            self._count, self._tried = 0, tried
        return changed


def p95(values: NDArray[np.float64]) -> float:
    """What 95% stay at or below, as one of the values: a single frame of eight may be any."""
    rank = int(0.95 * (len(values) - 1))
    return float(np.partition(values, rank)[rank])
