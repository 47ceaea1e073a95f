"""The process that holds prepared works and measures them one repeat at a time, when it is told to.

It reads a line of JSON for each command and answers with a line; where its input ends, it ends. That others are
measured between two repeats of one work is what makes them comparable: a machine that slows down slows all.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from math import ceil
from time import perf_counter, process_time
from typing import TextIO

import msgspec
from msgspec import Struct

from teem.bench.calibrate import Calibration
from teem.bench.results import Sample
from teem.bench.scenario import Task
from teem.bench.valgrind import Valgrind
from teem.bench.works import MissingError, Work, load, prepare
from teem.errors import TeemError
from teem.measure.machine import rss_mb

MOST_CALLS = 100_000


class Prepare(Struct, tag=True):
    """Get a work ready under a key, with as many calls in a repeat as take this long."""

    key: str
    task: Task
    repeat_s: float


class Measure(Struct, tag=True):
    """Make one repeat of the work under this key."""

    key: str


class Count(Struct, tag=True):
    """Make one repeat of the work under this key, with its instructions counted."""

    key: str


class Ready(Struct, tag=True):
    """The work is ready; `calls` make a repeat."""

    calls: int
    memory_mb: float | None  # what it holds


class Measured(Struct, tag=True):
    """A repeat was made."""

    sample: Sample


class Counted(Struct, tag=True):
    """A repeat was counted, into valgrind's next file."""

    units: float


class Failed(Struct, tag=True):
    """It could not be done; `missing` says that something only needs to be installed."""

    error: str
    missing: bool = False


Command = Prepare | Measure | Count
Answer = Ready | Measured | Counted | Failed


class Bench:
    """Works by key, each with the number of calls that make a repeat."""

    def __init__(self, calibrate: Calibration | None = None) -> None:
        self._given = calibrate
        self._held: dict[str, tuple[Work, Task, int]] = {}
        self._owed: dict[str, float] = {}  # calls that a planted fault has yet to do twice

    def answer(self, command: Command) -> Answer:
        """Do what is told; what goes wrong is an answer too."""
        try:
            if isinstance(command, Prepare):
                return self._prepare(command)
            return self._measure(command.key) if isinstance(command, Measure) else self._count(command.key)
        except MissingError as error:
            return Failed(str(error), missing=True)
        except TeemError as error:
            return Failed(str(error))
        except Exception as error:  # it is told in the process that asked
            return Failed(f"{type(error).__name__}: {error}")

    def _prepare(self, command: Prepare) -> Ready:
        load(command.task.work)
        before = rss_mb()
        work = prepare(command.task.work, command.task.settings)
        work.call()  # compiles
        calls = command.task.calls or _calls(work, command.repeat_s)
        if command.task.doubled:
            calls = max(calls, ceil(1 / command.task.doubled))
        gc.freeze()
        self._held[command.key], self._owed[command.key] = (work, command.task, calls), 0.0
        after = rss_mb()
        return Ready(calls, None if before is None or after is None else after - before)

    def _measure(self, key: str) -> Measured:
        work = self._held[key][0]
        with _uncollected():
            calibration = self._calibration.seconds()
            begun, cpu = perf_counter(), process_time() + work.cpu()
            units = self._repeat(key)
            wall, spent = perf_counter() - begun, process_time() + work.cpu() - cpu
        python, memory, arithmetic = map(_short, calibration)
        return Measured(Sample(_short(wall), _short(spent), units, (python, memory, arithmetic)))

    def _count(self, key: str) -> Counted:
        if not self._valgrind.running:
            raise TeemError("instructions can be counted under valgrind alone")
        with _uncollected():
            return Counted(self._valgrind.count(lambda: self._repeat(key)))

    def _repeat(self, key: str) -> float:
        """The calls that make a repeat, and the units that they did."""
        work, task, calls = self._held[key]
        units = 0.0
        for _ in range(calls):
            units += work.call()
            self._owed[key] += task.doubled
            if self._owed[key] >= 1:
                self._owed[key] -= 1
                work.call()
        if not units:
            raise TeemError(f"{calls} calls of {task.work} did nothing")
        return units

    @cached_property
    def _calibration(self) -> Calibration:
        return self._given or Calibration()

    @cached_property
    def _valgrind(self) -> Valgrind:
        return Valgrind()

    def close(self) -> None:
        """Let every work go, and the collector see what was there before."""
        for work, _, _ in self._held.values():
            work.close()
        gc.unfreeze()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which would come in any repeat."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _short(value: float) -> float:
    """Six digits of a number."""
    return float(f"{value:.6g}")


def _calls(work: Work, seconds: float) -> int:
    """How many calls take this long, by the quicker of two."""
    taken = []
    for _ in range(2):
        begun = perf_counter()
        work.call()
        taken.append(perf_counter() - begun)
    return min(MOST_CALLS, max(1, ceil(seconds / max(min(taken), 1e-9))))


def serve(commands: TextIO, answers: TextIO) -> None:
    """Answer until there are no more commands."""
    bench = Bench()
    decode, encode = msgspec.json.Decoder(Command).decode, msgspec.json.encode
    try:
        for line in commands:
            answers.write(encode(bench.answer(decode(line))).decode() + "\n")
            answers.flush()
    finally:
        bench.close()


def main() -> None:
    """Serve over the standard streams; what works print goes to the error stream."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with suppress(KeyboardInterrupt, BrokenPipeError):
        serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
