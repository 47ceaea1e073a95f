"""Learning curves drawn in another process: now and then, and at the end, never twice at once."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from teem.errors import UsageError
from teem.training.process import begin

FILE = "curves.png"
DRAWING_S = 60.0  # how long one may take


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
        self._process: subprocess.Popen[str] | None = None
        self._begun = 0.0

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
        if self._process is None:
            return True
        left = self._begun + DRAWING_S - time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            said = self._process.communicate(timeout=max(0.0, min(wait_s, left)))[1]
            self._settled(said)
            return True
        if left > 0:
            return False
        self._process.kill()
        self._settled(f"it took more than {DRAWING_S:g} s\n" + self._process.communicate()[1])
        return True

    def end(self, folder: Path) -> None:
        """Draw a last time, and wait for it."""
        self.settle(DRAWING_S)
        self._draw(folder)
        self.settle(DRAWING_S)

    def close(self) -> None:
        """Let what is being drawn go."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _draw(self, folder: Path) -> None:
        self._process = begin(
            "teem", "plot", str(folder), "--out", str(folder / FILE),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._begun = time.monotonic()

    def _settled(self, said: str) -> None:
        assert self._process is not None
        if self._process.returncode == 0:
            self.drawn += 1
        else:
            self.failed += 1
            self.fault = said.strip()[-500:] or f"it ended with {self._process.returncode}"
        self._process = None
