"""A process of a run as its supervisor knows it: started, watched by its signs of life, ended, and heard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from teem.errors import GroupError
from teem.offspring import environment
from teem.runtime.processes.control import Control
from teem.runtime.processes.worker import Orders
from teem.runtime.transport.shared import anonymous

START_S = 120.0  # how long a process may take to give its first sign of life
STILL_S = 3.5  # how long a living one may give none; seven beats
LOOK_S = 0.25  # how often it is looked at
_WORDS = 20_000  # bytes of last words that are read


class Child:
    """One process, from its start to its end."""

    def __init__(self, orders: Orders, control: Control) -> None:
        self._words = anonymous("words")
        self.orders = msgspec.structs.replace(orders, words=self._words)
        self._control = control
        self._beats, self._progress = control.signs(orders.process)
        self._alive = False  # it has beaten once
        self._beaten = self._got_on = self._looked = time.monotonic()
        package = str(Path(__file__).resolve().parents[3])
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "teem.runtime.processes.worker", msgspec.json.encode(self.orders).decode()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**environment(orders.threads), "PYTHONPATH": path},
            start_new_session=True,  # a Ctrl-C is the supervisor's to hear
            pass_fds=(*orders.wiring.descriptors, self._words, orders.lock),
        )

    @property
    def name(self) -> str:
        """As it is called in the log."""
        return f"{self.orders.role} {self.orders.index}"

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    @property
    def done(self) -> bool:
        """Whether it has ended as it should."""
        return self.process.poll() == 0

    @property
    def left_alone(self) -> bool:
        """Whether it has ended because another one of its group was lost."""
        return self.process.poll() == GroupError.exit_code

    def fault(self, patience_s: float) -> str | None:
        """Why it has to be replaced; None while it is well, or has done its part."""
        status = self.process.poll()
        if status is not None:
            return None if status == 0 else self._last_words(status)
        now = time.monotonic()
        if now - self._looked > 4 * LOOK_S:  # this process was held up itself: it has seen nothing
            self._beaten += now - self._looked
            self._got_on += now - self._looked
        self._looked = now
        beats, progress = self._control.signs(self.orders.process)
        if beats != self._beats:
            self._alive, self._beats, self._beaten = True, beats, now
        if progress != self._progress:
            self._progress, self._got_on = progress, now
        still = STILL_S if self._alive else START_S
        if now - self._beaten > still and self._wants_a_processor():
            still = max(still, patience_s)  # it is there, and waits for its turn on a busy machine
        if now - self._beaten > still:
            return f"it gave no sign of life for {still:g} s"
        if now - self._got_on > max(patience_s, START_S if not self._alive else 0.0):
            return f"it made no progress for {patience_s:g} s"
        return None

    def _wants_a_processor(self) -> bool:
        """Whether any thread of it would run if it could; one that is stopped or waits for something would not."""
        for status in Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            with suppress(OSError):
                if status.read_text().rpartition(")")[2].split()[0] == "R":
                    return True
        return False

    def kill(self) -> None:
        """End it now, and see it gone."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """Let go of its last words; it has ended."""
        os.close(self._words)

    def said(self) -> str:
        """Its last words."""
        return os.pread(self._words, _WORDS, 0).decode(errors="replace").strip()

    def _last_words(self, status: int) -> str:
        end = f"it was killed by signal {-status}" if status < 0 else f"it ended with {status}"
        return "; ".join(filter(None, (end, self.said())))
