"""How far a body at rest may be lowered before it touches the ground, so that it can be placed just above."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.worlds.crawlers.ground import SAMPLES, SPACING, Ground
from teem.worlds.crawlers.place import bodies_of, pose
from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL, PARTS, Plan

Floats = NDArray[np.float32]


def clearance(plan: Plan, tile: NDArray[np.int32], x: Floats, y: Floats, angle: Floats, ground: Ground) -> Floats:
    """[n] metres straight down from each body, all its joints at rest, to the ground; negative: it is in the ground.

    A body at (x, y - clearance) touches the ground and nowhere enters it.
    """
    out = np.empty(len(x), np.float32)
    _clearance(bodies_of(plan), tile, x, y, angle, ground, out)
    return out


@njit(nogil=True, cache=True)
def _clearance(bodies, tile, x, y, angle, ground, out):  # type: ignore[no-untyped-def]
    poses = np.empty((PARTS, 4))
    for row in range(x.shape[0]):
        pose(row, bodies, np.float64(x[row]), np.float64(y[row]), np.float64(angle[row]), poses)
        base = (tile[row] - ground.first) * SAMPLES
        least = np.inf
        for part in range(PARTS):
            if bodies.mass[row, part] > 0:
                half, radius = bodies.half_length[row, part], bodies.radius[row, part]
                least = min(least, _part_clearance(part, poses[part], half, radius, base, ground.height))
        out[row] = least


@njit(**INNER)
def _part_clearance(part, here, half, radius, base, height):  # type: ignore[no-untyped-def]
    """Of one part: its discs (corners are discs of radius 0), and the straight edges between them."""
    px, py, cos, sin = here
    least = np.inf
    if part == CHASSIS:
        for corner in range(4):
            x0, y0 = _corner(here, half, radius, corner)
            x1, y1 = _corner(here, half, radius, corner + 1)
            least = min(
                least, _disc_clearance(x0, y0, 0.0, base, height), _edge_clearance(x0, y0, x1, y1, base, height)
            )
        return least
    if part >= FIRST_WHEEL:
        return _disc_clearance(px, py, radius, base, height)
    for end in (-half, half):
        least = min(least, _disc_clearance(px + cos * end, py + sin * end, radius, base, height))
    way = -1.0 if cos > 0 else 1.0  # the side of the segment that looks down
    x, y = px - way * sin * radius, py + way * cos * radius
    return min(least, _edge_clearance(x - cos * half, y - sin * half, x + cos * half, y + sin * half, base, height))


@njit(nogil=True, cache=True)
def _corner(here, half, radius, number):  # type: ignore[no-untyped-def]
    """A corner of the chassis, in turn round it."""
    px, py, cos, sin = here
    fore = half if number % 4 in (0, 3) else -half
    up = radius if number % 4 < 2 else -radius
    return px + cos * fore - sin * up, py + sin * fore + cos * up


@njit(nogil=True, cache=True)
def _height(sample, base, height):  # type: ignore[no-untyped-def]
    return np.float64(height[min(max(sample + base, 0), height.shape[0] - 1)])


@njit(**INNER)
def _disc_clearance(x, y, radius, base, height):  # type: ignore[no-untyped-def]
    """Over each stretch the gap is least where the disc's outline is as steep as the ground."""
    least = np.inf
    first, last = int(np.floor((x - radius) / SPACING)), int(np.floor((x + radius) / SPACING))
    for cell in range(first, last + 1):
        left, right = _height(cell, base, height), _height(cell + 1, base, height)
        slope = (right - left) / SPACING
        begin = cell * SPACING
        at = x + radius * slope / np.sqrt(1.0 + slope * slope)
        at = min(max(at, begin, x - radius), begin + SPACING, x + radius)
        outline = y - np.sqrt(max(radius * radius - (at - x) * (at - x), 0.0))
        least = min(least, outline - (left + slope * (at - begin)))
    return least


@njit(**INNER)
def _edge_clearance(x0, y0, x1, y1, base, height):  # type: ignore[no-untyped-def]
    """Over the ground's corners below a straight edge; infinite where there is none."""
    if x1 < x0:
        x0, y0, x1, y1 = x1, y1, x0, y0
    least = np.inf
    for sample in range(int(np.ceil(x0 / SPACING)), int(np.floor(x1 / SPACING)) + 1):
        if x1 > x0:
            edge = y0 + (y1 - y0) * (sample * SPACING - x0) / (x1 - x0)
            least = min(least, edge - _height(sample, base, height))
    return least
