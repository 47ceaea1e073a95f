"""Memory that several processes see, known by a file descriptor alone.

It has no name in any folder, so whoever dies, and however, nothing of it is left: the system frees it with its last
holder. A child is given the descriptor when it is started.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from teem.errors import TeemError

LINE = 64  # bytes: each column begins at a cache line, so no two processes write to one

Columns = Mapping[str, tuple[type[np.generic], tuple[int, ...]]]
"""Type and shape of each column, by name."""


def size_of(columns: Columns) -> int:
    """Bytes that the columns take, each from a cache line on."""
    return sum(_padded(prod(shape) * np.dtype(dtype).itemsize) for dtype, shape in columns.values())


def _padded(size: int) -> int:
    return -(-size // LINE) * LINE


class Segment:
    """Zeroed memory under a file descriptor, as named columns."""

    def __init__(self, descriptor: int, columns: Columns) -> None:
        """Map what `create` has made, here or in another process, with the same columns."""
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, max(LINE, size_of(columns)))
        self.columns: dict[str, NDArray[Any]] = {}
        place = 0
        for name, (dtype, shape) in columns.items():
            count = prod(shape)
            self.columns[name] = np.frombuffer(self._memory, dtype, count, place).reshape(shape)
            place += _padded(count * np.dtype(dtype).itemsize)

    @classmethod
    def create(cls, name: str, columns: Columns) -> Segment:
        """Take the memory now, so that there is enough of it or this fails; `name` is shown in /proc alone."""
        size = max(LINE, size_of(columns))
        if size > _available():  # the system would kill somebody rather than refuse
            raise _refusal(name, size, "there is not so much")
        descriptor = anonymous(name)
        try:
            os.ftruncate(descriptor, size)
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            os.close(descriptor)
            raise _refusal(name, size, str(error.strerror)) from error
        return cls(descriptor, columns)

    def close(self) -> None:
        """Let go of the descriptor; the memory stays as long as its columns are used, here or elsewhere."""
        self.columns = {}
        os.close(self.descriptor)


def _refusal(name: str, size: int, why: str) -> TeemError:
    return TeemError(
        f"{size / 1e6:,.0f} MB of shared memory for {name} can't be had ({why}): "
        "lower population.capacity or learning.hidden, or give runtime.mode lockstep"
    )


def _available() -> float:
    """Bytes that can be had without taking them from anybody, as far as the system says."""
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024.0
    return math.inf


def anonymous(name: str) -> int:
    """A file in memory that no folder lists; `name` is shown in /proc alone."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(f"teem-{name}", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile(prefix=f"teem-{name}-") as file:  # no name either
        return os.dup(file.fileno())
