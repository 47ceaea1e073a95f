"""What becomes larger or slower as training goes on, and what is to blame."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from teem.measure.culprits import FRAME, SPAN, Culprit
from teem.measure.forecast import ALLOCATED, MEMORY, Forecast, in_words
from teem.measure.heap import Heap
from teem.measure.history import History
from teem.measure.machine import rss_mb
from teem.measure.malloc import allocated_mb
from teem.measure.process import core_wait_s, files, files_most, memory_most_mb, threads
from teem.measure.trends import LEAST
from teem.runtime import words
from teem.training.looker import Answer
from teem.training.pace import Rate
from teem.training.process import Process

LOOK_S = 30.0  # that a look may take, its process's beginning included


class Diagnosis:
    """Remembers what each sample found, and has all of it looked at, as a run of teem's is, in another process."""

    def __init__(self) -> None:
        self.history = History()
        self.found: tuple[Forecast, ...] = ()  # what grows, as the last look had it
        self._limits = memory_most_mb(), files_most()
        self.process: Process | None = None  # that looks; it may be told to rest
        self._heap = Heap()
        self._waited = core_wait_s()

    def sample(self, step: int, rate: Rate, steps: int) -> None:
        """Remember how things stand; `rate` is over the last `steps`."""
        waited, self._waited = self._waited, core_wait_s()
        known = waited is not None and self._waited is not None and steps > 0
        held_up = 1000 * (self._waited - waited) / steps if known else float("nan")  # type: ignore[operator]
        curves: dict[str, float | None] = {f"{SPAN}{name}": each for name, each in rate.ms.items()}
        curves |= {FRAME: sum(rate.ms.values()), "core_wait": held_up, "python_blocks": sys.getallocatedblocks()}
        curves |= {MEMORY: rss_mb(), ALLOCATED: allocated_mb(), "threads": threads(), "open_files": files()}
        self.history.add(float(step), curves)

    def look(self) -> list[str]:
        """Have everything looked at; the alarms that are new, a line each. Waits for the answer."""
        if len(self.history) < LEAST:
            return []
        if self.process is None:
            self.process = Process("teem.training.looker", *self._limits)
        self.process.pipe.send(self.history)
        if not self.process.answers(LOOK_S):
            self.close()
            raise TimeoutError(f"a look took more than {LOOK_S:g} s")
        answer: Answer = self.process.pipe.recv()
        self.found, new, suspected = answer
        if MEMORY in suspected:  # not for what merely grows a little: all that Python holds is looked through
            self._look_at_heap()
        named = {one.name: one for one in self.found}
        return [in_words(named[one.name], words.number, words.duration) for one in new]

    def as_dicts(self) -> list[dict[str, Any]]:
        """What grows, as JSON takes it."""
        return [one.as_dict() for one in self.found]

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process = None

    def _look_at_heap(self) -> None:
        """Name what piles up, which only this process can: by two looks at what it holds."""
        named = []
        for one in self.found:
            kind = "objects" if one.cause.startswith("Python's objects") else "memory"
            name = self._heap.name(Culprit(kind, one.cause)) if one.name == MEMORY else None
            named.append(replace(one, cause=name) if name else one)
        self.found = tuple(named)
