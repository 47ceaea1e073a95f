"""Matrix products of the kernels are products, however they are cut, and whatever zeros are left out."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from teem.learning.kernels.dense import multiply
from teem.learning.kernels.sparse import (
    list_rows,
    mostly_zeros,
    multiply_alike,
    multiply_listed,
    room_to_list,
    turn_list,
)
from teem.learning.kernels.tile import Matrix, address


@njit
def _multiply(start, a, b, out, rows, columns, depth, turned):
    left = Matrix(address(a, 0), 1, rows) if turned else Matrix(address(a, 0), depth, 1)
    right, y = Matrix(address(b, 0), columns, 1), Matrix(address(out, 0), columns, 1)
    multiply(Matrix(address(start, 0), 0, 1), left, right, y, rows, columns, depth)


@njit
def _multiply_listed(start, listed, b, out, rows, columns):
    right, y = Matrix(address(b, 0), columns, 1), Matrix(address(out, 0), columns, 1)
    multiply_listed(Matrix(address(start, 0), 0, 1), listed, right, y, rows, columns)


@njit
def _multiply_alike(start, a, names, b, out, rows, columns, depth):
    left, right = Matrix(address(a, 0), depth, 1), Matrix(address(b, 0), columns, 1)
    y = Matrix(address(out, 0), columns, 1)
    multiply_alike(Matrix(address(start, 0), 0, 1), left, names, right, y, rows, columns, depth)


def _factors(rows: int, columns: int, depth: int, zeros: float = 0.0) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(rows + 100 * columns + 10_000 * depth)
    a, b = (random.standard_normal(shape, np.float32) for shape in ((rows, depth), (depth, columns)))
    a[random.random(a.shape) < zeros] = 0
    return a, b, random.standard_normal(columns, np.float32)


@pytest.mark.parametrize("depth", [0, 1, 255, 256, 257, 700])
@pytest.mark.parametrize("columns", [1, 16, 33, 70])
def test_a_product_is_the_product_however_deep_it_is(depth: int, columns: int) -> None:
    for rows in (1, 5, 6, 7, 8, 9, 13, 26):
        a, b, start = _factors(rows, columns, depth)
        for turned in (False, True):
            out = np.full(rows * columns, np.nan, np.float32)
            flat = np.ascontiguousarray(a.T if turned else a).ravel()
            _multiply(start, flat, b.ravel(), out, rows, columns, depth, turned)
            np.testing.assert_allclose(out.reshape(rows, columns), start + a.astype(np.float64) @ b, atol=2e-4)


@pytest.mark.parametrize("zeros", [0.0, 0.8, 1.0])
@pytest.mark.parametrize("columns", [1, 16, 33, 70])
def test_lists_leave_nothing_out_but_zeros(zeros: float, columns: int) -> None:
    rows, depth = 9, 40
    a, b, start = _factors(rows, columns, depth, zeros)
    listed, turned = room_to_list(rows, depth), room_to_list(depth, rows)
    list_rows(a.ravel(), rows, depth, listed)
    assert listed.begins[-1] == np.count_nonzero(a)
    assert mostly_zeros(a.ravel()) == (zeros > 0.5)
    dense, out = np.zeros((2, rows * columns), np.float32)
    _multiply(start, a.ravel(), b.ravel(), dense, rows, columns, depth, False)
    _multiply_listed(start, listed, b.ravel(), out, rows, columns)
    assert (out == dense).all()  # the same bits
    turn_list(listed, rows, depth, turned)
    other = np.random.default_rng(1).standard_normal((rows, columns), np.float32)
    out = np.zeros(depth * columns, np.float32)
    _multiply_listed(np.zeros(columns, np.float32), turned, other.ravel(), out, depth, columns)
    np.testing.assert_allclose(out.reshape(depth, columns), a.T @ other, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 5, 8, 13])
def test_rows_with_zeros_in_the_same_columns_are_multiplied_without_them(rows: int) -> None:
    for columns in (7, 32, 50):
        a, b, start = _factors(rows, columns, 30)
        names = np.flatnonzero(np.random.default_rng(rows).random(30) < 0.5)
        whole = np.zeros_like(a)
        whole[:, names] = a[:, names]
        out, dense = np.zeros((2, rows * columns), np.float32)
        packed = np.ascontiguousarray(a[:, names]).ravel()
        _multiply_alike(start, packed, names, b.ravel(), out, rows, columns, len(names))
        _multiply(start, whole.ravel(), b.ravel(), dense, rows, columns, 30, False)
        assert (out == dense).all()
