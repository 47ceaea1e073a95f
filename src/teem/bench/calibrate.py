"""Kernels that never change, timed beside whatever is measured: what they take is what the machine gives just then.

Neighbours on a machine slow some kinds of work by more than half for minutes and leave others alone, so there is one
of each kind, and work is compared with the kinds it is made of. Each call takes about a millisecond.
"""

from __future__ import annotations

from time import thread_time

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.lanes import rows

_CELLS = 1 << 22  # 16 MB of float32: more than a core's caches hold
_READS = 1 << 17


@njit(nogil=True, cache=True)
def _multiply_and_add(rounds, a, b, out):  # type: ignore[no-untyped-def]
    """Rows of arithmetic that stay in the first cache: out = out * a + b."""
    for _ in range(rounds):
        for i in range(out.shape[0]):
            out[i] = out[i] * a[i] + b[i]


@njit(nogil=True, cache=True)
def _read_anywhere(table, places):  # type: ignore[no-untyped-def]
    """The sum of entries all over a table."""
    total = np.float32(0)
    for place in places:
        total += table[place]
    return total


def _objects(count: int) -> int:
    """What Python code does: calls, dictionaries, small integers."""
    seen: dict[int, int] = {}
    for number in range(count):
        key = number * 7 % 1024
        seen[key] = seen.get(key, 0) + len(str(number))
    return sum(seen.values())


def _filled(value: float) -> NDArray[np.float32]:
    """A row of one number that begins where a cache line does: elsewhere it would be slower, by luck of the launch."""
    row = rows(128).reshape(-1)
    row[:] = value
    return row


class Calibration:
    """One kernel of each kind, compiled and ready."""

    def __init__(self) -> None:
        draws = np.random.default_rng(7)
        self._table = draws.random(_CELLS, np.float32)
        self._places = draws.integers(0, _CELLS, _READS)
        self._rows = [_filled(value) for value in (0.5, 0.25, 0.0)]
        self.seconds()

    def seconds(self) -> tuple[float, float, float]:
        """CPU seconds that each of them takes now, in the order of `scenario.KINDS`."""
        begun = thread_time()
        _objects(5000)
        python = thread_time()
        _read_anywhere(self._table, self._places)
        memory = thread_time()
        _multiply_and_add(5000, *self._rows)
        return python - begun, memory - python, thread_time() - memory
