"""What native code has asked for and not given back: arrays, networks, and all else that C's `malloc` gives.

Resident memory goes up in steps, since what is freed is kept for whoever asks next; this goes up with every array.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _Info(ctypes.Structure):
    """glibc's `struct mallinfo2`: https://man7.org/linux/man-pages/man3/mallinfo.3.html."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in _FIELDS)


def allocated_mb() -> float | None:
    """Megabytes in use of what `malloc` has given out; None where it doesn't say.

    The small objects of Python's are not among it, which has its own store for them.
    """
    ask = _mallinfo2()
    if ask is None:
        return None
    told = ask()
    return float(told.uordblks + told.hblkhd) / 1e6  # in its heaps, and in maps of their own


@cache
def _mallinfo2() -> Callable[[], Any] | None:
    """The function of glibc 2.33 and newer; None with another library."""
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError, TypeError):
        return None
    ask.restype = _Info
    return ask
