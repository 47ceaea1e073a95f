"""Regrow: resources grow logistically (Verhulst 1838), some rows a step, so that no step pays for the whole map."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.worlds.farm.fields import RESOURCES
from teem.worlds.farm.tiles import FULL, TALL, WIDE, visit

_ZERO = np.float32(0.0)


def lasting(growth: float, steps: int) -> np.float32:
    """The factor exp(-growth * steps) with which the distance from fullness lasts over `steps`."""
    return np.float32(np.exp(-growth * steps))


@njit(nogil=True, cache=True)
def regrow(step, every, planes, capacity, lasts):  # type: ignore[no-untyped-def]
    """Let the rows whose turn it is grow by `every` steps at once; changes the resources.

    The logistic equation has a closed form, so a row's growth is exact however far apart its turns are.
    Returns the joules grown.
    """
    total = 0.0
    for y in range(step % every, planes.shape[0], every):
        for x in range(planes.shape[1]):
            full = capacity[y, x]
            here = planes[y, x, RESOURCES]
            if full > _ZERO and here > _ZERO:
                grown = here * full / (here + (full - here) * lasts)
                planes[y, x, RESOURCES] = grown
                total += grown - here
    return total


def regrow_plain(step, every, planes, capacity, lasts):  # type: ignore[no-untyped-def]
    """The specification of `regrow`."""
    rows = slice(step % every, None, every)
    full = capacity[rows].astype(np.float64)
    here = planes[rows, :, RESOURCES].astype(np.float64)
    fertile = (full > 0) & (here > 0)
    grown = np.where(fertile, here * full / np.where(fertile, here + (full - here) * lasts, 1), here)
    planes[rows, :, RESOURCES] = grown
    return float((grown - here).sum())


@njit(nogil=True, cache=True)
def regrow_tiles(who, xs, ys, reach, torus, step, every, growth, at_once, planes, capacity, tiles):  # type: ignore[no-untyped-def]
    """Bring up to date what `who` may see or reach, and the next `at_once` tiles; changes the resources and tiles.

    Whoever looks finds what `regrow` would have left there, but for rounding. Returns the joules grown.
    """
    visit(who, xs, ys, step, tiles)
    side = planes.shape[0]
    total = 0.0
    for i in who:
        first_y, last_y = _stretch(np.int64(ys[i]), reach, side, torus)
        first_x, last_x = _stretch(np.int64(xs[i]), reach, side, torus)
        y = first_y
        while y <= last_y:
            row = y % side // TALL
            x = first_x
            while x <= last_x:
                column = x % side // WIDE
                total += _grow(row, column, step, every, growth, planes, capacity, tiles)
                x += min((column + 1) * WIDE, side) - x % side
            y += min((row + 1) * TALL, side) - y % side
    rows, columns = tiles.grown.shape
    for n in range(min(at_once, rows * columns)):
        tile = (step * at_once + n) % (rows * columns)
        total += _grow(tile // columns, tile % columns, step, every, growth, planes, capacity, tiles)
    return total


@njit(nogil=True, cache=True, inline="always")
def _stretch(middle, reach, side, torus):  # type: ignore[no-untyped-def]
    """The first and last cell within reach; on a torus they may lie a turn off, but never a whole turn apart."""
    if torus:
        return middle - reach, min(middle + reach, middle - reach + side - 1)
    return max(middle - reach, 0), min(middle + reach, side - 1)


@njit(nogil=True, cache=True)
def _grow(row, column, step, every, growth, planes, capacity, tiles):  # type: ignore[no-untyped-def]
    """Give a tile's rows the turns that they have missed, this step's included; returns the joules grown."""
    since = tiles.grown[row, column]
    if since == FULL or since > step:
        return 0.0
    side = planes.shape[0]
    grows = step + 1 - since < every  # a row that had no turn may grow, for all that is known
    first, stride = row * TALL, 1
    if since == step:  # as a rule: only the rows whose turn it is now
        first, stride = first + (step - first) % every, every
    total = 0.0
    before, lasts = 0, np.float32(1.0)
    for y in range(first, min((row + 1) * TALL, side), stride):
        turns = _turns(y, since, step + 1, every)
        if turns == 0:
            continue
        if turns != before:
            before, lasts = turns, np.float32(np.exp(-growth * every * turns))
        for x in range(column * WIDE, min((column + 1) * WIDE, side)):
            full, here = capacity[y, x], planes[y, x, RESOURCES]
            if _ZERO < here < full:
                grown = min(full, here * full / (here + (full - here) * lasts))
                if grown > here:
                    grows = True
                    planes[y, x, RESOURCES] = grown
                    total += grown - here
    tiles.grown[row, column] = step + 1 if grows else FULL
    return total


@njit(nogil=True, cache=True, inline="always")
def _turns(y, since, until, every):  # type: ignore[no-untyped-def]
    """How many steps of [since, until) are a row's turn: those that leave the same remainder."""
    first = y % every
    return (until - 1 - first) // every - (since - 1 - first) // every


def regrow_tiles_plain(who, xs, ys, reach, torus, step, every, growth, at_once, planes, capacity, tiles):  # type: ignore[no-untyped-def]
    """The specification of `regrow_tiles`: which tiles have their turn, then what their rows have missed."""
    side, (rows, columns) = len(planes), tiles.grown.shape
    due = {divmod((step * at_once + n) % (rows * columns), columns) for n in range(at_once)}
    for i in who:
        own = int(ys[i]) // TALL, int(xs[i]) // WIDE
        tiles.traced[own] = True
        tiles.grown[own] = step if tiles.grown[own] == FULL else tiles.grown[own]
        near = [np.arange(int(place) - reach, int(place) + reach + 1) for place in (ys[i], xs[i])]
        near = [cells % side if torus else cells[(cells >= 0) & (cells < side)] for cells in near]
        due |= {(y // TALL, x // WIDE) for y in near[0].tolist() for x in near[1].tolist()}
    total = 0.0
    for row, column in sorted(tile for tile in due if 0 <= tiles.grown[tile] <= step):
        since = int(tiles.grown[row, column])
        before = planes[row * TALL : (row + 1) * TALL, column * WIDE : (column + 1) * WIDE, RESOURCES].copy()
        for y in range(row * TALL, min((row + 1) * TALL, side)):
            turns = int((np.arange(since, step + 1) % every == y % every).sum())
            here, full = (a[y, column * WIDE : (column + 1) * WIDE] for a in (planes[:, :, RESOURCES], capacity))
            grows = (here > 0) & (here < full)
            lasts = np.float32(np.exp(-growth * every * turns))
            grown = here[grows] * full[grows] / (here[grows] + (full[grows] - here[grows]) * lasts)
            here[grows] = np.clip(grown, here[grows], full[grows]) if turns else here[grows]
        after = planes[row * TALL : (row + 1) * TALL, column * WIDE : (column + 1) * WIDE, RESOURCES]
        whole = step + 1 - since >= every and bool((after == before).all())
        tiles.grown[row, column] = FULL if whole else step + 1
        total += float((after.astype(np.float64) - before).sum())
    return total
