"""Arrays are found wherever they hang, and how much of them is memory is what was written to."""

from __future__ import annotations

import mmap
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

from teem.measure.arrays import PIECE, arrays_of, columns, lend, stretches
from teem.measure.machine import rss_mb

ROWS = 1000
Pair = namedtuple("Pair", "left right")


class Holder:
    def __init__(self) -> None:
        self.table = np.zeros((ROWS, 4096), np.float32)
        self.part = self.table[:, :7]
        self.pair = Pair(np.zeros(3), {"deep": [np.zeros(ROWS)]})
        self.me, self.kind, self.text = self, Holder, "text"


def test_every_array_is_found_once_by_the_way_to_it() -> None:
    found = dict(arrays_of(Holder(), "holder"))
    assert found.keys() == {"holder.table", "holder.part", "holder.pair.left", "holder.pair.right.deep.0"}
    assert {one.path for one in stretches(found.items(), ROWS)} == found.keys() - {"holder.part"}
    assert [one.row_bytes for one in stretches(found.items(), ROWS)] == [16384, 0, 8]
    assert {one.path for one in columns(found.items(), ROWS)} == {"holder.table", "holder.pair.right.deep.0"}


def small_pages(size: int) -> np.ndarray[Any, Any]:
    """Memory that is lent by pages of 4 KiB, so that a byte lends no more than one."""
    pages = mmap.mmap(-1, size)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, np.uint8)


def test_what_was_written_to_is_lent_and_no_more() -> None:
    array = small_pages(1000 * 4096).reshape(1000, 4096)
    (stretch,) = stretches([("array", array)], 1000)
    assert stretch.lent(1000) == 0
    array[::4] = 1
    assert stretch.lent(1000) == 250 * 4096
    array[600:] = 1
    assert stretch.lent(600) <= 151 * 4096, "nobody looks beyond the rows that may have been written to"


def test_rows_are_lent_without_a_change_of_what_they_hold() -> None:
    rows = 4096
    array = small_pages(rows * 12288).reshape(rows, 12288)
    array[40, :5] = 7
    (column,), (stretch,) = columns([("array", array)], rows), stretches([("array", array)], rows)
    before = rss_mb()
    pieces = list(column.pieces(40, 40 + 1024))
    assert all(0 < end - begin <= PIECE for begin, end in pieces)
    if not all(lend(begin, end) for begin, end in pieces):
        pytest.skip("this system can't lend memory ahead (MADV_POPULATE_WRITE)")
    assert stretch.lent(rows) == 1024 * 12288
    after = rss_mb()
    assert before is not None
    assert after is not None
    assert abs(after - before - 1024 * 12288 / 1e6) < 3
    assert array[40, :6].tolist() == [7] * 5 + [0]
    assert not array[41:].any()


def test_pages_that_are_there_no_more_are_not_lent_and_are_no_error() -> None:
    pages = mmap.mmap(-1, 1 << 20)
    array = np.frombuffer(pages, np.uint8)
    (stretch,), (column,) = stretches([("array", array)], 7), columns([("array", array)], 1 << 20)
    array[:] = 1
    assert stretch.lent(0) == 1 << 20
    begun = next(column.pieces(0, 4096))
    del array
    pages.close()
    assert stretch.lent(0) == 0
    assert not lend(*begun)
