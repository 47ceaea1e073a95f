"""Collide: creatures push each other, by impulses that their parts are given before a step of physics.

Where two meet, the points are solved one after the other, some rounds of them (sequential impulses, Erin Catto, "Fast
and Simple Physics using Sequential Impulses", 2006): they don't come nearer, they rub by Coulomb's law, and what is too
deep is pushed out slowly. A creature that stands is borne by the ground in these rounds, so that it bears others.
Creatures that meet are solved with all those they meet, from left to right: no slot and no thread changes a bit.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.config.crawlers import CrawlersSettings
from teem.inner import INNER
from teem.threads import Threads
from teem.worlds.crawlers.blocks import SPIN, VX, VY
from teem.worlds.crawlers.encounters import Crowd, bound, bounds_of, find_meetings, meetings_of
from teem.worlds.crawlers.ground import Ground
from teem.worlds.crawlers.order import by_place
from teem.worlds.crawlers.physics import Physics
from teem.worlds.crawlers.plan import CHASSIS, PARTS, Plan
from teem.worlds.crawlers.points import (
    ARM_AX,
    ARM_AY,
    BODY_A,
    GRIPS,
    GROUND,
    LEAVE,
    PART_A,
    PUSH,
    PUSH_MASS,
    PUSHED,
    RUB,
    RUB_MASS,
    RUBBED,
    WAY_X,
    WAY_Y,
    gather,
    parting,
)
from teem.worlds.crawlers.reading import Reading
from teem.worlds.crawlers.yielding import MOTION, yield_to

ROUNDS = 32  # at most
SETTLED = 5e-3  # m/s: a round that changes no point by more is the last
_AT_LEAST = 32  # creatures that a thread looks for at once
_GROUPS_AT_LEAST = 4  # of creatures that meet


class Collisions:
    """Finds who meets whom, and what that does to their parts."""

    def __init__(self, plan: Plan, reading: Reading, threads: Threads, dt: float, *, by_torque: bool = False) -> None:
        """`plan` and `reading` are columns by slot that are written in place; `dt` are the seconds of a step.

        Motors that are commanded by torque don't hold their joints.
        """
        capacity = len(reading.tile)
        columns = {field.name: getattr(plan, field.name) for field in fields(plan)} | reading._asdict()
        columns["hold"] = np.zeros_like(plan.torque) if by_torque else plan.torque
        self._crowd = Crowd(*(columns[name] for name in Crowd._fields))
        self._bounds = bounds_of(capacity)
        self._meetings = meetings_of(capacity)
        self._groups = np.zeros((capacity, 2), np.int32)
        self._impulse = np.zeros((capacity, PARTS, 3), np.float32)
        self._threads, self._dt = threads, dt

    def impulses(self, living: NDArray[np.int32], ground: Ground) -> NDArray[np.float32] | None:
        """What the parts are given in the step that begins now, as `Physics.step` takes it; None if nobody meets.

        The array is used again in the next call.
        """
        crowd, bounds, meetings, dt = self._crowd, self._bounds, self._meetings, self._dt
        order = by_place(living, crowd.tile, crowd.pose[:, CHASSIS, 0])
        count = len(order)
        self._threads.share(bound, count, order, crowd, dt, bounds, at_least=_AT_LEAST)
        self._threads.share(find_meetings, count, order, crowd, bounds, dt, meetings, at_least=_AT_LEAST)
        groups = group(count, meetings, self._groups)
        if groups:
            self._impulse[:] = 0.0
        what = (self._groups, order, crowd, meetings, ground, dt, self._impulse)
        self._threads.share(solve, groups, *what, at_least=_GROUPS_AT_LEAST)  # of none too: it is compiled at once
        return self._impulse if groups else None


def collisions_of(settings: CrawlersSettings, plan: Plan, physics: Physics, threads: Threads) -> Collisions | None:
    """The collisions that the settings ask for, if any."""
    if not settings.collisions:
        return None
    return Collisions(plan, physics.reading, threads, settings.dt, by_torque=settings.control == "torque")


@njit(nogil=True, cache=True)
def group(count, meetings, groups):  # type: ignore[no-untyped-def]
    """Cut the first `count` places where nobody meets across; returns how many pieces there are with meetings.

    Writes the first place of each and the one after its last into `groups` [capacity, 2].
    """
    found = first = furthest = 0
    met = False
    for p in range(count):
        if p > furthest:
            first, met = p, False
        for n in range(meetings.found[p]):
            furthest = max(furthest, meetings.other[p, n])
        furthest = max(furthest, p)
        met = met or meetings.found[p] > 0
        if met and p == furthest:
            groups[found, 0], groups[found, 1] = first, p + 1
            found += 1
    return found


@njit(nogil=True, cache=True)
def solve(start, stop, groups, order, crowd, meetings, ground, dt, impulse):  # type: ignore[no-untyped-def]
    """Write the impulses of all parts in groups[start:stop] into `impulse` [capacity, PARTS, 3]."""
    for g in range(start, stop):
        first, last = groups[g]
        bodies = order[first:last]
        motion = np.empty((len(bodies), MOTION))
        for body in range(len(bodies)):
            _read_motion(bodies[body], crowd, motion[body])
        points, met = gather(first, bodies, crowd, meetings, motion, ground, dt)
        for _ in range(ROUNDS):
            changed = 0.0
            for c in range(len(points.who)):
                changed = max(changed, _push(c, points, motion))
            if changed < SETTLED:
                break
        motion[:] = 0.0
        for c in range(met):  # the ground's push is physics' own
            _hand_out(c, points, bodies, crowd, motion)
        for body in range(len(bodies)):
            _write_impulses(bodies[body], crowd, motion[body], impulse)


@njit(**INNER)
def _read_motion(i, crowd, motion):  # type: ignore[no-untyped-def]
    for k in range(PARTS):
        pose = crowd.pose[i, k]
        motion[3 * k], motion[3 * k + 1], motion[3 * k + 2] = pose[VX], pose[VY], pose[SPIN]


@njit(**INNER)
def _write_impulses(i, crowd, change, impulse):  # type: ignore[no-untyped-def]
    """The impulses that change a creature's motion by `change` [MOTION]."""
    for k in range(PARTS):
        mass, inertia = np.float64(crowd.mass[i, k]), np.float64(crowd.inertia[i, k])
        impulse[i, k, 0], impulse[i, k, 1] = mass * change[3 * k], mass * change[3 * k + 1]
        impulse[i, k, 2] = inertia * change[3 * k + 2]


@njit(nogil=True, cache=True, forceinline=True)
def _add(c, row, impulse, points, motion):  # type: ignore[no-untyped-def]
    """Change the motion of both bodies by that of an impulse at a point; `row` is a's share of it, b's comes after."""
    if impulse == 0.0:
        return
    for side in range(2):
        body = points.who[c, BODY_A + 2 * side]
        if body == GROUND:
            continue
        for n in range(PARTS):
            k = 3 * points.felt[body, n]
            if k < 0:
                break
            motion[body, k] += impulse * points.share[c, row + side, k]
            motion[body, k + 1] += impulse * points.share[c, row + side, k + 1]
            motion[body, k + 2] += impulse * points.share[c, row + side, k + 2]


@njit(nogil=True, cache=True, forceinline=True)
def _push(c, points, motion):  # type: ignore[no-untyped-def]
    """Solve one point along the way from a to b, then across it, by Coulomb's law; returns how many m/s it changed."""
    point = points.point
    leaving, _ = parting(c, points, motion)
    pushed = max(point[c, PUSH_MASS] * (point[c, LEAVE] - leaving), -point[c, PUSH])
    _add(c, PUSHED, pushed, points, motion)
    point[c, PUSH] += pushed
    _, sliding = parting(c, points, motion)
    most = point[c, GRIPS] * point[c, PUSH]
    rubbed = min(max(point[c, RUB] - point[c, RUB_MASS] * sliding, -most), most) - point[c, RUB]
    _add(c, RUBBED, rubbed, points, motion)
    point[c, RUB] += rubbed
    return max(abs(pushed) / point[c, PUSH_MASS], abs(rubbed) / point[c, RUB_MASS])


@njit(**INNER)
def _hand_out(c, points, bodies, crowd, change):  # type: ignore[no-untyped-def]
    """Add what a point does to all parts of both bodies, joints and motors included, to their `change` of motion."""
    walk, out = np.empty(PARTS, np.int32), np.empty(MOTION)
    point = points.point
    x = point[c, PUSH] * point[c, WAY_X] - point[c, RUB] * point[c, WAY_Y]
    y = point[c, PUSH] * point[c, WAY_Y] + point[c, RUB] * point[c, WAY_X]
    if x == 0.0 and y == 0.0:
        return
    for side in range(2):
        body, part = points.who[c, BODY_A + 2 * side], points.who[c, PART_A + 2 * side]
        arm_x, arm_y = point[c, ARM_AX + 2 * side], point[c, ARM_AY + 2 * side]
        fx, fy = (-x, -y) if side == 0 else (x, y)
        steps = 0
        for k in range(PARTS):
            if crowd.mass[bodies[body], k] > 0:
                walk[steps] = k
                steps += 1
        yield_to(part, fx, fy, arm_x * fy - arm_y * fx, walk[:steps], points.tree[body], out)
        for n in range(steps):
            k = 3 * walk[n]
            change[body, k] += out[k]
            change[body, k + 1] += out[k + 1]
            change[body, k + 2] += out[k + 2]
