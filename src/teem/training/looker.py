"""The process that looks for what grows in a training: SciPy and ruptures take 70 MB, which training shouldn't."""

from __future__ import annotations

import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from teem.measure.culprits import FRAME
from teem.measure.forecast import MEMORY, Forecast, Forecaster, Target
from teem.measure.limits import THREADS_MOST, FirstFrames
from teem.training.process import inherited

HORIZON_S = 24 * 3600.0  # how far ahead is looked

Answer = tuple[tuple[Forecast, ...], tuple[Forecast, ...], frozenset[str]]
"""What was found, the alarms that are new, and what may come to one."""


def forecaster_of(memory_most_mb: float | None, files_most: int) -> Forecaster:
    """What is looked for in a training, and where its limits are."""
    targets = [
        Target(MEMORY, "MB", lambda history: memory_most_mb),
        Target(FRAME, "ms", FirstFrames()),
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
