"""What becomes larger or slower as training goes on, and what is to blame."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from teem.measure.culprits import FRAME, SPAN, steady_frames
from teem.measure.forecast import ALLOCATED, MEMORY, Forecaster, Target, in_words
from teem.measure.heap import Heap
from teem.measure.history import History
from teem.measure.machine import rss_mb
from teem.measure.malloc import allocated_mb
from teem.measure.process import core_wait_s, files, files_most, memory_most_mb, threads
from teem.measure.trends import LEAST
from teem.training.pace import Rate

HORIZON_S = 24 * 3600.0  # how far ahead is looked
SLOWER = 2.0  # times as long as at first, which a step may take
THREADS_MOST = 1024


class Diagnosis:
    """Remembers what each sample found and now and then looks at all of it, as a run of teem's is looked at."""

    def __init__(self) -> None:
        self.history = History()
        room = memory_most_mb()
        first: list[float] = []

        def frame_limit(history: History) -> float | None:
            if not first and len(history) >= LEAST:
                first.append(float(np.median(steady_frames(history))))
            return SLOWER * first[0] if first else None

        self._forecaster = Forecaster(
            [
                Target(MEMORY, "MB", lambda history: room),
                Target(FRAME, "ms", frame_limit),
                Target("threads", "threads", lambda history: THREADS_MOST),
                Target("open_files", "files", lambda history: files_most()),
            ],
            HORIZON_S,
            Heap().name,
        )
        self._waited = core_wait_s()

    def sample(self, step: int, rate: Rate, steps: int) -> None:
        """Remember how things stand; `rate` is over the last `steps`."""
        waited, self._waited = self._waited, core_wait_s()
        known = waited is not None and self._waited is not None and steps > 0
        held_up = 1000 * (self._waited - waited) / steps if known else float("nan")  # type: ignore[operator]
        curves = {f"{SPAN}{name}": each for name, each in rate.ms.items()}
        curves |= {FRAME: sum(rate.ms.values()), "core_wait": held_up, "python_blocks": sys.getallocatedblocks()}
        curves |= {MEMORY: _number(rss_mb()), ALLOCATED: _number(allocated_mb())}
        curves |= {"threads": _number(threads()), "open_files": _number(files())}
        self.history.add(float(step), curves)

    def look(self) -> list[str]:
        """Look at everything; the alarms that are new, a line each."""
        from teem.runtime import words

        return [in_words(one, words.number, words.duration) for one in self._forecaster.look(self.history)]

    @property
    def found(self) -> list[dict[str, Any]]:
        """What grows, as the last look found it."""
        return [one.as_dict() for one in self._forecaster.found]


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
