"""Learning curves drawn in another process: now and then, and at the end, never twice at once."""

from __future__ import annotations

import subprocess
import time
import warnings
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from teem.errors import UsageError
from teem.training.process import Program

FILE = "curves.png"
DRAWING_S = 60.0  # how long one may take, by its clock


class Pictures:
    """Draws `curves.png` from what is on disk in a folder, at most once in so many evaluations and so many seconds."""

    def __init__(self, evaluations: int = 10, seconds: float = 60.0) -> None:
        if evaluations < 1 or not seconds >= 0:
            raise UsageError(
                f"Pictures(evaluations={evaluations}, seconds={seconds}): give 1 evaluation or more, and 0 s or more"
            )
        self.drawn = self.failed = 0
        self.fault = ""
        self._evaluations, self._seconds = evaluations, seconds
        self._since, self._at = 0, -float("inf")
        self.process: Program | None = None  # that draws; it may be told to rest
        self._deadline = 0.0  # by its clock

    @property
    def possible(self) -> bool:
        """Whether what draws is installed."""
        return find_spec("matplotlib") is not None

    def evaluated(self, folder: Path) -> None:
        """Hear of an evaluation, and draw if it is time."""
        self._since += 1
        now = time.monotonic()
        if self._since >= self._evaluations and now - self._at >= self._seconds and self.settle():
            self._since, self._at = 0, now
            self._draw(folder)

    def settle(self, wait_s: float = 0.0) -> bool:
        """Whether nothing is being drawn any more; one that takes too long is ended."""
        if self.process is None:
            return True
        within_s = None if self.process.over else max(0.0, min(wait_s, self._left_s))  # of 0 s it always says: too long
        with suppress(subprocess.TimeoutExpired):
            self._settled(self.process.popen.communicate(timeout=within_s)[1])
            return True
        if self._left_s > 0:
            return False
        self.process.kill()
        self._settled(f"it took more than {DRAWING_S:g} s\n" + self.process.popen.communicate()[1])
        return True

    def end(self, folder: Path) -> None:
        """Draw a last time, and wait for it."""
        self._wait()
        self._draw(folder)
        self._wait()

    def close(self) -> None:
        """Let what is being drawn go."""
        if self.process is not None:
            self.process.kill()
            self.process.popen.communicate()
            self.process = None

    def _wait(self) -> None:
        while not self.settle(DRAWING_S):
            pass

    @property
    def _left_s(self) -> float:
        """For what is being drawn."""
        assert self.process is not None
        return self._deadline - self.process.seconds

    def _draw(self, folder: Path) -> None:
        self.process = Program(
            "teem", "plot", str(folder), "--out", str(folder / FILE),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._deadline = self.process.seconds + DRAWING_S

    def _settled(self, said: str) -> None:
        assert self.process is not None
        if self.process.popen.returncode == 0:
            self.drawn += 1
        else:
            self.failed += 1
            self.fault = said.strip()[-500:] or f"it ended with {self.process.popen.returncode}"
            warnings.warn(f"{FILE} could not be drawn: {self.fault}", stacklevel=2)
        self.process = None
