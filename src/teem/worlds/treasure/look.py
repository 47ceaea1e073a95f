"""Looking: the window around an agent, as the last views of it, the newest last.

A window is a slice of the world with its edge, so nothing beyond it is ever read.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.worlds.treasure.board import Hunters, Terms

Floats = NDArray[np.float32]
Worlds = NDArray[np.uint8]


@njit(nogil=True, cache=True, inline="always")
def look(w, before, hunters, board, palette, terms, values):  # type: ignore[no-untyped-def]
    """Write what the agents of world w see into `values[capacity, frames, cells of a window, channels]`.

    `before`, of the same shape, is what they saw a step ago, all but the oldest of which is seen still. At the
    beginning of an episode the frames before it are copies of the first.
    """
    frames, cells, people = values.shape[1], board.cells[w], board.people[w]
    for i in range(w * terms.agents, (w + 1) * terms.agents):
        top, left = np.int64(hunters.y[i]) - w * terms.height, np.int64(hunters.x[i])
        see(cells, people, top, left, terms.sight, terms.onehot, palette, values[i, frames - 1])
        for k in range(frames - 1):
            values[i, k] = values[i, frames - 1] if board.clock[w] == 0 else before[i, k + 1]


@njit(nogil=True, cache=True)
def see(cells, people, row, column, sight, onehot, palette, out):  # type: ignore[no-untyped-def]
    """Write the view from a cell of a world, `out[cells of a window, channels]`.

    Others hide what they stand on, oneself does not. `cells` and `people` are of one world with its edge, in which
    the window begins at the row and column that its middle has without.
    """
    own, wide = np.uint64(cells[row + sight, column + sight]), 2 * sight + 1
    middle = sight * wide + sight
    if onehot:
        out[:] = np.float32(0)
        _mark(cells, people, row, column, wide, np.uint64(out.shape[1]), out.ravel())
        out[middle, out.shape[1] - 1] = np.float32(0)
        out[middle, own] = np.float32(1)
    else:
        _paint(cells, people, row, column, wide, palette, out)
        out[middle] = palette[own]


@njit(nogil=True, cache=True, inline="always")
def _mark(cells, people, top, left, wide, channels, out):  # type: ignore[no-untyped-def]
    """Of each cell's zeros, `out[cells of a window x channels]`, make the one of what it holds a one."""
    at, agent = np.uint64(0), channels - np.uint64(1)  # unsigned: no wraparound to look out for
    for row in range(wide):
        there, who = cells[np.uint64(top + row)], people[np.uint64(top + row)]
        for column in range(wide):
            beside = np.uint64(left + column)
            out[at + (agent if who[beside] != 0 else np.uint64(there[beside]))] = np.float32(1)
            at += channels


@njit(nogil=True, cache=True, inline="always")
def _paint(cells, people, top, left, wide, palette, out):  # type: ignore[no-untyped-def]
    """Write the colour of each cell."""
    cell, agent = np.uint64(0), np.uint64(palette.shape[0] - 1)
    for row in range(wide):
        for column in range(wide):
            there = np.uint64(top + row), np.uint64(left + column)
            kind = agent if people[there] != 0 else np.uint64(cells[there])
            for channel in range(np.uint64(palette.shape[1])):
                out[cell, channel] = palette[kind, channel]
            cell += np.uint64(1)


def see_plain(
    w: int, i: int, hunters: Hunters, cells: Worlds, people: Worlds, palette: Floats, terms: Terms, edge: int
) -> Floats:
    """The specification of `see`, of worlds without their edges `[worlds, height, width]`: a view [wide, wide, ...]."""
    wide, sight = 2 * terms.sight + 1, terms.sight
    here = int(hunters.y[i]) - w * terms.height, int(hunters.x[i])
    view = np.empty((wide, wide, palette.shape[1]), np.float32)
    for row in range(wide):
        for column in range(wide):
            there = here[0] + row - sight, here[1] + column - sight
            inside = 0 <= there[0] < terms.height and 0 <= there[1] < terms.width
            somebody = inside and people[w][there] and there != here
            view[row, column] = palette[-1] if somebody else palette[cells[w][there] if inside else edge]
    return view
