"""A process beside the training, with a pipe to it: it ends when it is told to, and with whoever began it."""

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

from teem.offspring import die_with, environment

END_S = 5.0  # how long one may take to end when its pipe has
_LOWER = 10  # by so much is its priority below that of training, which goes first where cores are few
_LOWEST = 19


class Process:
    """A module of teem's that is played as a program of one thread, and is given a pipe first of all."""

    def __init__(self, module: str, *arguments: object) -> None:
        self.pipe, its = Pipe()
        with its:
            orders = map(str, (its.fileno(), os.getpid(), *arguments))
            self._process = begin(module, *orders, pass_fds=(its.fileno(),))
        self.pid = self._process.pid
        self._rests_since: float | None = None
        self._rested_s = 0.0  # before

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    @property
    def seconds(self) -> float:
        """By a clock that stands still when it does."""
        return (self._rests_since or time.monotonic()) - self._rested_s

    def rest(self) -> None:
        """Have it and what it began stand still until `go_on`.

        Should this process end meanwhile, it ends too: the system hangs up on groups that stand still and have lost
        whoever might have them go on.
        """
        if self._rests_since is None and self._signal(signal.SIGSTOP):
            self._rests_since = time.monotonic()

    def go_on(self) -> None:
        """Have it go on, if it rests."""
        if self._rests_since is not None:
            self._signal(signal.SIGCONT)
            self._rested_s += time.monotonic() - self._rests_since
            self._rests_since = None

    def end(self) -> str:
        """Let it end by itself, for a while, and then make it; how it did."""
        self.go_on()
        self.pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        status = self._process.poll()
        self.kill()
        return f"was killed by signal {-status}" if status is not None and status < 0 else f"ended with {status}"

    def kill(self) -> None:
        """End it and all that it began now, and see it gone."""
        self.pipe.close()
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> bool:
        """To it and all that it began; False where none is left."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
            return True
        return False


def inherited(arguments: list[str]) -> tuple[Connection, list[str]]:
    """In such a process: its pipe, and what else it was given. It ends when whoever began it does."""
    descriptor, parent, *others = arguments
    die_with(int(parent))
    return Connection(int(descriptor)), others


def begin(module: str, *arguments: str, **given: Any) -> subprocess.Popen[Any]:
    """Begin a module as a program of one thread, that leaves the cores to this one where they are few.

    It has a group of its own, so that what it begins ends with it, and a Ctrl-C isn't heard there. It stays in this
    one's session: Linux deals the cores to sessions first, each its fair share, and minds priorities only within one.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        env={**environment(threads=1), "PYTHONPATH": search_path()},
        process_group=0,
        **given,
    )
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, process.pid, min(os.getpriority(os.PRIO_PROCESS, 0) + _LOWER, _LOWEST))
    return process


def search_path() -> str:
    """Where modules are found here, for another process to find them too: the environment may be of a module beside."""
    return os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109 - as Python means it
