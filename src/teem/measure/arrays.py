"""The arrays that hang on an object: what they ask for, what the system has lent of it, and how to have it lend more.

The system lends a page of memory when it is first written to, so an array may be much larger than what it takes.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
LINE = 64  # bytes that an array may begin later than its memory
PIECE = 1 << 21  # bytes that are lent at once: a large page
_POPULATE_WRITE = 23  # MADV_POPULATE_WRITE of Linux 5.14, which changes nothing of what a page holds
_AT_ONCE = 1 << 30  # bytes whose pages are looked at in one call
_FOREIGN = {*sys.stdlib_module_names, "numpy", "numba", "torch", "msgspec", "rich"}  # packages whose objects hold none
_WIDEST = 4096  # items of a list that are looked through


@dataclass(frozen=True, slots=True)
class Stretch:
    """Memory that an array, and perhaps others of the same object, lie in."""

    path: str  # of the first that was found: "world.population.energy"
    address: int
    bytes: int
    row_bytes: int = 0  # where all of it are rows of one array; 0: it is anything else

    def lent(self, rows: int) -> int:
        """Bytes of it that are memory now, if nothing was written beyond so many rows; all where nobody tells."""
        size = min(self.bytes, LINE + rows * self.row_bytes) if self.row_bytes else self.bytes
        first, stop = _pages(self.address, self.address + size)
        told, lent = np.empty(min(stop - first, _AT_ONCE) // mmap.PAGESIZE, np.uint8), 0
        for at in range(first, stop, _AT_ONCE):
            count = min(stop - at, _AT_ONCE) // mmap.PAGESIZE
            if _mincore is None:
                return self.bytes
            if _mincore(at, count * mmap.PAGESIZE, told.ctypes.data) == 0:  # else it isn't there any more
                lent += int(np.count_nonzero(told[:count] & 1)) * mmap.PAGESIZE
        return min(lent, size)


@dataclass(frozen=True, slots=True)
class Column:
    """An array with a row for each of many, evenly apart."""

    path: str
    address: int
    row_bytes: int

    def pieces(self, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """Addresses from and to of the pages that hold the rows, a large page or less at a time."""
        begin, end = _pages(self.address + first * self.row_bytes, self.address + stop * self.row_bytes)
        while begin < end:
            upto = min(end, begin - begin % PIECE + PIECE)
            yield begin, upto
            begin = upto


def lend(begin: int, end: int) -> bool:
    """Have these pages lent now, without changing what they hold; False where the system can't."""
    return _madvise is not None and _madvise(begin, end - begin, _POPULATE_WRITE) == 0


def stretches(found: Iterable[tuple[str, Array]], rows: int) -> list[Stretch]:
    """Where the arrays lie, each stretch of memory once; some are arrays with so many rows."""
    by_address: dict[int, Stretch] = {}
    for path, array in found:
        whole = array
        while isinstance(whole.base, np.ndarray):
            whole = whole.base
        if whole.nbytes and not isinstance(whole, np.memmap):
            rest = whole.nbytes - rows * array.strides[0] if array.ndim and len(array) == rows else -1
            row_bytes = array.strides[0] if 0 <= rest <= LINE else 0
            by_address.setdefault(whole.ctypes.data, Stretch(path, whole.ctypes.data, whole.nbytes, row_bytes))
    return list(by_address.values())


def columns(found: Iterable[tuple[str, Array]], rows: int) -> list[Column]:
    """Those of the arrays that have as many rows."""
    by_address: dict[int, Column] = {}
    for path, array in found:
        if array.ndim and len(array) == rows and array.nbytes and not isinstance(array, np.memmap):
            by_address.setdefault(array.ctypes.data, Column(path, array.ctypes.data, array.strides[0]))
    return list(by_address.values())


def arrays_of(root: object, path: str) -> Iterator[tuple[str, Array]]:
    """Every array that hangs on an object, by the attributes and places that lead to it; each object is seen once."""
    seen: set[int] = set()
    kept: list[object] = []  # so that no address is given to another object meanwhile
    stack: list[tuple[str, object]] = [(path, root)]
    while stack:
        name, one = stack.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        kept.append(one)
        if isinstance(one, np.ndarray):
            yield name, one
        else:
            parts = [(f"{name}.{part}", inner) for part, inner in _parts(one)]
            arrays = [part for part in parts if isinstance(part[1], np.ndarray)]
            others = [part for part in parts if not isinstance(part[1], np.ndarray)]
            stack += [*reversed(others), *reversed(arrays)]  # arrays are taken first


def _parts(one: object) -> list[tuple[str, object]]:
    """What an object consists of, by name."""
    if isinstance(one, dict):
        return [(str(key), inner) for key, inner in one.items()]
    if isinstance(one, (list, tuple)):
        names = getattr(one, "_fields", None) or [str(place) for place in range(min(len(one), _WIDEST))]
        return list(zip(names, one, strict=False))
    if isinstance(one, type) or type(one).__module__.partition(".")[0] in _FOREIGN:
        return []
    inner = dict(getattr(one, "__dict__", {}))
    if is_dataclass(one):
        inner |= {each.name: getattr(one, each.name, None) for each in fields(one)}
    return list(inner.items())


def _pages(begin: int, end: int) -> tuple[int, int]:
    """The same memory in whole pages."""
    return begin - begin % mmap.PAGESIZE, -(-end // mmap.PAGESIZE) * mmap.PAGESIZE


def _of_the_system(name: str, last: Any) -> Any:
    """A function of the C library on an address and a length; None where there is none."""
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, last]
    return function


_mincore = _of_the_system("mincore", ctypes.c_void_p)
_madvise = _of_the_system("madvise", ctypes.c_int) if sys.platform == "linux" else None
