"""Square cells over the plane: which cell a point is in, and which cells a circle may touch.

Kernels elsewhere walk a grid's arrays without a call between. Entries of neighbouring columns lie side by
side, so a block of cells is one stretch a row, and one more where it crosses the seam of a torus. With
`grid.plane` and `grid.cells` as arguments, fetched after the last `rebuild`:

    period, columns = plane[1], plane[2]
    cell_start, cell_x, cell_y, cell_place, cell_slot = cells
    first_row, rows = span(y, radius, plane)
    first, width = span(x, radius, plane)
    for r in range(rows):
        row = around(first_row + r, columns)
        for part in range(parts(first, width, columns)):
            begin, end = stretch(row, first, width, part, columns, cell_start)
            for e in range(begin, end):
                if distance2(x, y, cell_x[e], cell_y[e], period) <= radius * radius:
                    ...  # cell_slot[e]

Coordinates and radii are float32; on a torus x and y lie in [0, size].
"""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.space.distance import reach


@njit(nogil=True, cache=True, inline="always")
def cell_of(p, columns, inverse):  # type: ignore[no-untyped-def]
    """The column (or row) of a coordinate; those off the plane belong to the edge."""
    scaled = p * inverse
    if not scaled > 0:
        return np.int64(0)
    if scaled >= columns:
        return np.int64(columns - 1)
    return np.int64(scaled)


@njit(nogil=True, cache=True, inline="always")
def span(q, radius, plane):  # type: ignore[no-untyped-def]
    """The first column (or row) that can hold points within `radius` of q, and how many there are.

    On a torus the first is in [0, columns) and the last may lie beyond the seam; no column comes twice.
    """
    size, period, columns, inverse = plane
    far = reach(q, radius, size)
    low = np.floor((q - far) * inverse)
    high = np.floor((q + far) * inverse)
    most = np.float32(columns - 1)
    if period == np.float32(np.inf):
        low = min(max(low, np.float32(0)), most)
        high = min(max(high, np.float32(0)), most)
        return np.int64(low), np.int64(high - low) + 1
    if not high - low < most:
        return np.int64(0), np.int64(columns)
    first = np.int64(low)
    if first < 0:
        first += columns
    return first, np.int64(high - low) + 1


@njit(nogil=True, cache=True, inline="always")
def around(column, columns):  # type: ignore[no-untyped-def]
    """The column on the torus, for one at most a turn too far."""
    return column - columns if column >= columns else column


@njit(nogil=True, cache=True, inline="always")
def parts(first, width, columns):  # type: ignore[no-untyped-def]
    """How many stretches a row's columns [first, first + width) make: 2 when they cross the seam."""
    return 1 + np.int64(first + width > columns)


@njit(nogil=True, cache=True, inline="always")
def stretch(row, first, width, part, columns, cell_start):  # type: ignore[no-untyped-def]
    """The entries of a row's columns [first, first + width): part 0 before the seam, part 1 beyond it."""
    base = row * columns
    last = first + width
    begin = base + first if part == 0 else base
    end = base + min(last, columns) if part == 0 else base + last - columns
    return np.int64(cell_start[np.uint64(begin)]), np.int64(cell_start[np.uint64(end)])


def columns_for(size: float, cell: float, most: int) -> int:
    """How many columns of at least `cell` fit, their square being at most `most`."""
    if not cell > 0:
        raise ValueError(f"cell is {cell}: a length above 0 is needed")
    return int(max(1, min(np.floor(size / cell), np.floor(np.sqrt(most)))))
