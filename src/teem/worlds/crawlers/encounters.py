"""Encounters: which parts of which two creatures touch, or will within the step, and where.

Creatures are walked in their order along the world, each looking to its right as far as anybody's parts can reach.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.worlds.crawlers.blocks import SPIN, VX, VY, X, Y
from teem.worlds.crawlers.ground import TILE
from teem.worlds.crawlers.plan import CHASSIS, PARTS
from teem.worlds.crawlers.shapes import meet, part_of, way_between

MOST = 48  # points in which one creature meets those to its right; what is more is left out
NEAR = 0.005  # metres between parts that count as touching
DEEP = 0.05  # metres that chassis may be in each other before limbs no longer hinder them from getting out

Floats = NDArray[np.float32]


class Crowd(NamedTuple):
    """Everybody's parts, by slot."""

    tile: NDArray[np.int32]  # [capacity]
    pose: Floats  # [capacity, PARTS, POSE]
    touch: NDArray[np.bool_]  # [capacity, PARTS]
    half_length: Floats  # [capacity, PARTS]
    radius: Floats  # [capacity, PARTS]
    mass: Floats  # [capacity, PARTS]
    inertia: Floats  # [capacity, PARTS]
    friction: Floats  # [capacity, PARTS]
    grip: Floats  # [capacity, JOINTS]
    hold: Floats  # [capacity, JOINTS] N m with which motors hold a speed, at most
    speed: Floats  # [capacity, JOINTS]


class Bounds(NamedTuple):
    """How far anything of a part, or of a creature, gets from its middle within the step, by slot."""

    parts: NDArray[np.int32]  # [capacity, PARTS] the parts there are, the chassis first, then -1
    part: NDArray[np.float64]  # [capacity, PARTS] metres from the part's middle now
    sweep: NDArray[np.float64]  # [capacity, PARTS] metres of these that it moves
    whole: NDArray[np.float64]  # [capacity] metres from the chassis' middle now


class Meetings(NamedTuple):
    """Points where two creatures meet: rows by place in the order, of whoever is further left."""

    found: NDArray[np.int32]  # [capacity] how many of the columns are filled
    other: NDArray[np.int32]  # [capacity, MOST] the other's place
    parts: NDArray[np.int8]  # [capacity, MOST, 2] one's own part and the other's
    way: NDArray[np.float64]  # [capacity, MOST, 3] from own part to the other's; metres apart, below 0: too deep
    arms: NDArray[np.float64]  # [capacity, MOST, 4] from the own part's middle, and from the other's, to the point


def bounds_of(capacity: int) -> Bounds:
    """Room for the bounds of so many."""
    parts = np.full((capacity, PARTS), -1, np.int32)
    return Bounds(parts, np.zeros((capacity, PARTS)), np.zeros((capacity, PARTS)), np.zeros(capacity))


def meetings_of(capacity: int) -> Meetings:
    """Room for the meetings of so many."""
    return Meetings(
        np.zeros(capacity, np.int32),
        np.zeros((capacity, MOST), np.int32),
        np.zeros((capacity, MOST, 2), np.int8),
        np.zeros((capacity, MOST, 3)),
        np.zeros((capacity, MOST, 4)),
    )


@njit(nogil=True, cache=True)
def bound(start, stop, living, crowd, dt, bounds):  # type: ignore[no-untyped-def]
    """Write how far living[start:stop] and their parts can reach within `dt` seconds."""
    pose = crowd.pose
    for i in living[start:stop]:
        furthest, count = 0.0, 0
        for k in range(PARTS):
            if not crowd.mass[i, k] > 0:
                continue
            bounds.parts[i, count] = k
            count += 1
            half, radius = np.float64(crowd.half_length[i, k]), np.float64(crowd.radius[i, k])
            reach = np.sqrt(half * half + radius * radius) if k == CHASSIS else half + radius
            speed = abs(np.float64(pose[i, k, VX])) + abs(np.float64(pose[i, k, VY]))
            bounds.sweep[i, k] = dt * (speed + abs(np.float64(pose[i, k, SPIN])) * reach) + NEAR
            bounds.part[i, k] = reach + bounds.sweep[i, k]
            dx = np.float64(pose[i, k, X]) - np.float64(pose[i, CHASSIS, X])
            dy = np.float64(pose[i, k, Y]) - np.float64(pose[i, CHASSIS, Y])
            furthest = max(furthest, np.sqrt(dx * dx + dy * dy) + bounds.part[i, k])
        bounds.parts[i, count:] = -1
        bounds.whole[i] = furthest


@njit(nogil=True, cache=True)
def find_meetings(start, stop, order, crowd, bounds, dt, meetings):  # type: ignore[no-untyped-def]
    """Find where those at the places start to stop of `order` meet others that are further right; fills `meetings`."""
    widest = 0.0
    for i in order:
        widest = max(widest, bounds.whole[i])
    points = np.empty((2, 3))
    for p in range(start, stop):
        i = order[p]
        meetings.found[p] = 0
        for q in range(p + 1, order.shape[0]):
            j = order[q]
            # the way from where i's tile begins to where j's does, and from one chassis to the other
            tiles = (crowd.tile[j] - crowd.tile[i]) * TILE
            away = tiles + np.float64(crowd.pose[j, CHASSIS, X]) - np.float64(crowd.pose[i, CHASSIS, X])
            if away > bounds.whole[i] + widest:
                break
            if away <= bounds.whole[i] + bounds.whole[j]:
                _meet_parts(p, i, q, j, tiles, crowd, bounds, dt, meetings, points)


@njit(**INNER)
def _meet_parts(p, i, q, j, tiles, crowd, bounds, dt, meetings, points):  # type: ignore[no-untyped-def]
    """Look at each part of i that may reach j at all, and at each of j that is near it."""
    other_x, other_y = np.float64(crowd.pose[j, CHASSIS, X]) + tiles, np.float64(crowd.pose[j, CHASSIS, Y])
    for m in range(PARTS):
        a = bounds.parts[i, m]
        if a < 0:
            break
        reach = bounds.part[i, a]
        x, y = np.float64(crowd.pose[i, a, X]), np.float64(crowd.pose[i, a, Y])
        dx, dy, together = other_x - x, other_y - y, reach + bounds.whole[j]
        if dx * dx + dy * dy > together * together:
            continue
        for n in range(PARTS):
            b = bounds.parts[j, n]
            if b < 0:
                break
            together = reach + bounds.part[j, b]
            dx, dy = np.float64(crowd.pose[j, b, X]) + tiles - x, np.float64(crowd.pose[j, b, Y]) - y
            if dx * dx + dy * dy > together * together:
                continue
            gap = _meet_two(p, i, a, q, j, b, tiles, crowd, bounds, dt, meetings, points)
            if a == CHASSIS and b == CHASSIS and gap < -DEEP:
                return


@njit(forceinline=True, **INNER)
def _meet_two(p, i, a, q, j, b, tiles, crowd, bounds, dt, meetings, points):  # type: ignore[no-untyped-def]
    """Write down where two parts touch, or will within the step if they go on as they do; returns how far apart."""
    one = part_of(i, a, 0.0, crowd)
    two = part_of(j, b, tiles, crowd)
    sweep = bounds.sweep[i, a] + bounds.sweep[j, b]
    way = way_between(one, two, sweep)
    apart = way.gap - one.radius - two.radius
    if apart > sweep:
        return apart
    pose = crowd.pose
    for k in range(meet(one, two, way, points)):
        x, y, gap = points[k, 0], points[k, 1], points[k, 2]
        back_x, back_y = x + one.x - two.x, y + one.y - two.y
        speed_x = pose[j, b, VX] - pose[j, b, SPIN] * back_y - pose[i, a, VX] + pose[i, a, SPIN] * y
        speed_y = pose[j, b, VY] + pose[j, b, SPIN] * back_x - pose[i, a, VY] - pose[i, a, SPIN] * x
        n = meetings.found[p]
        if n < MOST and gap + dt * min(speed_x * way.x + speed_y * way.y, 0.0) < NEAR:
            meetings.found[p] = n + 1
            meetings.other[p, n] = q
            meetings.parts[p, n, 0], meetings.parts[p, n, 1] = a, b
            meetings.way[p, n, 0], meetings.way[p, n, 1], meetings.way[p, n, 2] = way.x, way.y, gap
            meetings.arms[p, n, 0], meetings.arms[p, n, 1] = x, y
            meetings.arms[p, n, 2], meetings.arms[p, n, 3] = back_x, back_y
    return apart
