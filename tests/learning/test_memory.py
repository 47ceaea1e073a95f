"""Large arrays: where they begin, and what of them is memory."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from teem.learning.memory import LINE, by_small_pages, zeros_on_a_line

ROW = 1 << 20  # bytes


@pytest.mark.parametrize("pages", [nullcontext, by_small_pages])
@pytest.mark.parametrize("shape", [(0, 3), (5, 7), (64, 1024, 17)])
def test_arrays_are_zeros_on_a_line_that_can_be_written(pages, shape: tuple[int, ...]) -> None:
    with pages():
        array = zeros_on_a_line(shape, np.float32)
    assert (array.shape, array.dtype, array.flags.c_contiguous) == (shape, np.float32, True)
    assert array.ctypes.data % LINE == 0 or not array.size
    assert not array.any()
    array[...] = 3
    assert (array == 3).all()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's count of resident pages")
def test_small_pages_are_memory_only_where_they_are_used() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    with by_small_pages():
        array = zeros_on_a_line((64, ROW), np.uint8)
    before = resident()
    array[:, 0] = 1  # a page of each row
    assert resident() - before < 16 * ROW
    array[:] = 1
    assert resident() - before > 48 * ROW  # and all of it when all is used
