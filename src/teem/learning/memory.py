"""Large arrays that begin at a cache line, and how much of them is memory before it is used."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

LINE = 64  # bytes

_sparse: ContextVar[bool] = ContextVar("_sparse", default=False)


@contextmanager
def by_small_pages() -> Iterator[None]:
    """Arrays made within take memory only where they are written to, page by page of 4 KiB.

    NumPy asks the system for pages of 2 MiB, which hold the rows of many agents: where only some rows are used, as
    where several cohorts have room for everybody, nearly all of an array would be memory nevertheless.
    """
    token = _sparse.set(True)
    try:
        yield
    finally:
        _sparse.reset(token)


def zeros_on_a_line(shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """Zeros that begin at a cache line, so that vectors and rows of whole lines never straddle two.

    Zeros, not empty: the system hands out a page only when it is first written.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    if _sparse.get() and size:
        return np.frombuffer(_pages(size), np.uint8).view(dtype).reshape(shape)
    memory = np.zeros(size + LINE, np.uint8)
    skip = -memory.ctypes.data % LINE
    return memory[skip : skip + size].view(dtype).reshape(shape)


def _pages(size: int) -> mmap.mmap:
    """So many bytes of small pages."""
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):  # Linux
        pages.madvise(mmap.MADV_NOHUGEPAGE)
    return pages
