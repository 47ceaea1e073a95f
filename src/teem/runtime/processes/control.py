"""What the processes of a run know of each other: one cell a fact, each with a single writer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import numpy as np

from teem.runtime.processes.patience import WAKE_S
from teem.runtime.transport.atomics import add, load, store
from teem.runtime.transport.shared import Columns, Segment

_CELL = 8  # int64 in a cache line: one fact in each


COUNTS = ("met", "learnt", "updates", "saved", "lost")  # of an actor and a learner


def batches_of(cohort: int) -> str:
    """The name of the count of a cohort's batches."""
    return f"batches.{cohort}"


class Control:
    """Counts that only rise, and flags that are only set, of A actors and L learners, and of cohorts.

    Processes are numbered, the actors first.
    """

    def __init__(self, segment: Segment, actors: int, learners: int, cohorts: int) -> None:
        self.segment = segment
        self.actors, self.learners = actors, learners
        cells = segment.columns
        self._ending = cells["ending"].reshape(-1)
        self._beats, self._progress = cells["beats"].reshape(-1), cells["progress"].reshape(-1)
        self._writer, self._generation = cells["writer"].reshape(-1), cells["generation"].reshape(-1)
        self._idle, self._compared = cells["idle"].reshape(-1), cells["compared"].reshape(-1)
        self._sent = cells["sent"].reshape(-1)
        self._batches = [batches_of(cohort) for cohort in range(cohorts)]
        self.counts = (*COUNTS, *self._batches)  # names of those of an actor and a learner
        self._pairs = {name: cells[name].reshape(-1) for name in self.counts}

    @staticmethod
    def columns(actors: int, learners: int, cohorts: int) -> Columns:
        """What its segment holds."""

        def cells(count: int) -> tuple[type[np.generic], tuple[int, ...]]:
            return np.int64, (count, _CELL)

        everybody, pairs = cells(actors + learners), cells(actors * learners)
        return {
            "ending": cells(2),  # actors shall stop, by the supervisor or one that has enough; learners shall end
            "beats": everybody,  # by a thread of each process: it lives
            "progress": everybody,  # by its main thread: it gets on
            "writer": cells(actors),  # by the actor: the process that writes its record
            "idle": cells(learners),  # by the learner: milliseconds without anything to do
            "compared": cells(learners),  # by the learner: how often its weights were its group's, bit for bit
            "generation": cells(learners),  # by the supervisor: how often the learner was started
            "sent": cells(actors),  # by the actor: steps
            "met": pairs,  # by the learner: its generation, once it knows who lives
            "learnt": pairs,  # by the learner: steps it has learnt from, and published
            "updates": pairs,
            # by the learner: batches it has learnt from for each cohort, an agent's each
            **{batches_of(cohort): pairs for cohort in range(cohorts)},
            "saved": pairs,  # by the learner: number of the newest state it has handed over
            "lost": pairs,  # by the learner: steps that came for one that was lost before it
        }

    @property
    def stopping(self) -> bool:
        """Whether actors shall save and stop."""
        return bool(load(self._ending, 0))

    def stop(self) -> None:
        """Ask the actors to save and stop."""
        store(self._ending, 0, 1)

    @property
    def ending(self) -> bool:
        """Whether learners shall end."""
        return bool(load(self._ending, _CELL))

    def end(self) -> None:
        """Ask the learners to end."""
        store(self._ending, _CELL, 1)

    def beat(self, process: int) -> None:
        """This process lives."""
        add(self._beats, process * _CELL, 1)

    def get_on(self, process: int) -> None:
        """This process has done something, or had nothing to do."""
        add(self._progress, process * _CELL, 1)

    @contextmanager
    def getting_on(self, process: int) -> Iterator[None]:
        """This process waits for something that has a limit of its own."""
        over = Event()

        def get_on() -> None:
            while not over.wait(WAKE_S):
                self.get_on(process)

        thread = Thread(target=get_on, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def signs(self, process: int) -> tuple[int, int]:
        """How often a process has beaten, and got on."""
        return load(self._beats, process * _CELL), load(self._progress, process * _CELL)

    def writer(self, actor: int) -> int:
        """The process that writes an actor's record; 0: none."""
        return int(load(self._writer, actor * _CELL))

    def set_writer(self, actor: int, process: int) -> None:
        """This process writes the actor's record."""
        store(self._writer, actor * _CELL, process)

    def generation(self, learner: int) -> int:
        """How often a learner was started."""
        return int(load(self._generation, learner * _CELL))

    def begin_generation(self, learner: int) -> None:
        """The learner is started once more."""
        add(self._generation, learner * _CELL, 1)

    def set_generation(self, learner: int, number: int) -> None:
        """The learner was started so often."""
        store(self._generation, learner * _CELL, number)

    def idle_s(self, learner: int) -> float:
        """Seconds that a learner has had nothing to do."""
        return int(load(self._idle, learner * _CELL)) / 1000

    def set_idle(self, learner: int, seconds: float) -> None:
        """So long a learner has had nothing to do."""
        store(self._idle, learner * _CELL, int(1000 * seconds))

    def compared(self, learner: int) -> int:
        """How often a learner has found its weights to be its group's."""
        return int(load(self._compared, learner * _CELL))

    def compare(self, learner: int, times: int) -> None:
        """So many times more a learner has found its weights to be its group's."""
        add(self._compared, learner * _CELL, times)

    def sent(self, actor: int) -> int:
        """Steps that the actor has sent."""
        return int(load(self._sent, actor * _CELL))

    def send(self, actor: int) -> None:
        """The actor has sent a step."""
        add(self._sent, actor * _CELL, 1)

    def set_sent(self, actor: int, steps: int) -> None:
        """The actor begins to count its steps from there."""
        store(self._sent, actor * _CELL, steps)

    def learnt(self, actor: int) -> int:
        """Steps of the actor that every learner has learnt from and published."""
        return min(self.count("learnt", actor, learner) for learner in range(self.learners))

    def count(self, name: str, actor: int, learner: int) -> int:
        """A count of an actor and a learner."""
        return int(load(self._pairs[name], self._pair(actor, learner)))

    def raise_count(self, name: str, actor: int, learner: int, by: int) -> None:
        """More of it."""
        add(self._pairs[name], self._pair(actor, learner), by)

    def set_count(self, name: str, actor: int, learner: int, value: int) -> None:
        """So much of it."""
        store(self._pairs[name], self._pair(actor, learner), value)

    def total(self, name: str, actor: int) -> int:
        """A count of an actor, over the learners."""
        return sum(self.count(name, actor, learner) for learner in range(self.learners))

    def batches(self, actor: int, learner: int) -> int:
        """Batches that a learner has learnt from for an actor's agents, of all cohorts."""
        return sum(self.count(name, actor, learner) for name in self._batches)

    def _pair(self, actor: int, learner: int) -> int:
        return (actor * self.learners + learner) * _CELL
