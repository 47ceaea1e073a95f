"""Matrix products of the kernels are products, however they are cut, and whatever zeros are left out."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from teem.learning.kernels.dense import multiply
from teem.learning.kernels.sparse import (
    BLOCK,
    Listed,
    add_into,
    blocks_of,
    list_rows,
    mostly_zeros,
    multiply_alike,
    multiply_listed,
    multiply_named,
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
def _multiply_listed(start, listed, blocks, height, first, b, out, rows, columns):
    right, y = Matrix(address(b, 0), columns, 1), Matrix(address(out, 0), columns, 1)
    multiply_listed(Matrix(address(start, 0), 0, 1), listed, blocks, height, first, right, y, rows, columns)


@njit
def _multiply_alike(start, a, names, b, out, rows, columns, depth):
    left, right = Matrix(address(a, 0), depth, 1), Matrix(address(b, 0), columns, 1)
    y = Matrix(address(out, 0), columns, 1)
    multiply_alike(Matrix(address(start, 0), 0, 1), left, names, right, y, rows, columns, depth)


@njit
def _multiply_named(start, a, names, b, out, rows, columns, depth):
    left, right = Matrix(address(a, 0), depth, 1), Matrix(address(b, 0), columns, 1)
    y = Matrix(address(out, 0), columns, 1)
    multiply_named(Matrix(address(start, 0), 0, 1), left, names, right, y, rows, columns, depth)


@njit
def _add_into(a, b, names, out, rows, columns, depth):
    left, right = Matrix(address(a, 0), depth, 1), Matrix(address(b, 0), columns, 1)
    add_into(left, right, names, Matrix(address(out, 0), columns, 1), rows, columns, depth)


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
@pytest.mark.parametrize("columns", [1, 16, 33, 70, 250])
@pytest.mark.parametrize("depth", [40, BLOCK, 2 * BLOCK + 3])
def test_lists_leave_nothing_out_but_zeros(zeros: float, columns: int, depth: int) -> None:
    height, first, rows = 9, 2, 7
    a, b, start = _factors(height, columns, depth, zeros)
    bits = (a.view(np.uint32) >> 16).astype(np.uint16)
    a = (bits.astype(np.uint32) << 16).view(np.float32)
    a[a == 0] = -0.0  # is nothing, too
    shuffled = np.random.default_rng(2).permutation(height)
    listed = room_to_list(height, depth)
    list_rows((a.view(np.uint32) >> 16).astype(np.uint16)[np.argsort(shuffled)], shuffled, listed)
    assert listed.begins[-1] == np.count_nonzero(a)
    assert mostly_zeros(bits[0]) == (zeros > 0.5)
    dense, out = np.zeros((2, rows * columns), np.float32)
    _multiply(start, a[first:].ravel(), b.ravel(), dense, rows, columns, depth, False)
    _multiply_listed(start, listed, blocks_of(depth), height, first, b.ravel(), out, rows, columns)
    assert (out == dense).all()  # the same bits
    turned = Listed(np.zeros(depth + 1, np.int64), np.empty(a.size, np.int64), np.empty(a.size, np.float32))
    turn_list(listed, height, rows, depth, turned)
    other = np.random.default_rng(1).standard_normal((rows, columns), np.float32)
    out = np.zeros(depth * columns, np.float32)
    _multiply_listed(np.zeros(columns, np.float32), turned, 1, depth, 0, other.ravel(), out, depth, columns)
    np.testing.assert_allclose(out.reshape(depth, columns), a[:rows].T @ other, atol=1e-5)


@pytest.mark.parametrize("rows", [0, 1, 5, 6, 14])
@pytest.mark.parametrize("columns", [7, 16, 50, 150])
def test_named_rows_take_part_in_products_and_others_are_not_touched(rows: int, columns: int) -> None:
    a, b, start = _factors(30, columns, 11)
    names = np.sort(np.random.default_rng(rows).permutation(30)[:rows]).astype(np.int64)
    out = np.arange(30 * columns, dtype=np.float32) % 7
    sums = out.reshape(30, columns).copy()
    sums[names] += a[names] @ b
    _add_into(np.ascontiguousarray(a[names]).ravel(), b.ravel(), names, out, rows, columns, 11)
    np.testing.assert_allclose(out.reshape(30, columns), sums, atol=1e-5)
    if columns % 16 == 0:
        out = np.zeros(max(rows, 1) * columns, np.float32)
        _multiply_named(start, a.ravel(), names, b.ravel(), out, rows, columns, 11)
        np.testing.assert_allclose(out.reshape(-1, columns)[:rows], start + a[names] @ b, atol=1e-5)


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
