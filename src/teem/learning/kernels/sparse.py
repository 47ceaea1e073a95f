"""Matrix products that pass over zeros: of inputs that are mostly 0, and of features that ReLU stopped.

What is left out would add 0 times a weight; the products are those of dense.py where weights are finite.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.learning.kernels.dense import low_rows
from teem.learning.kernels.tile import (
    LANES,
    LOW,
    TALL,
    Matrix,
    address,
    address_of_name,
    flat_half_listed,
    flat_narrow,
    flat_narrow_listed,
    flat_rest,
    flat_rest_listed,
    flat_wide,
    flat_wide_listed,
    low_narrow_listed,
    low_rest_listed,
    tall_narrow_into,
    tall_narrow_listed,
    tall_narrow_of,
    tall_rest_into,
    tall_rest_listed,
)

BLOCK = 128  # columns of a list that are walked at once: what they are multiplied by stays in the first cache
_PANEL = 4 * LANES  # and so many columns of that


class Listed(NamedTuple):
    """A matrix as a list of what isn't 0 in it: BLOCK columns, row after row, then the next BLOCK columns."""

    begins: NDArray[np.int64]  # [blocks x rows + 1] where each row's part of a block begins
    names: NDArray[np.int64]  # [at most all] columns
    values: NDArray[np.float32]  # beside them


@njit(nogil=True, cache=True)
def room_to_list(rows, columns):  # type: ignore[no-untyped-def]
    """An empty list of as much as there may be."""
    return Listed(
        np.zeros(blocks_of(columns) * rows + 1, np.int64),
        np.empty(rows * columns, np.int64),
        np.empty(rows * columns, np.float32),
    )


@njit(nogil=True, cache=True, inline="always")
def blocks_of(columns):  # type: ignore[no-untyped-def]
    """How many blocks so many columns are."""
    return (columns + BLOCK - 1) // BLOCK


@njit(nogil=True, cache=True)
def list_rows(bits, places, out):  # type: ignore[no-untyped-def]
    """List what isn't 0 in the rows `places` of bfloat16 `bits` [any, columns]."""
    words, columns = out.values.view(np.uint32), bits.shape[1]
    at = part = 0
    for begin in range(0, columns, BLOCK):
        for row in range(places.shape[0]):
            place = places[row]
            for j in range(begin, min(begin + BLOCK, columns)):
                value = bits[place, j]
                out.names[at], words[at] = j, np.uint32(value) << np.uint32(16)  # written anyway: no branch to guess
                at += (value & np.uint16(0x7FFF)) != np.uint16(0)
            part += 1
            out.begins[part] = at


@njit(nogil=True, cache=True)
def mostly_zeros(bits):  # type: ignore[no-untyped-def]
    """Whether a row of bfloat16 is sparse enough for lists to pay."""
    count = 0
    for j in range(bits.shape[0]):
        count += (bits[j] & np.uint16(0x7FFF)) != np.uint16(0)
    return 3 * count < bits.shape[0]


@njit(nogil=True, cache=True)
def turn_list(given, height, rows, columns, out):  # type: ignore[no-untyped-def]
    """List the first `rows` rows of a list of `height` by column: each column's rows, rising, in one block."""
    blocks = blocks_of(columns)
    out.begins[: columns + 1] = 0
    for block in range(blocks):
        for k in range(given.begins[block * height], given.begins[block * height + rows]):
            out.begins[given.names[k] + 1] += 1
    for column in range(columns):
        out.begins[column + 1] += out.begins[column]
    for block in range(blocks):
        for row in range(rows):
            part = block * height + row
            for k in range(given.begins[part], given.begins[part + 1]):
                place = out.begins[given.names[k]]
                out.names[place], out.values[place] = row, given.values[k]
                out.begins[given.names[k]] += 1
    for column in range(columns, 0, -1):
        out.begins[column] = out.begins[column - 1]
    out.begins[0] = 0


@njit(**INNER)
def multiply_listed(start, a, blocks, height, first, b, out, rows, columns):  # type: ignore[no-untyped-def]
    """out[rows, columns] = start + a @ b, `a` the rows from `first` on of a list `height` rows high.

    start, b and out are each a Matrix. A sum goes on from block to block where it stopped; the last panel of columns
    may overlap the one before, and makes the same numbers again.
    """
    column = 0
    while column < columns:
        left = columns - column
        width = _PANEL if columns >= _PANEL else 2 * LANES if left >= 2 * LANES else min(left, LANES)
        column = min(column, columns - width)
        for block in range(blocks):
            begun = out if block > 0 else start
            for row in range(rows):
                part = block * height + first + row
                at, depth = a.begins[part], a.begins[part + 1] - a.begins[part]
                here, names = Matrix(address(a.values, at), 0, 1), address_of_name(a.names, at)
                if width == _PANEL:
                    flat_wide_listed(begun, here, b, out, row, column, depth, 0, names)
                elif width == 2 * LANES:
                    flat_half_listed(begun, here, b, out, row, column, depth, 0, names)
                elif width == LANES:
                    flat_narrow_listed(begun, here, b, out, row, column, depth, 0, names)
                else:
                    flat_rest_listed(begun, here, b, out, row, column, depth, width, names)
        column += width


@njit(**INNER)
def multiply_alike(start, a, names, b, out, rows, columns, depth):  # type: ignore[no-untyped-def]
    """out[rows, columns] = start + a[rows, depth] @ b[names], where all rows have their zeros in the same columns.

    `a` holds what is left of them, and `names` [depth] the rows of b that it goes with. Tiles as in dense.multiply.
    """
    listed = address_of_name(names, 0)
    tall = rows - low_rows(rows) if rows >= TALL else 0
    low = rows if rows >= TALL else 0  # fewer than TALL rows go one by one
    for column in range(0, columns, LANES):
        left = min(LANES, columns - column)
        for tile in range((tall + TALL - 1) // TALL):
            row = min(tile * TALL, rows - TALL)
            if left == LANES:
                tall_narrow_listed(start, a, b, out, row, column, depth, 0, listed)
            else:
                tall_rest_listed(start, a, b, out, row, column, depth, left, listed)
        for row in range(tall, low, LOW):
            if left == LANES:
                low_narrow_listed(start, a, b, out, row, column, depth, 0, listed)
            else:
                low_rest_listed(start, a, b, out, row, column, depth, left, listed)
        for row in range(low, rows):
            if left == LANES:
                flat_narrow_listed(start, a, b, out, row, column, depth, 0, listed)
            else:
                flat_rest_listed(start, a, b, out, row, column, depth, left, listed)


@njit(**INNER)
def add_into(a, b, names, out, rows, columns, depth):  # type: ignore[no-untyped-def]
    """out[names] += a[rows, depth] @ b[depth, columns]; no name twice."""
    listed, whole = address_of_name(names, 0), rows // TALL * TALL
    for column in range(0, columns, LANES):
        left = min(LANES, columns - column)
        for row in range(0, whole, TALL):
            if left == LANES:
                tall_narrow_into(out, a, b, out, row, column, depth, 0, listed)
            else:
                tall_rest_into(out, a, b, out, row, column, depth, left, listed)
    for row in range(whole, rows):
        here = Matrix(a.begin + 4 * row * a.row, a.row, a.step)
        there = Matrix(out.begin + 4 * names[row] * out.row, out.row, 1)
        _add_row(here, b, there, columns, depth)


@njit(**INNER)
def _add_row(a, b, out, columns, depth):  # type: ignore[no-untyped-def]
    column = 0
    while column < columns:
        left = columns - column
        if left >= 4 * LANES:
            flat_wide(out, a, b, out, 0, column, depth, 0, 0)
        elif left >= LANES:
            flat_narrow(out, a, b, out, 0, column, depth, 0, 0)
        else:
            flat_rest(out, a, b, out, 0, column, depth, left, 0)
        column += 4 * LANES if left >= 4 * LANES else min(left, LANES)


@njit(**INNER)
def multiply_named(start, a, names, b, out, rows, columns, depth):  # type: ignore[no-untyped-def]
    """out[rows, columns] = start + a[names] @ b[depth, columns]; columns are whole vectors of 16."""
    listed = address_of_name(names, 0)
    for column in range(0, columns, LANES):
        if rows >= TALL:
            for tile in range((rows + TALL - 1) // TALL):
                row = min(tile * TALL, rows - TALL)
                tall_narrow_of(start, a, b, out, row, column, depth, 0, listed)
            continue
        for row in range(rows):
            here = Matrix(a.begin + 4 * names[row] * a.row, a.row, a.step)
            there = Matrix(out.begin + 4 * row * out.row, out.row, 1)
            flat_narrow(start, here, b, there, 0, column, depth, 0, 0)
