"""The run's end of the writer process: a pipe to it, its answers, and its failure.

The pipe is the bounded queue between the two. The writer is started by `subprocess`, in a session of its own,
so a Ctrl-C meant for the run does not reach it; it ends when the pipe ends, and nothing needs to kill it.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from teem.errors import TeemError

PIPE_BYTES = 1 << 20
STALL_S = 60.0  # a writer that takes nothing for so long has a dead disk or was stopped
FAILED_S = 5.0  # how long a failed writer's last words may take
SAID_LINES = 40

Buffer = bytes | memoryview


class WriterProcess:
    """`python -m teem.record.writer`, with what it has said so far."""

    def __init__(self, path: Path, profile: str, keep_open: Sequence[int] = ()) -> None:
        self.path = path
        self._rest = memoryview(b"")  # of a frame that the pipe took only a part of
        self._failure: str | None = None
        self._flushed = 0
        self._closed_rows: int | None = None
        self._said: list[str] = []  # what it wrote that is no message: the words of a crash
        self._news = threading.Condition()
        self._process = self._start(profile, keep_open)
        assert self._process.stdin is not None
        self._pipe = self._process.stdin.fileno()
        self._widen()
        os.set_blocking(self._pipe, False)
        self._writable = select.poll()
        self._writable.register(self._pipe, select.POLLOUT)
        self._listener = threading.Thread(target=self._listen, name="record answers", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """The writer's process id."""
        return self._process.pid

    def expect_alive(self) -> None:
        """Raise TeemError with the cause when the writer has failed."""
        if self._failure is not None:
            raise TeemError(
                f"recording to {self.path} failed: {self._failure}; what it had committed is kept: "
                f"remove the cause, then resume the run from its last checkpoint"
            )

    def send(self, frame: Sequence[Buffer], *, may_wait: bool) -> tuple[bool, int]:
        """Hand a whole frame over; returns whether it went, and nanoseconds spent waiting.

        Without `may_wait` a full pipe refuses the frame; one that was begun is always completed first.
        """
        self.expect_alive()
        waited = 0
        if self._rest:
            waited += self._push(may_wait)
            if self._rest:
                return False, waited
        taken = self._write(frame)
        size = sum(len(part) for part in frame)
        if taken == size:
            return True, waited
        if taken == 0 and not may_wait:
            return False, waited
        self._rest = memoryview(b"".join(frame))[taken:]
        return True, waited + self._push(may_wait)

    def wait_flushed(self, number: int, deadline_s: float) -> None:
        """Return once the writer has answered flush `number`; raises TeemError if it fails or is too late."""
        with self._news:
            done = self._news.wait_for(lambda: self._flushed >= number or self._failure is not None, deadline_s)
        if self._flushed >= number:
            return
        self.expect_alive()
        assert not done
        raise TeemError(f"recording to {self.path} is {deadline_s:g} s behind (process {self.pid}): is its disk alive?")

    def close(self, deadline_s: float) -> int:
        """End the pipe, wait until everything is on disk, and return how many rows were written in all."""
        if self._failure is None and self._rest:
            self._push(may_wait=True)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._listener.join(deadline_s if self._failure is None else FAILED_S)
        if self._failure is None and self._listener.is_alive():
            raise TeemError(
                f"recording to {self.path} is not done after {deadline_s:g} s; "
                f"process {self.pid} goes on writing what it was given"
            )
        self.expect_alive()
        assert self._process.stdout is not None
        self._process.stdout.close()
        assert self._closed_rows is not None
        return self._closed_rows

    def _start(self, profile: str, keep_open: Sequence[int]) -> subprocess.Popen[bytes]:
        package = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        return subprocess.Popen(
            # -P: a file called json.py where the user happens to stand must not be imported
            [sys.executable, "-P", "-m", "teem.record.writer", str(self.path), profile, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )

    def _widen(self) -> None:
        if sys.platform == "linux":
            with suppress(PermissionError):  # the user's share of pipe memory is used up: 64 KiB works too
                fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def _write(self, frame: Sequence[Buffer]) -> int:
        try:
            return os.writev(self._pipe, frame)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            self._listener.join(FAILED_S)
            if self._failure is None:
                self._failure = "its process has closed the pipe"
            self.expect_alive()
            raise

    def _push(self, may_wait: bool) -> int:
        """Write the rest of a begun frame, as far as the pipe takes it; returns nanoseconds spent waiting."""
        begun = time.perf_counter_ns()
        while self._rest:
            self._rest = self._rest[self._write([self._rest]) :]
            if not self._rest or not may_wait:
                break
            if not self._writable.poll(STALL_S * 1000):
                self._failure = f"process {self.pid} has taken nothing for {STALL_S:g} s, is its disk alive?"
                self.expect_alive()
        return time.perf_counter_ns() - begun

    def _listen(self) -> None:
        """Take in the writer's messages until it ends; runs in a thread."""
        assert self._process.stdout is not None
        failure: str | None = None
        for line in self._process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                self._said = [*self._said, line.decode(errors="replace").rstrip()][-SAID_LINES:]
                continue
            failure = message.get("failed", failure)
            with self._news:
                self._flushed = message.get("flushed", self._flushed)
                self._closed_rows = message.get("closed", self._closed_rows)
                self._news.notify_all()
        status = self._process.wait()
        if self._closed_rows is None:
            with self._news:
                self._failure = self._failure or failure or self._last_words(status)
                self._news.notify_all()

    def _last_words(self, status: int) -> str:
        end = f"its process was killed by signal {-status}" if status < 0 else f"its process ended with {status}"
        return "; ".join([end, *self._said])
