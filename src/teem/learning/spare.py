"""Scratch memory that is kept from one call to the next: pages given back and asked for again cost more than the work.

A call takes what is spare, or makes some; there is never more of it than calls at one time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Spare:
    """Scratch of one kind for kernels that several threads run at once; what one wrote, the next may find."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._idle: list[Any] = []  # taking from it and putting back are one step each under the GIL

    def __len__(self) -> int:
        return len(self._idle)

    def lend(self, kernel: Callable[..., Any]) -> Callable[..., None]:
        """The same kernel without its third argument, which is scratch of its own for the length of a call."""

        def lent(begin: int, stop: int, *args: Any) -> None:
            try:
                scratch = self._idle.pop()
            except IndexError:
                scratch = self._make()
            kernel(begin, stop, scratch, *args)
            self._idle.append(scratch)

        return lent
