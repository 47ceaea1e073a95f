"""Limits that lie in no setting and in no machine: how many threads, and how long a step, are too much."""

from __future__ import annotations

import numpy as np

from teem.measure.culprits import steady_frames
from teem.measure.history import History
from teem.measure.trends import LEAST

THREADS_MOST = 1024  # that anybody should need
_SLOWER = 2.0  # times as long as at first, which a step may take


class FirstFrames:
    """A step's limit, in milliseconds: twice what it took at first, once as much is known as a trend needs."""

    def __init__(self) -> None:
        self._first: float | None = None

    def __call__(self, history: History) -> float | None:
        """The limit; None while it isn't known."""
        if self._first is None and len(history) >= LEAST:
            self._first = float(np.median(steady_frames(history)))
        return None if self._first is None else _SLOWER * self._first
