"""The ground as the kernels see it: heights and friction at evenly spaced places, tile by tile."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER

TILE = 100.0  # metres
SPACING = 0.25  # metres between two samples
SAMPLES = int(TILE / SPACING)  # of a tile; the next tile's first one follows


class Ground(NamedTuple):
    """The tiles there are, side by side. Between two samples the ground is straight.

    A place is a tile's number and the metres from where that tile begins, which may be a little less than 0 or more
    than `TILE`: an endless world keeps its accuracy that way. Sample k of tile t is number (t - first) * SAMPLES + k.
    """

    first: int  # number of the leftmost tile
    height: NDArray[np.float32]  # [tiles * SAMPLES + 1] metres
    friction: NDArray[np.float32]  # [tiles * SAMPLES + 1] of the stretch that begins here; 1 is dry rock


@njit(**INNER)
def height_at(tile, x, ground):  # type: ignore[no-untyped-def]
    """Metres of the ground at a place; beyond the tiles there are it is level."""
    first, height, _ = ground
    metres = x / SPACING
    whole = np.floor(metres)
    k = (np.int64(tile) - first) * SAMPLES + np.int64(whole)
    last = height.shape[0] - 1
    if k < 0:
        return np.float64(height[0])
    if k >= last:
        return np.float64(height[last])
    return height[k] + (height[k + 1] - height[k]) * (metres - whole)
