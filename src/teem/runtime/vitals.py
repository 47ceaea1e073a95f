"""What the panel and the progress lines show of a run, gathered a step at a time in fixed memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from teem.worlds.base import Outcome

if TYPE_CHECKING:
    from teem.runtime.loop import Run

WINDOW_S = 5.0  # rates are over this long


class Trace:
    """A whole run's curve in at most `most` points: when they are full, neighbours are merged."""

    def __init__(self, most: int = 128) -> None:
        self.points: list[float] = []
        self._most = most
        self._stride = 1  # values that make a point
        self._sum = 0.0
        self._count = 0

    def add(self, value: float) -> None:
        """Take in one more value."""
        self._sum += value
        self._count += 1
        if self._count < self._stride:
            return
        self.points.append(self._sum / self._stride)
        self._sum, self._count = 0.0, 0
        if len(self.points) == self._most:
            merged = np.reshape(self.points, (-1, 2)).mean(axis=1)
            self.points = [float(point) for point in merged]
            self._stride *= 2


@dataclass(frozen=True, slots=True)
class Counts:
    """The running totals at one moment."""

    time: float
    steps: int
    agent_steps: int
    updates: int
    rows: int


class Vitals:
    """A run's curves and windowed rates; `count` it after every step."""

    def __init__(self, run: Run) -> None:
        self.population = Trace()
        self.gathered = Trace()  # joules an agent-step, in a world that says what was gathered
        self.feats = Trace()  # what the living have achieved, on average, in others
        self._run = run
        self._counts: deque[Counts] = deque(maxlen=256)
        self.sample()

    def count(self, outcome: Outcome) -> None:
        """Take in a step; a few microseconds."""
        world = self._run.world
        living = world.population.living
        self.population.add(float(len(living)))
        gathered = outcome.ledger.get("gathered")
        if gathered is not None and outcome.agents:
            self.gathered.add(gathered / outcome.agents)
        elif gathered is None and len(living):
            self.feats.add(float(world.feats[living].mean()))

    def sample(self) -> None:
        """Take down the totals now; rates are between the oldest and the newest within the window."""
        run, now = self._run, perf_counter()
        counts = self._counts
        while len(counts) > 1 and now - counts[0].time > WINDOW_S:
            counts.popleft()
        rows = run.recorder.rows if run.recorder else 0
        counts.append(Counts(now, run.step, run.totals.agent_steps, run.totals.updates, rows))

    def per_s(self, name: str) -> float | None:
        """How fast one of the counts rises, a second; None before there are two samples."""
        first, last = self._counts[0], self._counts[-1]
        if last.time <= first.time:
            return None
        rise: int = getattr(last, name) - getattr(first, name)
        return rise / (last.time - first.time)

    def left_s(self) -> float | None:
        """Seconds until the run is done at the present rate; None when that can't be told."""
        steps, rate = self._run.config.steps, self.per_s("steps")
        return (steps - self._run.step) / rate if steps and rate else None
