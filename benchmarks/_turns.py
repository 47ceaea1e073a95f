"""Programs that go on by turns, so that what neighbours take of the machine is taken from each alike."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter

import psutil

TURN_S = 0.5


@dataclass(frozen=True, slots=True)
class Went:
    """What a program printed, and when it had its turns, by the clock of `perf_counter`."""

    printed: str
    turns: Sequence[tuple[float, float]]

    def seconds(self, moment: float) -> float:
        """How long it had gone on by then."""
        return sum(max(0.0, min(end, moment) - begin) for begin, end in self.turns)


def wait_for_turns() -> None:
    """In such a program: all is made ready, what follows is measured."""
    os.kill(os.getpid(), signal.SIGSTOP)


def by_turns(commands: Sequence[Sequence[str]]) -> list[Went]:
    """Run all of them to their ends; one goes on at a time, with all processes that it began."""
    programs: list[_Program] = []
    try:
        programs.extend(map(_Program, commands))
        while any(program.goes_on for program in programs):
            for program in programs:
                if program.goes_on:
                    program.turn()
        return [program.went() for program in programs]
    finally:  # who was interrupted would leave them stopped for good
        for program in programs:
            program.process.kill()


@dataclass
class _Program:
    command: Sequence[str]
    turns: list[tuple[float, float]] = field(default_factory=list)
    goes_on: bool = True

    def __post_init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, *self.command], stdout=subprocess.PIPE, text=True)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def turn(self) -> None:
        begun = self._signal(signal.SIGCONT)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(TURN_S)
            self.goes_on = False
        self.turns.append((begun, self._signal(signal.SIGSTOP) if self.goes_on else perf_counter()))

    def went(self) -> Went:
        printed, _ = self.process.communicate()  # a few lines: they had room in the pipe
        if self.process.returncode:
            raise subprocess.CalledProcessError(self.process.returncode, self.command)
        return Went(printed, self.turns)

    def _signal(self, number: signal.Signals) -> float:
        """To the program first, so that it begins no other process meanwhile; when it had it.

        To find its children takes milliseconds, more where there are some: they are none of its turn.
        """
        os.kill(self.process.pid, number)
        reached = perf_counter()
        with suppress(psutil.NoSuchProcess):
            for each in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    each.send_signal(number)
        return reached
