"""A bounded pool of processes: as many runs side by side as there are places, each in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from teem.config.settings import Config
from teem.errors import UsageError
from teem.offspring import environment
from teem.runtime.interrupt import Stop
from teem.sweep.runs import Job, command

LOOK_S = 0.05


class Places(NamedTuple):
    """How the cores are shared out."""

    workers: int  # runs side by side
    threads: int  # of each process of a run


def share(configs: Sequence[Config], workers: int | None, available: int) -> Places:
    """Places for runs of these settings, so that all their threads together are no more than the cores."""
    processes = max((_processes(one) for one in configs), default=1)
    asked = max((one.runtime.threads for one in configs), default=0)
    if workers is not None and workers < 1:
        raise UsageError(f"--workers is {workers}: give at least 1")
    places = workers or max(1, available // (processes * max(asked, 1)))
    threads = asked or max(1, available // (places * processes))
    if places * processes * threads > available and (places > 1 or asked > 1):
        most = max(1, available // (processes * threads))
        raise UsageError(
            f"{places} x {processes * threads} threads (runs side by side, threads of each) are more than the "
            f"{available} cores here: give --workers {most}"
            + (" and fewer runtime.threads" if processes * asked > available else "")
        )
    return Places(places, threads)


def _processes(config: Config) -> int:
    """Those of a run that compute; one that evaluates it beside counts, too."""
    runtime, evaluating = config.runtime, int(config.evaluation.every > 0)
    return evaluating + (1 if runtime.mode == "lockstep" else runtime.actors + runtime.learners)


class Playing:
    """A run that is being played."""

    def __init__(self, job: Job, places: Places, own_threads: bool) -> None:
        job.clear()
        job.log.parent.mkdir(exist_ok=True)
        with job.log.open("ab") as log:
            self._process = subprocess.Popen(
                command(job.orders(os.getpid(), 0 if own_threads else places.threads)),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, env=environment(places.threads),
                start_new_session=True,  # a Ctrl-C is the sweep's to hear, which passes it on once
            )  # fmt: skip
        self.job = job
        self.begun = time.monotonic()

    def code(self) -> int | None:
        """Its exit code; None while it plays."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to save and stop."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def end(self) -> None:
        """End it at once, if it has not ended, and bury it."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


class Workers:
    """Plays jobs, at most `places.workers` side by side, until there are none left or it is asked to stop.

    `own_threads`: the settings say how many threads a run has.
    """

    def __init__(self, places: Places, stop: Stop, *, own_threads: bool) -> None:
        self.places = places
        self._stop = stop
        self._own_threads = own_threads
        self.playing: list[Playing] = []

    def play(self, jobs: Sequence[Job], ended: Callable[[Playing, int], None], look: Callable[[], None]) -> None:
        """Play them all, in this order; `ended` hears of each with its exit code, `look` is called again and again.

        Asked to stop, it begins nothing more, and returns once all that played have saved and stopped.
        """
        waiting, told = list(jobs), False
        try:
            while self.playing or (waiting and not self._stop.asked):
                while waiting and len(self.playing) < self.places.workers and not self._stop.asked:
                    self.playing.append(Playing(waiting.pop(0), self.places, self._own_threads))
                if self._stop.asked and not told:
                    told = True
                    for one in self.playing:
                        one.stop()
                for one in [one for one in self.playing if one.code() is not None]:
                    self.playing.remove(one)
                    ended(one, one.code() or 0)
                look()
                time.sleep(LOOK_S)
        finally:
            for one in self.playing:
                one.end()
            self.playing.clear()
