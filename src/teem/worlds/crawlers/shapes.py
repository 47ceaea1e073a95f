"""How far apart two parts are, and where they meet: each is a box, rounded at its edges by a radius.

A chassis is a box without rounding, a segment a box without height, a wheel one of no size at all. Where the boxes
are apart, their nearest points say which way the parts touch; where they overlap, it is the shortest way out along a
side of either (separating axes). They meet in two points where a side lies on a side, else in one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.worlds.crawlers.blocks import COS, SIN, X, Y
from teem.worlds.crawlers.plan import CHASSIS

_TOUCHING = 1e-9  # metres between boxes below which their nearest points give no direction
_ONE_POINT = 1e-3  # metres between two points below which they are one


class Part(NamedTuple):
    """A rounded box. Lengths in metres, x from wherever the pair counts it."""

    x: float
    y: float
    cos: float
    sin: float
    half: float  # of its length
    high: float  # half its height
    radius: float


class Way(NamedTuple):
    """From one part to another: a direction, and how far the boxes, without their rounding, are apart along it."""

    x: float
    y: float
    gap: float  # below 0: they overlap


class Side(NamedTuple):
    """The side that a box turns towards a direction, as seen along it; its ends by rising `across`."""

    across0: float
    across1: float
    along0: float
    along1: float


@njit(nogil=True, cache=True, forceinline=True)
def part_of(i, k, away, crowd):  # type: ignore[no-untyped-def]
    """Part k of creature i as it is now; `away` is added to its x."""
    x, y = np.float64(crowd.pose[i, k, X]) + away, np.float64(crowd.pose[i, k, Y])
    cos, sin = np.float64(crowd.pose[i, k, COS]), np.float64(crowd.pose[i, k, SIN])
    half, radius = np.float64(crowd.half_length[i, k]), np.float64(crowd.radius[i, k])
    if k == CHASSIS:
        return Part(x, y, cos, sin, half, radius, 0.0)
    return Part(x, y, cos, sin, half, 0.0, radius)


@njit(forceinline=True, **INNER)
def _into(part, x, y):  # type: ignore[no-untyped-def]
    """A direction in a part's own frame."""
    return part.cos * x + part.sin * y, part.cos * y - part.sin * x


@njit(forceinline=True, **INNER)
def _out_of(part, x, y):  # type: ignore[no-untyped-def]
    """A direction of a part's own frame, in the world's."""
    return part.cos * x - part.sin * y, part.sin * x + part.cos * y


@njit(forceinline=True, **INNER)
def _widest_axis(a, b):  # type: ignore[no-untyped-def]
    """The way along the axis, of four, that parts the boxes most; 0 counts as forwards."""
    dx, dy = b.x - a.x, b.y - a.y
    cos, sin = abs(a.cos * b.cos + a.sin * b.sin), abs(a.cos * b.sin - a.sin * b.cos)
    best = Way(1.0, 0.0, -np.inf)
    for one, other in ((a, b), (b, a)):
        along, across = _into(one, dx, dy)
        gap = abs(along) - one.half - other.half * cos - other.high * sin
        if gap > best.gap:
            sign = 1.0 if along >= 0.0 else -1.0
            best = Way(sign * one.cos, sign * one.sin, gap)
        gap = abs(across) - one.high - other.half * sin - other.high * cos
        if gap > best.gap:
            sign = 1.0 if across >= 0.0 else -1.0
            best = Way(-sign * one.sin, sign * one.cos, gap)
    return best


@njit(forceinline=True, **INNER)
def _nearest_corner(a, b):  # type: ignore[no-untyped-def]
    """The shortest way from box a to one of b's corners: (x, y, its square)."""
    best_x = best_y = 0.0
    best = np.inf
    for corner in range(4):
        half = b.half if corner % 2 else -b.half
        high = b.high if corner // 2 else -b.high
        x, y = _out_of(b, half, high)
        x, y = _into(a, b.x + x - a.x, b.y + y - a.y)
        x -= min(max(x, -a.half), a.half)
        y -= min(max(y, -a.high), a.high)
        square = x * x + y * y
        if square < best:
            best = square
            best_x, best_y = _out_of(a, x, y)
    return best_x, best_y, best


@njit(nogil=True, cache=True, forceinline=True)
def way_between(a, b, near):  # type: ignore[no-untyped-def]
    """The way from part a to part b; the gap of parts more than `near` apart may be too small, but not below that."""
    way = _widest_axis(a, b)
    if way.gap <= _TOUCHING or way.gap - a.radius - b.radius > near:
        return way
    x, y, square = _nearest_corner(a, b)
    back_x, back_y, back = _nearest_corner(b, a)
    if back < square:
        x, y, square = -back_x, -back_y, back
    gap = np.sqrt(square)
    if gap <= _TOUCHING:
        return way
    return Way(x / gap, y / gap, gap)


@njit(nogil=True, cache=True, forceinline=True)
def _side(part, way, forth, from_x, from_y):  # type: ignore[no-untyped-def]
    """The side that looks along the way, if `forth` is 1, or against it, if -1; seen from a point."""
    along, across = _into(part, forth * way.x, forth * way.y)
    fore, up = (part.half if along >= 0.0 else -part.half), (part.high if across >= 0.0 else -part.high)
    level = abs(across) >= abs(along)
    middle_x, middle_y = _out_of(part, 0.0 if level else fore, up if level else 0.0)
    reach_x, reach_y = _out_of(part, part.half if level else 0.0, 0.0 if level else part.high)
    middle_x, middle_y = middle_x + part.x - from_x, middle_y + part.y - from_y
    across, reach = way.x * middle_y - way.y * middle_x, way.x * reach_y - way.y * reach_x
    along, rise = way.x * middle_x + way.y * middle_y, way.x * reach_x + way.y * reach_y
    if reach < 0.0:
        reach, rise = -reach, -rise
    return Side(across - reach, across + reach, along - rise, along + rise)


@njit(nogil=True, cache=True, forceinline=True)
def _height(side, across):  # type: ignore[no-untyped-def]
    """How far along a side is at a place across; beyond its ends it goes on level."""
    length = side.across1 - side.across0
    if length <= 0.0:
        return side.along1
    share = min(max((across - side.across0) / length, 0.0), 1.0)
    return side.along0 + (side.along1 - side.along0) * share


@njit(nogil=True, cache=True, forceinline=True)
def _between(one, other, across):  # type: ignore[no-untyped-def]
    """How far apart two sides are at a place across."""
    return _height(other, across) - _height(one, across)


@njit(nogil=True, cache=True, forceinline=True)
def meet(a, b, way, out):  # type: ignore[no-untyped-def]
    """Write the points where the parts meet, or would, into out [2, 3]: from a's middle to there, x and y, and the gap.

    Returns how many there are, 1 or 2. A point is halfway between the two parts.
    """
    x, y = way.x, way.y
    mine, other = _side(a, way, 1.0, a.x, a.y), _side(b, way, -1.0, a.x, a.y)
    low, high = max(mine.across0, other.across0), min(mine.across1, other.across1)
    if high < low:
        low = high = 0.5 * (low + high)
    count = 2 if high - low > _ONE_POINT else 1
    if count == 1 and _between(mine, other, high) < _between(mine, other, low):
        low = high  # of two that are as one, the nearer
    for k in range(count):
        across = low if k == 0 else high
        under, over = _height(mine, across), _height(other, across)
        gap = over - under - a.radius - b.radius
        along = under + a.radius + 0.5 * gap
        out[k, 0], out[k, 1], out[k, 2] = x * along - y * across, y * along + x * across, gap
    return count
