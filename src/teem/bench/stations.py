"""The processes that measure, and what they are asked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Timer
from types import MappingProxyType
from typing import Protocol

import msgspec

from teem.bench.worker import Answer, Command
from teem.errors import TeemError

DEADLINE_S = 900.0  # for one answer; what takes longest plays thousands of steps before it is ready

Environment = Mapping[str, str | None]
"""Variables that a process has other than this one; None: it has not."""

AS_HERE: Environment = MappingProxyType({})


class EndedError(TeemError):
    """The process that measures is gone, and everything that was prepared in it."""


class Station(Protocol):
    """Where works are prepared and measured: a worker process, or, in tests, something that only says so."""

    def ask(self, command: Command) -> Answer:
        """Have a command done; EndedError when it can't be asked any more."""
        ...


class Worker:
    """A worker process, perhaps under another command. It ends with its input, so it does not outlive this one."""

    def __init__(self, under: Sequence[str] = (), environment: Environment = AS_HERE) -> None:
        given = {"OMP_NUM_THREADS": "1", **os.environ, **environment}
        self._process = subprocess.Popen(
            [*under, sys.executable, "-m", "teem.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: value for name, value in given.items() if value is not None},
        )
        self._late = False

    def ask(self, command: Command) -> Answer:
        """Have a command done; EndedError when the process has ended, or was ended at the deadline."""
        commands, answers = self._process.stdin, self._process.stdout
        assert commands is not None and answers is not None
        deadline = Timer(DEADLINE_S, self._give_up)
        deadline.start()
        try:
            commands.write(msgspec.json.encode(command) + b"\n")
            commands.flush()
            line = answers.readline()
        except BrokenPipeError:
            line = b""
        finally:
            deadline.cancel()
        if not line:
            why = f": no answer within {DEADLINE_S:g} s" if self._late else ""
            raise EndedError(f"the process that measures ended with exit code {self._process.wait()}{why}")
        answer: Answer = msgspec.json.decode(line, type=Answer)
        return answer

    def _give_up(self) -> None:
        self._late = True
        self._process.kill()

    def close(self) -> None:
        """Let its works go and end it."""
        self._process.communicate()


def of_sources(at: Path) -> Environment:
    """What a worker needs to be one of the sources in this folder, which choose where their own kernels are kept."""
    return {"PYTHONPATH": str(at), "NUMBA_CACHE_DIR": None}


@contextmanager
def workers(under: Sequence[str] = (), environment: Environment = AS_HERE) -> Iterator[Callable[[], Station]]:
    """A way to begin worker processes; all have ended afterwards."""
    with ExitStack() as stack:

        def begin() -> Worker:
            worker = Worker(under, environment)
            stack.callback(worker.close)
            return worker

        yield begin
