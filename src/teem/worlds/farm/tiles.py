"""A large map's tiles: how far each has grown, and where somebody has left traces.

A step of a small map gives some of its rows their turn, wherever they are. On a large one that alone would cost
more than everything else a step does, so its tiles are told apart: what somebody may see or reach is brought up
to date in every step, the rest one after the other, and a full tile not at all until somebody stands in it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER

TALL, WIDE = 16, 64  # cells: a row's lie together in memory, so that wide tiles are quicker than square ones
AT_ONCE = 32  # tiles that have their turn in a step, whether or not somebody is near
_SMALL = 1 << 18  # cells that may grow in a step without asking who is near
FULL = -1  # instead of a step: nothing grows here until somebody has stood in it


class Tiles(NamedTuple):
    """What is known of each tile."""

    grown: NDArray[np.int64]  # [tiles, tiles] the first step whose growth it has not had; or FULL
    traced: NDArray[np.bool_]  # [tiles, tiles] somebody stood here, so that heat or trails may be left


def make_tiles(side: int, regrow_every: int) -> Tiles | None:
    """Tiles of a map that has just begun; None when giving rows their turns costs no more than tiles would."""
    if side * side <= _SMALL * regrow_every:
        return None
    shape = -(-side // TALL), -(-side // WIDE)
    return Tiles(np.zeros(shape, np.int64), np.zeros(shape, np.bool_))


@njit(**INNER)
def visit(who, xs, ys, step, tiles):  # type: ignore[no-untyped-def]
    """Note where somebody stands, and may have gathered: its tile is traced and full no more."""
    for i in who:
        row, column = np.int64(ys[i]) // TALL, np.int64(xs[i]) // WIDE
        tiles.traced[row, column] = True
        if tiles.grown[row, column] == FULL:
            tiles.grown[row, column] = step


@njit(nogil=True, cache=True)
def fold_traces(planes, numbers, factors, tiles):  # type: ignore[no-untyped-def]
    """Multiply some planes by their factors where there are traces; what has faded away is traced no more."""
    side = planes.shape[0]
    for row in range(tiles.traced.shape[0]):
        for column in range(tiles.traced.shape[1]):
            if not tiles.traced[row, column]:
                continue
            left = False
            for y in range(row * TALL, min((row + 1) * TALL, side)):
                for x in range(column * WIDE, min((column + 1) * WIDE, side)):
                    for n in range(numbers.shape[0]):
                        planes[y, x, numbers[n]] *= factors[n]
                        left = left or planes[y, x, numbers[n]] != np.float32(0.0)
            tiles.traced[row, column] = left
