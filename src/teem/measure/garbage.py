"""Python's garbage collector between two steps, on a budget: cycles are freed, and no step waits long for it.

Left to itself the collector runs amid whatever happens to allocate, and looks again and again at all that was there
when the run began: compiled kernels, modules, torch.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from types import TracebackType
from typing import Any

LATE = 20  # times as long as Python waits with a generation, after which it is collected whatever it takes
_LEAST_CREDIT_S = 1e-3
_USUAL = 10  # collections of a generation after which the next is due, where Python names no number

_lock = threading.Lock()  # held while the collector is at work here, or sees everything
_held = False  # whether somebody collects on a budget


class Garbage:
    """Collects between steps while it is entered; `on_step` after every step.

    A generation is due when Python itself would collect it. It is collected as soon as what it took the last time
    has been saved up, `share` of every step's time, so that on average no more than this share goes into it; after
    `LATE` times as long even if it hasn't. What was there when it was entered is not looked at until it is left.
    A program that has switched the collector off, or frozen it, is left alone; so is one where another run collects.
    """

    def __init__(self, share: float) -> None:
        self.seconds = 0.0  # spent
        self.longest_s = 0.0  # of a single collection
        self.collections = [0, 0, 0]  # of each generation
        self.is_on = self.was_on = False
        self._share = share
        self._took = [0.0, 0.0, 0.0]  # seconds, of each generation the last time
        self._credit = 0.0  # seconds saved up

    def __enter__(self) -> Garbage:
        global _held
        with _lock:
            works = gc.isenabled() and gc.get_threshold()[0] > 0
            self.is_on = self._share > 0 and works and not gc.get_freeze_count() and not _held
            if self.is_on:
                _held = self.was_on = True
                gc.disable()
                gc.collect()
                gc.freeze()
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        global _held
        with _lock:
            if self.is_on:
                _held = self.is_on = False
                gc.unfreeze()
                gc.enable()

    def on_step(self, seconds: float) -> None:
        """Collect the oldest generation that is due and that this step of so many seconds and those before pay for."""
        if not self.is_on:
            return
        self._credit = min(self._credit + self._share * seconds, max(_LEAST_CREDIT_S, 2 * max(self._took)))
        counts, limits = gc.get_count(), [limit or _USUAL for limit in gc.get_threshold()]
        for generation in (2, 1, 0):
            count, limit = counts[generation], limits[generation]
            if count > LATE * limit or (count > limit and self._took[generation] <= self._credit):
                if _lock.acquire(blocking=False):  # else somebody looks for what piles up: later
                    try:
                        self._collect(generation)
                    finally:
                        _lock.release()
                return

    def as_dict(self) -> dict[str, Any] | None:
        """As the report has it; None where it never was on."""
        if not self.was_on:
            return None
        return {"seconds": self.seconds, "longest_ms": 1e3 * self.longest_s, "collections": self.collections}

    def _collect(self, generation: int) -> None:
        begun = perf_counter()
        gc.collect(generation)
        took = perf_counter() - begun
        self._took[generation] = took
        self._credit -= took
        self.seconds += took
        self.longest_s = max(self.longest_s, took)
        self.collections[generation] += 1


@contextmanager
def everything_seen() -> Iterator[None]:
    """Within, the collector's lists have what was there when a run began, too; nothing is collected meanwhile.

    What lives at the end is looked at no more until the run is over: cycles among it are freed only then.
    """
    with _lock:
        frozen = _held and gc.get_freeze_count() > 0
        if frozen:
            gc.collect()  # of what has come since: little
            gc.unfreeze()
        try:
            yield
        finally:
            if frozen:
                gc.freeze()
