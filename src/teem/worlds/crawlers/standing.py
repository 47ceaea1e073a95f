"""Standing: how high a body is to be put so that it just doesn't touch the ground."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.worlds.crawlers.ground import SAMPLES, SPACING, Ground
from teem.worlds.crawlers.place import Bodies, pose
from teem.worlds.crawlers.plan import CHASSIS, PARTS, Plan

MARGIN = 0.02  # metres of air below the lowest part


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
def _highest(tile, middle, half, ground):  # type: ignore[no-untyped-def]
    """The highest ground within `half` metres to either side."""
    top = max(height_at(tile, middle - half, ground), height_at(tile, middle + half, ground))
    sample = np.ceil((middle - half) / SPACING)
    while sample * SPACING < middle + half:
        top = max(top, height_at(tile, sample * SPACING, ground))
        sample += 1.0
    return top


@njit(nogil=True, cache=True)
def _stand(bodies, tile, x, ground, out):  # type: ignore[no-untyped-def]
    poses = np.empty((PARTS, 4))
    for row in range(x.shape[0]):
        pose(row, bodies, np.float64(x[row]), 0.0, 0.0, poses)
        lift = -1e9
        for part in range(PARTS):
            if bodies.mass[row, part] <= 0:
                continue
            radius, half = bodies.radius[row, part], bodies.half_length[row, part]
            across = abs(poses[part, 2]) * half + (0.0 if part == CHASSIS else radius)
            down = abs(poses[part, 3]) * half + radius
            top = _highest(tile[row], poses[part, 0], across, ground)
            lift = max(lift, top + down - poses[part, 1])
        out[row] = lift + MARGIN


def stand(plan: Plan, tile: NDArray[np.int32], x: NDArray[np.float32], ground: Ground) -> NDArray[np.float32]:
    """The height of each body's chassis, level and with all joints at rest, that leaves it clear of the ground."""
    out = np.empty(len(x), np.float32)
    _stand(Bodies(*(getattr(plan, name) for name in Bodies._fields)), tile, x, ground, out)
    return out
