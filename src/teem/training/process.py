"""A process beside the training, with a pipe to it: it ends when it is told to, and with whoever began it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection

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
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *orders],
                stdin=subprocess.DEVNULL,
                env={**environment(threads=1), "PYTHONPATH": search_path()},
                pass_fds=(its.fileno(),),
                start_new_session=True,  # so that what it begins ends with it, and a Ctrl-C isn't heard there
            )
        self.pid = self._process.pid
        give_way(self.pid)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def end(self) -> str:
        """Let it end by itself, for a while, and then make it; how it did."""
        self.pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        status = self._process.poll()
        self.kill()
        return f"was killed by signal {-status}" if status is not None and status < 0 else f"ended with {status}"

    def kill(self) -> None:
        """End it and all that it began now, and see it gone."""
        self.pipe.close()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


def inherited(arguments: list[str]) -> tuple[Connection, list[str]]:
    """In such a process: its pipe, and what else it was given. It ends when whoever began it does."""
    descriptor, parent, *others = arguments
    die_with(int(parent))
    return Connection(int(descriptor)), others


def give_way(pid: int) -> None:
    """Have a process that began just now leave the cores to this one where they are few."""
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, min(os.getpriority(os.PRIO_PROCESS, 0) + _LOWER, _LOWEST))


def search_path() -> str:
    """Where modules are found here, for another process to find them too: the environment may be of a module beside."""
    return os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109 - as Python means it
