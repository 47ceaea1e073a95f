"""Lanes do what NumPy does, lane by lane, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from teem.lanes import (
    LANES,
    ROW,
    absolute,
    address,
    any_lane,
    choose,
    floats,
    floor,
    gather,
    load,
    load_whole,
    maximum,
    minimum,
    rows,
    sqrt,
    store,
    store_whole,
    truncate,
    where,
)

numbers = st.lists(st.floats(-1e6, 1e6, width=32), min_size=LANES, max_size=LANES)


@njit
def arithmetic(data):  # type: ignore[no-untyped-def]
    a = address(data)
    x, y = load(a, 0), load(a, 1)
    total = x * y
    total += x - 2 * y
    store(a, 2, total)
    store(a, 3, -x / (absolute(y) + 1.0))
    store(a, 4, minimum(x, y) - maximum(x, 0.5))
    store(a, 5, sqrt(absolute(x)) * floor(y))
    store(a, 6, where((x < y) & ~(x > 3.0) | (y >= 7), x, np.float32(-1)))
    store(a, 7, floats(choose(truncate(x) > truncate(y), truncate(x), truncate(y) + 3)))
    return any_lane(x <= y)


@settings(max_examples=40, deadline=None)
@given(numbers, numbers)
def test_lanes_reckon_as_numpy_does(first: list[float], second: list[float]) -> None:
    data = rows(8)
    data[0], data[1] = first, second
    x, y, f = data[0].copy(), data[1].copy(), np.float32
    some = arithmetic(data)
    whole_x, whole_y = np.trunc(x).astype(np.int32), np.trunc(y).astype(np.int32)
    wanted = (
        x * y + (x - f(2) * y),
        -x / (np.abs(y) + f(1)),
        np.minimum(x, y) - np.maximum(x, f(0.5)),
        np.sqrt(np.abs(x)) * np.floor(y),
        np.where(((x < y) & ~(x > 3)) | (y >= 7), x, f(-1)),
        np.where(whole_x > whole_y, whole_x, whole_y + 3).astype(f),
    )
    for row, value in enumerate(wanted, 2):
        assert data[row].tobytes() == (value + f(0)).tobytes() or (data[row] == value).all(), row
    assert some == (x <= y).any()


@njit
def look_up(table, data, numbers):  # type: ignore[no-untyped-def]
    a, b = address(data), address(numbers)
    index = load_whole(b, 0)
    store(a, 0, gather(address(table), index))
    store_whole(b, 1, index * 2 - 1)


def test_each_lane_reads_its_own_place_of_a_table() -> None:
    random = np.random.default_rng(0)
    table, data = random.random(100, np.float32), rows(1)
    numbers = rows(2).view(np.int32)
    numbers[0] = random.integers(0, 100, LANES)
    look_up(table, data, numbers)
    assert (data[0] == table[numbers[0]]).all()
    assert (numbers[1] == numbers[0] * 2 - 1).all()


@njit
def spread(data, value):  # type: ignore[no-untyped-def]
    store(address(data), 0, value + 0.0 * load(address(data), 0))


def test_a_plain_number_stands_in_every_lane() -> None:
    data = rows(1)
    spread(data, np.float32(2.5))
    assert (data == 2.5).all()


def test_rows_begin_where_a_cache_line_does() -> None:
    for shape in ((1,), (3, 7), (2, 5, 4)):
        made = rows(*shape)
        assert made.shape == (*shape, LANES)
        assert made.ctypes.data % ROW == 0
        assert not made.any()


def test_outside_a_kernel_the_words_refuse() -> None:
    with pytest.raises(TypeError, match="inside kernels"):
        where(True, 1.0, 2.0)
