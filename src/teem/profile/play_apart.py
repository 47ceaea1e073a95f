"""One play of a run in several processes, as they are: `python -m teem.profile.play_apart JOB`.

It starts the run as `teem run` does, and stands where its user would: it says when everybody has warmed up, waits to
be told to go, and stops the run after the steps. It is told and says what `teem.profile.play` is and does.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import msgspec

from teem.profile.play import Hear, Job, performed, say

if TYPE_CHECKING:
    from teem.runtime.processes.supervise import Supervisor
    from teem.runtime.remote.fleet import Fleet


class PlayedApart(msgspec.Struct, frozen=True):
    """What came of it."""

    steps: int
    first_step: int
    wall_s: float
    since_ns: int  # when the first of these steps began, on the clock `perf_counter_ns`
    traces: dict[str, str]  # by process: the file of its spans


class Moments:
    """Asks the run to stop when it has made its steps; in between it is told when to go."""

    def __init__(self, run: Supervisor | Fleet, job: Job, says: TextIO, hear: Hear) -> None:
        self._run, self._job, self._says, self._hear = run, job, says, hear
        self._over = False
        self.begun: tuple[int, int] | None = None  # step and nanoseconds
        self.ended = (0, 0)

    @property
    def asked(self) -> bool:
        """Whether the run is to stop; asked for again and again as long as it goes on."""
        if self._over:
            return True
        step = self._run.steps
        if self.begun is None:
            if step >= self._job.warm:
                say(self._says, ready=step)
                self._hear("go")
                self.begun = (self._run.steps, time.perf_counter_ns())
        elif step - self.begun[0] >= self._job.steps:
            self.ended = (step, time.perf_counter_ns())
            say(self._says, over=True)
            self._hear("tell")
            self._over = True
        return self._over


def play(job: Job, says: TextIO, hear: Hear) -> None:
    """Play what the job says, and tell what came of it."""
    from teem.config.load import load_config
    from teem.record.folder import CHECKPOINTS, RunFolder
    from teem.runtime.processes.supervise import Supervisor
    from teem.runtime.remote.fleet import Fleet

    config = load_config(job.config)
    kind = Supervisor if config.runtime.mode == "async" else Fleet
    folder = RunFolder.create(Path(job.folder), "profiled")
    if job.saved:
        (folder.path / CHECKPOINTS).symlink_to(job.saved)
    run = (kind.go_on if job.saved else kind.create)(config, folder)
    moments = Moments(run, job, says, hear)
    run.play(moments, headless=True)
    folder.close()
    first, since = moments.begun or (0, 0)
    played = PlayedApart(
        steps=moments.ended[0] - first,
        first_step=first,
        wall_s=(moments.ended[1] - since) / 1e9,
        since_ns=since,
        traces=traces_of(folder.path),
    )
    say(says, played=msgspec.to_builtins(played))


def traces_of(folder: Path) -> dict[str, str]:
    """The traces that the processes of a run have left, by what they are."""
    from teem.measure.trace import FILE
    from teem.runtime.beside import LEARNERS
    from teem.runtime.processes.supervise import OTHERS

    found = {"actor 0": folder / FILE}
    for kind, place in (("actor", OTHERS), ("learner", LEARNERS)):
        found |= {f"{kind} {file.parent.name}": file for file in sorted(folder.glob(f"{place}/*/{FILE}"))}
    return {name: str(file) for name, file in found.items() if file.exists()}


if __name__ == "__main__":
    sys.exit(performed(play, os.fdopen(os.dup(1), "w", encoding="utf-8")))
