"""Kernels that numba compiles in this process, as its own events tell: how many, and whether one is at it now."""

from __future__ import annotations

from numba.core import event


class Compiled(event.Listener):
    """Hears of every kernel that is compiled, in any thread; those read from the cache are none."""

    def __init__(self) -> None:
        self.begun = 0
        self.open = 0  # one may compile another

    def on_start(self, event: object) -> None:
        """numba begins with a kernel; it holds its compiler's lock, so that nobody else does."""
        self.begun += 1
        self.open += 1

    def on_end(self, event: object) -> None:
        """It is done with it."""
        self.open -= 1


COMPILED = Compiled()
event.register("numba:compile", COMPILED)
