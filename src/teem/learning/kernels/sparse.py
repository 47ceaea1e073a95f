"""Matrix products that pass over zeros: of inputs that are mostly 0, and of features that ReLU stopped.

What is left out would add 0 times a weight; the products are those of dense.py where weights are finite.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.learning.kernels.tile import (
    LANES,
    TALL,
    Matrix,
    address,
    address_of_name,
    flat_half_listed,
    flat_narrow_listed,
    flat_rest_listed,
    tall_narrow_listed,
    tall_rest_listed,
)


class Listed(NamedTuple):
    """A matrix as a list a row of what isn't 0 in it."""

    begins: NDArray[np.int64]  # [rows + 1] where each row's part begins
    names: NDArray[np.int64]  # [at most all] columns, row after row
    values: NDArray[np.float32]  # beside them


@njit(nogil=True, cache=True)
def room_to_list(rows, columns):  # type: ignore[no-untyped-def]
    """An empty list of as much as there may be."""
    return Listed(
        np.zeros(rows + 1, np.int64), np.empty(rows * columns, np.int64), np.empty(rows * columns, np.float32)
    )


@njit(nogil=True, cache=True)
def list_rows(x, rows, columns, out):  # type: ignore[no-untyped-def]
    """List what isn't 0 in each row of the flat x [rows, columns]."""
    at = 0
    for row in range(rows):
        for j in range(columns):
            value = x[row * columns + j]
            out.names[at], out.values[at] = j, value  # written anyway: no branch to guess
            at += value != np.float32(0)
        out.begins[row + 1] = at


@njit(nogil=True, cache=True)
def mostly_zeros(x):  # type: ignore[no-untyped-def]
    """Whether x is sparse enough for lists to pay."""
    count = 0
    for j in range(x.shape[0]):
        count += x[j] != np.float32(0)
    return 3 * count < x.shape[0]


@njit(nogil=True, cache=True)
def turn_list(given, rows, columns, out):  # type: ignore[no-untyped-def]
    """List the same by column: each column's rows, rising."""
    out.begins[: columns + 1] = 0
    for k in range(given.begins[rows]):
        out.begins[given.names[k] + 1] += 1
    for column in range(columns):
        out.begins[column + 1] += out.begins[column]
    for row in range(rows):
        for k in range(given.begins[row], given.begins[row + 1]):
            place = out.begins[given.names[k]]
            out.names[place], out.values[place] = row, given.values[k]
            out.begins[given.names[k]] += 1
    for column in range(columns, 0, -1):
        out.begins[column] = out.begins[column - 1]
    out.begins[0] = 0


@njit(nogil=True, cache=True)
def multiply_listed(start, a, b, out, rows, columns):  # type: ignore[no-untyped-def]
    """out[rows, columns] = start + a @ b, the rows of `a` listed; start, b and out each a Matrix.

    A few columns of b at a time, which then stay in the cache while all rows use them.
    """
    column = 0
    while column < columns:
        left = columns - column
        for row in range(rows):
            first = a.begins[row]
            depth = a.begins[row + 1] - first
            here, names = Matrix(address(a.values, first), 0, 1), address_of_name(a.names, first)
            if left >= 2 * LANES:
                flat_half_listed(start, here, b, out, row, column, depth, 0, names)
            elif left >= LANES:
                flat_narrow_listed(start, here, b, out, row, column, depth, 0, names)
            else:
                flat_rest_listed(start, here, b, out, row, column, depth, left, names)
        column += 2 * LANES if left >= 2 * LANES else min(left, LANES)


@njit(nogil=True, cache=True)
def multiply_alike(start, a, names, b, out, rows, columns, depth):  # type: ignore[no-untyped-def]
    """out[rows, columns] = start + a[rows, depth] @ b[names], where all rows have their zeros in the same columns.

    `a` holds what is left of them, and `names` [depth] the rows of b that it goes with.
    """
    listed = address_of_name(names, 0)
    column = 0
    while column < columns:
        left = min(LANES, columns - column)
        done = 0
        while done < rows:
            if rows >= TALL:
                row = min(done, rows - TALL)
                if left == LANES:
                    tall_narrow_listed(start, a, b, out, row, column, depth, 0, listed)
                else:
                    tall_rest_listed(start, a, b, out, row, column, depth, left, listed)
                done += TALL
            else:
                if left == LANES:
                    flat_narrow_listed(start, a, b, out, done, column, depth, 0, listed)
                else:
                    flat_rest_listed(start, a, b, out, done, column, depth, left, listed)
                done += 1
        column += left
