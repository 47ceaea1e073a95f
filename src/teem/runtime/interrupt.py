"""Ctrl-C: once asks the run to save and stop, twice stops it now."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType, TracebackType
from typing import Any, Protocol

SIGNALS = (signal.SIGINT, signal.SIGTERM)
STOPPED_NOW = 130
_SHOW_CURSOR = b"\x1b[?25h\n"


class Stop(Protocol):
    """Who may ask a run to save and stop; looked at again and again."""

    @property
    def asked(self) -> bool:
        """Whether it is to."""
        ...


class Interrupts:
    """Counts Ctrl-C (and polite kills) while it is entered; the second one ends the process at once.

    The record loses nothing by that: its writer is a process of its own, and ends what it was given.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked = True
            return
        if sys.stderr.isatty():
            os.write(2, _SHOW_CURSOR)
        os._exit(STOPPED_NOW)  # an ordinary exit would wait for threads that may be stuck
