"""Works that go on by turns, so that what neighbours take of the machine is taken from each alike.

They are forked of one process: where a process happens to have its memory makes it some hundredths slower or quicker,
and so they have it alike.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from time import perf_counter
from typing import Any

import psutil

from teem.offspring import die_with

TURN_S = 0.5


@dataclass(frozen=True, slots=True)
class Went:
    """What a work returned, and when it had its turns, by the clock of `perf_counter`."""

    returned: Any
    turns: Sequence[tuple[float, float]]

    def seconds(self, moment: float) -> float:
        """How long it had gone on by then."""
        return sum(max(0.0, min(end, moment) - begin) for begin, end in self.turns)


def wait_for_turns() -> None:
    """In such a work: all is made ready, what follows is measured."""
    os.kill(os.getpid(), signal.SIGSTOP)


def by_turns(works: Sequence[Callable[[], Any]]) -> list[Went]:
    """Do all of them to their ends; one goes on at a time, with all processes that it began.

    What it needs should be imported before, and no thread begun.
    """
    doing: list[_Fork] = []
    try:
        doing.extend(map(_Fork, works))
        while any(each.goes_on for each in doing):
            for each in doing:
                if each.goes_on:
                    each.turn()
        return [each.went() for each in doing]
    finally:  # who was interrupted would leave them stopped for good
        for each in doing:
            each.process.kill()


class _Fork:
    def __init__(self, work: Callable[[], Any]) -> None:
        forks = get_context("fork")
        self.turns: list[tuple[float, float]] = []
        self._still: set[int] = set()  # children that stand still by themselves: they aren't woken by a turn
        self._returned, its = forks.Pipe(duplex=False)
        parent = os.getpid()

        def do() -> None:
            die_with(parent)
            its.send(work())

        self.process = forks.Process(target=do)
        self.process.start()
        its.close()
        self.pid = self.process.pid or 0
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    @property
    def goes_on(self) -> bool:
        return self.process.is_alive()

    def turn(self) -> None:
        begun = self._signal(signal.SIGCONT)
        self.process.join(TURN_S)
        self.turns.append((begun, self._signal(signal.SIGSTOP) if self.goes_on else perf_counter()))

    def went(self) -> Went:
        return Went(self._returned.recv(), self.turns)  # some kilobytes: they had room in the pipe

    def _signal(self, number: signal.Signals) -> float:
        """To the work first, so that it begins no other process meanwhile; when it had it.

        To find its children takes milliseconds, more where there are some: they are none of its turn.
        """
        os.kill(self.pid, number)
        reached = perf_counter()
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.pid).children(recursive=True)
            if number == signal.SIGSTOP:
                self._still = {each.pid for each in children if _stands_still(each)}
            for each in children:
                with suppress(psutil.NoSuchProcess):
                    if each.pid not in self._still:
                        each.send_signal(number)
        return reached


def _stands_still(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_STOPPED)
    return False
