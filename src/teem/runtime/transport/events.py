"""Bells: one process rings, another sleeps until then or until its deadline. Nobody spins."""

from __future__ import annotations

import os
import select
from contextlib import suppress


class Bell:
    """Rung by any process that has its descriptors, waited for by one; what rang meanwhile is not lost."""

    def __init__(self, descriptors: tuple[int, int]) -> None:
        """Attach to what `create` has made: the end that is read, the end that is written."""
        self.descriptors = descriptors
        self._read, self._write = descriptors
        self._poll = select.poll()
        self._poll.register(self._read, select.POLLIN)

    @classmethod
    def create(cls) -> Bell:
        """A pipe that never blocks."""
        ends = os.pipe()
        for end in ends:
            os.set_blocking(end, False)
        return cls(ends)

    def ring(self) -> None:
        """Wake whoever waits, now or next; about a microsecond."""
        with suppress(BlockingIOError):  # it has been rung often enough
            os.write(self._write, b"!")

    def wait(self, deadline_s: float) -> bool:
        """Sleep until it rings, or for so long; whether it rang."""
        if not self._poll.poll(deadline_s * 1000):
            return False
        with suppress(BlockingIOError):
            os.read(self._read, 1 << 16)
        return True

    def close(self) -> None:
        """Let go of it here."""
        for end in set(self.descriptors):
            os.close(end)
