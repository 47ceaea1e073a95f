"""How near the ground is to a disc or to a flank, sixteen creatures at once.

A disc is a wheel, a segment's rounded end or (of radius 0) a corner of the chassis. It may touch the stretch of
ground below its middle and, where the ground is hollow, others to its left and right. A flank is a long side of a
segment or any side of the chassis; of the ground's corners beneath, the deepest in each half may touch it. Whatever
has sunk in is pushed out on the ground's own side, so nothing passes through however deep it came.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.lanes import (
    absolute,
    any_lane,
    choose,
    floor,
    gather,
    load_whole,
    maximum,
    minimum,
    sqrt,
    truncate,
    where,
)
from teem.worlds.crawlers.ground import SPACING

UPON = np.float32(0.01)  # sine of an angle: a flank touches a corner of the ground if it leans on neither slope by more
NEAR = np.float32(0.05)  # metres off the ground, once it has gone on as it goes, that count as touching
FAR = np.float32(1e6)  # metres: nothing is there

_STEP, _CELLS = np.float32(SPACING), np.float32(1 / SPACING)
_FURTHEST = np.float32(1e6)  # cells; keeps whole numbers whole


class Land(NamedTuple):
    """The ground of a block: samples counted from each creature's own origin."""

    height: int  # address of the heights
    friction: int  # and of the frictions
    base: int  # number of the sample at the origin, a creature a lane
    last: int  # number of the last sample


class Bump(NamedTuple):
    """Something of the ground near something of a part."""

    gap: float  # metres between them; negative: it has sunk in
    x: float  # direction out of the ground
    y: float
    cell: float  # sample where that stretch of ground begins


class Point(NamedTuple):
    """What of a part touches: a point in its frame, and a radius about it."""

    x: float
    y: float
    radius: float


@njit(forceinline=True, **INNER)
def land_of(height, friction, first, last, origin):  # type: ignore[no-untyped-def]
    """The ground as creatures see it from their origins; `first` is the number of the first sample there is."""
    return Land(height, friction, load_whole(origin, 0) - first, last)


@njit(forceinline=True, **INNER)
def sample_of(land, cell):  # type: ignore[no-untyped-def]
    """The number of a sample; beyond the world's ends it is the last one there is."""
    number = land.base + cell
    number = choose(number < 0, 0, number)
    return choose(number > land.last, land.last, number)


@njit(nogil=True, cache=True, forceinline=True)
def _height(land, cell):  # type: ignore[no-untyped-def]
    return gather(land.height, sample_of(land, cell))


@njit(forceinline=True, **INNER)
def _cell(x):  # type: ignore[no-untyped-def]
    """The sample left of x, as a float."""
    return floor(maximum(minimum(x * _CELLS, _FURTHEST), -_FURTHEST))


@njit(nogil=True, cache=True, forceinline=True)
def _edge(u, v, rise, radius):  # type: ignore[no-untyped-def]
    """A disc against a stretch of ground, seen from the stretch's left end: gap, normal, place along it, height."""
    length2 = _STEP * _STEP + rise * rise
    along = (u * _STEP + v * rise) / length2
    over = v * _STEP - u * rise  # times the length: how far above its line
    foot = maximum(minimum(along, 1.0), 0.0)
    x, y = u - foot * _STEP, v - foot * rise
    distance = sqrt(x * x + y * y)
    beyond = (over > 0.0) & ((along < 0.0) | (along > 1.0)) & (distance > np.float32(1e-6))
    inverse = 1.0 / where(beyond, distance, sqrt(length2))
    gap = where(beyond, distance, over * inverse) - radius
    return gap, where(beyond, x, -rise) * inverse, where(beyond, y, _STEP) * inverse, along, over


@njit(nogil=True, cache=True, forceinline=True)
def below(land, x, y, radius):  # type: ignore[no-untyped-def]
    """The stretch of ground under the middle of a disc, and its heights left and right."""
    cell = _cell(x)
    number = truncate(cell)
    left, right = _height(land, number), _height(land, number + 1)
    gap, nx, ny, _, _ = _edge(x - cell * _STEP, y - left, right - left, radius)
    return Bump(gap, nx, ny, cell), left, right


@njit(forceinline=True, **INNER)
def _nearer(a, b, counts):  # type: ignore[no-untyped-def]
    """The nearer of two, if the second counts."""
    better = counts & (b.gap < a.gap)
    return Bump(
        where(better, b.gap, a.gap), where(better, b.x, a.x), where(better, b.y, a.y), where(better, b.cell, a.cell)
    )


@njit(nogil=True, cache=True, forceinline=True)
def beside(land, x, y, radius, way, near):  # type: ignore[no-untyped-def]
    """The nearest stretch to the right (`way` 1) or left (-1) that faces the disc: not past its near end.

    `near` is the height of that end of the stretch below.
    """
    cell = _cell(x)
    nearest = Bump(FAR + 0.0 * x, 0.0 * x, 0.0 * x, cell)
    cells = (radius + NEAR) * _CELLS  # that it reaches
    step = 1
    while any_lane(cells > step - 1):
        begin = cell + way * step
        far = _height(land, truncate(begin) + (1 + way) // 2)
        left, rise = (near, far - near) if way > 0 else (far, near - far)
        gap, nx, ny, along, over = _edge(x - begin * _STEP, y - left, rise, radius)
        facing = (along > 0.0) if way > 0 else (along < 1.0)
        nearest = _nearer(nearest, Bump(gap, nx, ny, begin), facing & (over > 0.0) & (cells > step - 1))
        near = far
        step += 1
    return nearest


class Flank(NamedTuple):
    """A corner of the ground against one half of a part's flanks."""

    bump: Bump
    point: Point


@njit(forceinline=True, **INNER)
def _upon(x, y, rise, fall):  # type: ignore[no-untyped-def]
    """Whether a flank with that normal may lie on a corner of the ground: it leans on neither of its slopes."""
    most = UPON * _STEP
    return (x * _STEP + y * rise > -most) & (x * _STEP + y * fall < most)


@njit(forceinline=True, **INNER)
def _on_flank(pose, half, radius, is_box, dx, dy, rise, fall, cell):  # type: ignore[no-untyped-def]
    """A ground corner at (dx, dy) from a part's middle against the flank it faces: where, how near, and whether.

    The ground gains `rise` towards the corner and `fall` after it: out of the ground there is the part's side.
    """
    along, across = pose.cos * dx + pose.sin * dy, pose.cos * dy - pose.sin * dx
    out_x, out_y = -rise - fall, 2.0 * _STEP
    up = where(pose.cos * out_y - pose.sin * out_x < 0.0, -1.0, 1.0 + 0.0 * dx)  # which long side is on the outside
    gap = -up * across - radius
    on_side = (absolute(along) <= half) & _upon(-up * pose.sin, up * pose.cos, rise, fall)
    fore = where(pose.cos * out_x + pose.sin * out_y < 0.0, -1.0, 1.0 + 0.0 * dx)  # and which short side
    gap_end = -fore * along - half
    on_end = is_box & (absolute(across) <= radius) & _upon(fore * pose.cos, fore * pose.sin, rise, fall)
    end = on_end & (~on_side | (gap_end > gap))
    bump = Bump(
        where(end, gap_end, gap),
        where(end, fore * pose.cos, -up * pose.sin),
        where(end, fore * pose.sin, up * pose.cos),
        cell,
    )
    return Flank(bump, Point(where(end, 0.0, along), where(end, across, 0.0), where(end, half, radius))), on_side | end


@njit(forceinline=True, **INNER)
def _deeper(a, b, counts):  # type: ignore[no-untyped-def]
    """The deeper of two, if the second counts."""
    better = counts & (b.bump.gap < a.bump.gap)
    point = Point(
        where(better, b.point.x, a.point.x),
        where(better, b.point.y, a.point.y),
        where(better, b.point.radius, a.point.radius),
    )
    return Flank(_nearer(a.bump, b.bump, counts), point)


@njit(forceinline=True, **INNER)
def flanks(land, pose, half, radius, is_box):  # type: ignore[no-untyped-def]
    """The deepest ground corner in the flanks' rear half and in their front half."""
    none = 0.0 * pose.x
    box = 1.0 if is_box else 0.0
    wide = half * absolute(pose.cos) + box * radius * absolute(pose.sin)
    cell = -_cell(-(pose.x - wide))
    count = _cell(pose.x + wide) - cell
    empty = Flank(Bump(FAR + none, none, none, cell), Point(none, none, none))
    rear, front = empty, empty
    before, here = _height(land, truncate(cell) - 1), _height(land, truncate(cell))
    step = 0
    while any_lane(count >= step):
        number = cell + step
        after = _height(land, truncate(number) + 1)
        dx, dy = number * _STEP - pose.x, here - pose.y
        flank, on = _on_flank(pose, half, radius, is_box, dx, dy, here - before, after - here, number)
        on = on & (count >= step)
        ahead = pose.cos * dx + pose.sin * dy >= 0.0
        front = _deeper(front, flank, on & ahead)
        rear = _deeper(rear, flank, on & ~ahead)
        before, here = here, after
        step += 1
    return rear, front
