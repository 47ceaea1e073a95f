"""Distances over a contiguous range of entries, and lists put in order: what the kernels of an index inline.

Entries are points stored side by side (`ex`, `ey`, `eplace`). Whole blocks of LANES are compared at once, so
the arrays need LANES entries to spare behind the last. Subscripts are unsigned: a signed one may be negative,
which costs a test an element and keeps the loop from being vectorised (2.5 times slower, measured).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.space.distance import distance2

LANES = 16
RANKED = 192  # longest list that comparing all pairs sorts faster than a general sort


@njit(nogil=True, cache=True, inline="always")
def count_range(begin, end, qx, qy, ex, ey, period, radius2):  # type: ignore[no-untyped-def]
    """How many entries of [begin, end) lie within the radius."""
    count = np.int32(0)
    for block in range(begin, end, LANES):
        for lane in range(LANES):
            e = np.uint64(block) + np.uint64(lane)
            near = distance2(qx, qy, ex[e], ey[e], period) <= radius2
            count += np.int32(near & (np.int64(e) < end))
    return count


@njit(nogil=True, cache=True, inline="always")
def collect_range(begin, end, qx, qy, ex, ey, eplace, period, radius2, near, found, count):  # type: ignore[no-untyped-def]
    """Append the places of the entries within the radius to `found`; return the new count.

    Every entry is written and kept by moving on, without a branch, so `found` needs one place to spare.
    `near[LANES]` uint8 is room to work in.
    """
    for block in range(begin, end, LANES):
        for lane in range(LANES):
            e = np.uint64(block) + np.uint64(lane)
            inside = distance2(qx, qy, ex[e], ey[e], period) <= radius2
            near[np.uint64(lane)] = np.uint8(inside & (np.int64(e) < end))
        for lane in range(LANES):
            found[np.uint64(count)] = eplace[np.uint64(block) + np.uint64(lane)]
            count += np.int64(near[np.uint64(lane)])
    return count


@njit(**INNER)
def write_in_order(found, count, living, out):  # type: ignore[no-untyped-def]
    """Write the slots of `found[:count]`, distinct places, into `out` by rising place."""
    if count > RANKED:
        places = np.sort(found[:count])
        for i in range(count):
            out[i] = living[places[i]]
        return
    for i in range(count):
        place = found[np.uint64(i)]
        rank = np.int32(0)
        for j in range(count):
            rank += np.int32(found[np.uint64(j)] < place)
        out[np.uint64(rank)] = living[np.uint64(place)]


@njit(**INNER)
def keep_best(place, square, best, squares, count):  # type: ignore[no-untyped-def]
    """Insert a candidate into the best so far, by (distance, place); return how many there are."""
    last = count
    if count == best.shape[0]:
        last -= 1
        if square > squares[last] or (square == squares[last] and place > best[last]):
            return count
    while last > 0 and (square < squares[last - 1] or (square == squares[last - 1] and place < best[last - 1])):
        squares[last] = squares[last - 1]
        best[last] = best[last - 1]
        last -= 1
    squares[last] = square
    best[last] = place
    return min(count + 1, best.shape[0])


@njit(**INNER)
def keep_all(found, seen, x, y, px, py, period, living, leave, best, squares):  # type: ignore[no-untyped-def]
    """Keep the best of the places `found[:seen]`, slot `leave` aside; return how many."""
    count = 0
    for j in range(seen):
        i = found[j]
        if living[i] != leave:
            count = keep_best(i, distance2(x, y, px[i], py[i], period), best, squares, count)
    return count


@njit(**INNER)
def write_nearest(best, squares, count, living, slot, distance):  # type: ignore[no-untyped-def]
    """Turn places into slots and squares into distances; what was not found is -1 and infinite."""
    for j in range(slot.shape[0]):
        if j < count:
            slot[j] = living[best[j]]
            distance[j] = np.sqrt(squares[j])
        else:
            slot[j] = -1
            distance[j] = np.float32(np.inf)
