"""The points at which creatures of a group push each other, or the ground bears them, each ready to be solved."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.worlds.crawlers.blocks import COS, SIN, X, Y
from teem.worlds.crawlers.ground import SAMPLES, SPACING, height_at
from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL, PARTS
from teem.worlds.crawlers.yielding import MOTION, TREE, mark_way_to, weigh_whole, yield_to

PUSH_OUT = 0.5  # m/s at most at which those who have got into each other are pushed apart
SLOP = 0.005  # metres that they may be in each other
_HASTE = 0.2  # share of what is deeper that a step pushes out
_STANDS = 0.03  # metres above the ground at which a part that touches it is borne
_BESIDE = 0.05  # metres to either side, for the slope
GROUND = -1

BODY_A, PART_A, BODY_B, PART_B = range(4)  # columns of who meets; bodies by place in their group
WAY_X, WAY_Y, ARM_AX, ARM_AY, ARM_BX, ARM_BY = range(6)  # columns of a point: from a to b; from the middles to it
LEAVE, GRIPS = 6, 7  # m/s at which they shall part, at least; coefficient of friction
PUSH_MASS, RUB_MASS, PUSH, RUB = range(8, 12)  # kg along the way and across it; N s so far
POINT = 12
PUSHED, RUBBED = 0, 2  # rows of a share: what a does, then b, after an impulse along the way, and across it


class Points(NamedTuple):
    """Points where creatures meet each other, and after those the ones where they stand on the ground."""

    who: NDArray[np.int32]  # [points, 4] where BODY_A is GROUND there is no a
    point: NDArray[np.float64]  # [points, POINT]
    share: NDArray[np.float64]  # [points, 4, MOTION] change of motion by 1 N s
    felt: NDArray[np.int32]  # [bodies, PARTS] the parts with points, then -1; others don't matter while solving
    walk: NDArray[np.int32]  # [bodies, PARTS] these and those that carry them, then -1; a share tells of these alone
    tree: NDArray[np.float64]  # [bodies, PARTS, TREE] of those who meet somebody


@njit(nogil=True, cache=True)
def gather(first, bodies, crowd, meetings, motion, ground, dt):  # type: ignore[no-untyped-def]
    """The points of a group, whose first is at the place `first`, and how many of them are between creatures.

    `motion` [bodies, MOTION] is how they all move.
    """
    meets = np.zeros(len(bodies), np.bool_)
    met = room = 0
    for body in range(len(bodies)):
        met += meetings.found[first + body]
        for n in range(meetings.found[first + body]):
            meets[body] = meets[meetings.other[first + body, n] - first] = True
    for body in range(len(bodies)):
        for k in range(PARTS):
            room += 2 if meets[body] and crowd.touch[bodies[body], k] else 0
    who, point = np.empty((met + room, 4), np.int32), np.zeros((met + room, POINT))
    count = 0
    for body in range(len(bodies)):
        for n in range(meetings.found[first + body]):
            _note_meeting(first, body, n, bodies, crowd, meetings, dt, who[count], point[count])
            count += 1
    for body in range(len(bodies)):
        for k in range(PARTS):
            if meets[body] and crowd.touch[bodies[body], k]:
                count = _note_stands(body, k, bodies[body], crowd, motion[body], ground, who, point, count)
    share = np.empty((count, 4, MOTION))
    points = Points(who[:count], point[:count], share, *_prepare(who[:count], bodies, crowd, dt))
    for c in range(count):
        _weigh(c, points)
    return points, met


@njit(nogil=True, cache=True)
def _prepare(who, bodies, crowd, dt):  # type: ignore[no-untyped-def]
    """The last three columns of the points of a group."""
    felt, carried = np.zeros((len(bodies), PARTS), np.bool_), np.zeros((len(bodies), PARTS), np.bool_)
    for c in range(len(who)):
        for side in range(2):
            body, part = who[c, BODY_A + 2 * side], who[c, PART_A + 2 * side]
            if body != GROUND:
                felt[body, part] = True
                mark_way_to(part, carried[body])
    tree = np.empty((len(bodies), PARTS, TREE))
    for body in range(len(bodies)):
        if carried[body, CHASSIS]:
            weigh_whole(bodies[body], crowd, dt, tree[body])
    return _listed(felt), _listed(carried), tree


@njit(**INNER)
def _listed(marks):  # type: ignore[no-untyped-def]
    """The numbers of the marked parts in each row, then -1."""
    listed = np.full(marks.shape, -1, np.int32)
    for body in range(marks.shape[0]):
        count = 0
        for k in range(PARTS):
            if marks[body, k]:
                listed[body, count] = k
                count += 1
    return listed


@njit(forceinline=True, **INNER)
def _note_meeting(first, body, n, bodies, crowd, meetings, dt, who, point):  # type: ignore[no-untyped-def]
    """The n-th meeting of a body with one further right."""
    p = first + body
    other = meetings.other[p, n] - first
    a, b = meetings.parts[p, n, 0], meetings.parts[p, n, 1]
    who[BODY_A], who[PART_A], who[BODY_B], who[PART_B] = body, a, other, b
    point[WAY_X], point[WAY_Y], gap = meetings.way[p, n, 0], meetings.way[p, n, 1], meetings.way[p, n, 2]
    for k in range(4):
        point[ARM_AX + k] = meetings.arms[p, n, k]
    # what is apart may come near enough to touch, but no nearer
    point[LEAVE] = -gap / dt if gap > 0.0 else min(_HASTE * max(-gap - SLOP, 0.0) / dt, PUSH_OUT)
    point[GRIPS] = np.float64(crowd.friction[bodies[body], a]) * np.float64(crowd.friction[bodies[other], b])


@njit(**INNER)
def _note_stands(body, k, i, crowd, motion, ground, who, point, count):  # type: ignore[no-untyped-def]
    """The points of a part that stands on the ground: it doesn't go down any faster. Returns how many there are now."""
    pose, tile = crowd.pose[i, k], crowd.tile[i]
    half, radius = np.float64(crowd.half_length[i, k]), np.float64(crowd.radius[i, k])
    cos, sin = np.float64(pose[COS]), np.float64(pose[SIN])
    for end in range(1 if k >= FIRST_WHEEL else 2):
        x, y = (half if end else -half) * cos, (half if end else -half) * sin
        if k == CHASSIS:  # its lower corners; should it lie on its end, these are the lower one and the upper one
            up = -radius if cos >= 0.0 else radius
            x, y = x - sin * up, y + cos * up
        at = np.float64(pose[X]) + x
        rise = (height_at(tile, at + _BESIDE, ground) - height_at(tile, at - _BESIDE, ground)) / (2.0 * _BESIDE)
        level = 1.0 / np.sqrt(1.0 + rise * rise)
        nx, ny = -rise * level, level
        above = (np.float64(pose[Y]) + y - height_at(tile, at, ground)) * ny
        if k != CHASSIS:
            above, x, y = above - radius, x - radius * nx, y - radius * ny
        if above < _STANDS:
            who[count, BODY_A], who[count, PART_A], who[count, BODY_B], who[count, PART_B] = GROUND, 0, body, k
            row = point[count]
            row[WAY_X], row[WAY_Y], row[ARM_BX], row[ARM_BY] = nx, ny, x, y
            sample = (np.int64(tile) - ground.first) * SAMPLES + np.int64(np.floor(at / SPACING))
            rough = ground.friction[min(max(sample, 0), ground.friction.shape[0] - 1)]
            row[GRIPS] = np.float64(crowd.friction[i, k]) * np.float64(rough)
            leaving = nx * (motion[3 * k] - motion[3 * k + 2] * y) + ny * (motion[3 * k + 1] + motion[3 * k + 2] * x)
            row[LEAVE] = min(leaving, 0.0)
            count += 1
    return count


@njit(**INNER)
def _weigh(c, points):  # type: ignore[no-untyped-def]
    """What impulses at a point do, and with it the masses there."""
    who, point = points.who, points.point
    for across in range(2):
        x = -point[c, WAY_Y] if across else point[c, WAY_X]
        y = point[c, WAY_X] if across else point[c, WAY_Y]
        yielding = 0.0
        for side in range(2):
            body, part = who[c, BODY_A + 2 * side], who[c, PART_A + 2 * side]
            if body == GROUND:
                continue
            arm_x, arm_y, k = point[c, ARM_AX + 2 * side], point[c, ARM_AY + 2 * side], 3 * part
            fx, fy = (x, y) if side else (-x, -y)
            steps, out = 0, points.share[c, 2 * across + side]
            while steps < PARTS and points.walk[body, steps] >= 0:
                steps += 1
            yield_to(part, fx, fy, arm_x * fy - arm_y * fx, points.walk[body, :steps], points.tree[body], out)
            yielding += fx * (out[k] - out[k + 2] * arm_y) + fy * (out[k + 1] + out[k + 2] * arm_x)
        point[c, PUSH_MASS + across] = 1.0 / yielding


@njit(forceinline=True, **INNER)
def parting(c, points, motion):  # type: ignore[no-untyped-def]
    """How fast b leaves a at a point, and how fast it slides along it, both in m/s."""
    who, point = points.who, points.point
    b, k = who[c, BODY_B], 3 * who[c, PART_B]
    speed_x = motion[b, k] - motion[b, k + 2] * point[c, ARM_BY]
    speed_y = motion[b, k + 1] + motion[b, k + 2] * point[c, ARM_BX]
    if who[c, BODY_A] != GROUND:
        a, k = who[c, BODY_A], 3 * who[c, PART_A]
        speed_x -= motion[a, k] - motion[a, k + 2] * point[c, ARM_AY]
        speed_y -= motion[a, k + 1] + motion[a, k + 2] * point[c, ARM_AX]
    x, y = point[c, WAY_X], point[c, WAY_Y]
    return x * speed_x + y * speed_y, x * speed_y - y * speed_x
