"""A progress line on standard error now and then, rewritten in place on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from teem.runtime.present import LINE_EVERY_S


class ProgressLine:
    """What `say()` returns, whenever it is time."""

    def __init__(self, say: Callable[[], str], *, headless: bool) -> None:
        self._say = say
        self._rewrites = sys.stderr.isatty() and not headless
        self._every_s = 0.5 if self._rewrites else LINE_EVERY_S
        self._next = time.monotonic() + self._every_s
        self._line = ""

    def show(self) -> None:
        """Write a line if it is time."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every_s
        self._line = self._say()
        if self._rewrites:
            print(f"\r{self._line}\x1b[K", end="", file=sys.stderr, flush=True)
        else:
            print(self._line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the last line standing."""
        if self._rewrites and self._line:
            print(file=sys.stderr)


class Rate:
    """How fast a count has risen since it was asked last, a second."""

    def __init__(self) -> None:
        self._before: tuple[float, int] | None = None

    def of(self, count: int | None) -> float | None:
        """None where it isn't known, or has gone back."""
        before, now = self._before, time.monotonic()
        self._before = None if count is None else (now, count)
        if count is None or before is None or count < before[1]:
            return None
        return (count - before[1]) / (now - before[0])
