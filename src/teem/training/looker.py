"""The process that looks for what grows in a training: SciPy and ruptures take 70 MB, which training shouldn't."""

from __future__ import annotations

import sys
from contextlib import suppress
from multiprocessing.connection import Connection

import numpy as np

from teem.measure.culprits import FRAME, steady_frames
from teem.measure.forecast import MEMORY, Forecast, Forecaster, Target
from teem.measure.history import History
from teem.measure.trends import LEAST
from teem.training.process import inherited

HORIZON_S = 24 * 3600.0  # how far ahead is looked
SLOWER = 2.0  # times as long as at first, which a step may take
THREADS_MOST = 1024

Answer = tuple[tuple[Forecast, ...], tuple[Forecast, ...], frozenset[str]]
"""What was found, the alarms that are new, and what may come to one."""


def forecaster_of(memory_most_mb: float | None, files_most: int) -> Forecaster:
    """What is looked for in a training, and where its limits are."""
    first: list[float] = []

    def frame_limit(history: History) -> float | None:
        if not first and len(history) >= LEAST:
            first.append(float(np.median(steady_frames(history))))
        return SLOWER * first[0] if first else None

    targets = [
        Target(MEMORY, "MB", lambda history: memory_most_mb),
        Target(FRAME, "ms", frame_limit),
        Target("threads", "threads", lambda history: THREADS_MOST),
        Target("open_files", "files", lambda history: files_most),
    ]
    return Forecaster(targets, HORIZON_S)


def serve(pipe: Connection, forecaster: Forecaster) -> None:
    """Look at each history that comes, until the pipe ends."""
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            new = forecaster.look(pipe.recv())
            pipe.send((forecaster.found, new, forecaster.suspected))


if __name__ == "__main__":
    given, (memory, files) = inherited(sys.argv[1:])
    serve(given, forecaster_of(float(memory) if memory != "None" else None, int(files)))
