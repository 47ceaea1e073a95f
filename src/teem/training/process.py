"""Processes beside the training: they leave the cores to it, rest when it wants all of them, and end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from teem.measure.process import core_wait_s
from teem.offspring import die_with, environment

END_S = 5.0  # how long one may take to end when its pipe has
_LOWER = 10  # by so much is its priority below that of training, which goes first where cores are few
_LOWEST = 19


class Program:
    """A module that is played as a program of one thread, that leaves the cores to training where they are few.

    It has a group of its own, so that what it begins ends with it, and a Ctrl-C isn't heard there. It stays in this
    one's session: Linux deals the cores to sessions first, each its fair share, and minds priorities only within one.
    """

    def __init__(self, module: str, *arguments: str, **given: Any) -> None:
        """What is `given` besides is for `Popen`."""
        self.popen = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            env={**environment(threads=1), "PYTHONPATH": search_path()},
            process_group=0,
            **given,
        )
        self.pid = self.popen.pid
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, self.pid, min(os.getpriority(os.PRIO_PROCESS, 0) + _LOWER, _LOWEST))
        self._rests_since: float | None = None
        self._rested_s = self._waited_s = 0.0  # before; for a core

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.popen.poll() is not None

    @property
    def seconds(self) -> float:
        """By a clock that stands still when it does, and when it would go on and has no core."""
        self._waited_s = core_wait_s(self.pid) or self._waited_s
        return (self._rests_since or time.monotonic()) - self._rested_s - self._waited_s

    def rest(self) -> None:
        """Have it and what it began stand still until `go_on`.

        Should this process end meanwhile, it ends too: the system hangs up on groups that stand still and have lost
        whoever might have them go on.
        """
        if self._rests_since is None and not self.over and self._signal(signal.SIGSTOP):
            self._rests_since = time.monotonic()

    def go_on(self) -> None:
        """Have it go on, if it rests."""
        if self._rests_since is not None:
            self._signal(signal.SIGCONT)
            self._rested_s += time.monotonic() - self._rests_since
            self._rests_since = None

    def kill(self) -> None:
        """End it and all that it began now, and see it gone."""
        self._signal(signal.SIGKILL)
        self.popen.wait()

    def _signal(self, number: signal.Signals) -> bool:
        """To it and all that it began; False where none is left."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
            return True
        return False


class Process(Program):
    """A module of teem's that is given a pipe first of all, and ends when that does."""

    def __init__(self, module: str, *arguments: object) -> None:
        self.pipe, its = Pipe()
        with its:
            super().__init__(
                module, *map(str, (its.fileno(), os.getpid(), *arguments)), pass_fds=(its.fileno(),)
            )  # fmt: skip

    def answers(self, within_s: float) -> bool:
        """Whether it says something within so many seconds, by its clock; waits for that."""
        deadline = self.seconds + within_s
        while not self.pipe.poll(min(within_s, 0.5)):
            if self.seconds > deadline:
                return False
        return True

    def end(self) -> str:
        """Let it end by itself, for a while, and then make it; how it did."""
        self.go_on()
        self.pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(END_S)
        status = self.popen.poll()
        self.kill()
        return f"was killed by signal {-status}" if status is not None and status < 0 else f"ended with {status}"

    def kill(self) -> None:
        """As any program; nothing can be heard of it any more."""
        self.pipe.close()
        super().kill()


def inherited(arguments: list[str]) -> tuple[Connection, list[str]]:
    """In such a process: its pipe, and what else it was given. It ends when whoever began it does."""
    descriptor, parent, *others = arguments
    die_with(int(parent))
    return Connection(int(descriptor)), others


def search_path() -> str:
    """Where modules are found here, for another process to find them too: the environment may be of a module beside."""
    return os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109 - as Python means it
