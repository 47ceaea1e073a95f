"""Putting bodies into the world: a plan's row becomes the numbers of one lane, at rest in a given pose."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.worlds.crawlers import blocks as b
from teem.worlds.crawlers.blocks import Blocks
from teem.worlds.crawlers.ground import SAMPLES
from teem.worlds.crawlers.plan import CHASSIS, PARENT, PARTS, Plan

Floats = NDArray[np.float32]
_PARENT = PARENT.copy()
FREE_TURN = np.float32(1e9)  # reach of a joint that turns all the way round


class Bodies(NamedTuple):
    """A plan's columns, as the kernels take them."""

    half_length: Floats
    radius: Floats
    mass: Floats
    inertia: Floats
    anchor: Floats
    grip: Floats
    rest: Floats
    reach: Floats
    torque: Floats
    speed: Floats
    friction: Floats


def bodies_of(plan: Plan) -> Bodies:
    """The plan's columns, as the kernels take them."""
    return Bodies(*(getattr(plan, name) for name in Bodies._fields))


@njit(nogil=True, cache=True)
def turned(angle):  # type: ignore[no-untyped-def]
    """Cosine and sine of an angle in radians, of the same bits on every processor (which libraries don't promise)."""
    quarter = np.floor(angle * (2.0 / np.pi) + 0.5)
    rest = angle - quarter * (np.pi / 2.0)
    square = rest * rest
    cos = sin = 1.0
    for n in range(16, 0, -2):
        cos = 1.0 - cos * square / (n * (n - 1))
        sin = 1.0 - sin * square / (n * (n + 1))
    sin *= rest
    turns = int(quarter) % 4
    if turns == 1:
        return -sin, cos
    if turns == 2:
        return -cos, -sin
    if turns == 3:
        return sin, -cos
    return cos, sin


@njit(nogil=True, cache=True)
def pose(row, bodies, x, y, angle, out):  # type: ignore[no-untyped-def]
    """Where each part is when all joints rest: out [PARTS, 4] is x, y, cosine and sine."""
    angles = np.zeros(PARTS)
    angles[CHASSIS] = angle
    out[CHASSIS, 0], out[CHASSIS, 1] = x, y
    out[CHASSIS, 2], out[CHASSIS, 3] = turned(angle)
    for joint in range(PARTS - 1):
        part, parent = joint + 1, _PARENT[joint]
        angles[part] = angles[parent] + bodies.rest[row, joint]
        cos, sin = turned(angles[part])
        at_x, at_y = bodies.anchor[row, joint, 0], bodies.anchor[row, joint, 1]
        out[part, 0] = out[parent, 0] + out[parent, 2] * at_x - out[parent, 3] * at_y - cos * bodies.grip[row, joint]
        out[part, 1] = out[parent, 1] + out[parent, 3] * at_x + out[parent, 2] * at_y - sin * bodies.grip[row, joint]
        out[part, 2], out[part, 3] = cos, sin


@njit(**INNER)
def _write_part(part, lane, row, number, bodies, where):  # type: ignore[no-untyped-def]
    """One part's rows, `part` [PART_ROWS, LANES]; it is at rest."""
    for k in range(4):
        part[b.X + k, lane] = where[k]
    part[b.INV_MASS, lane] = 1.0 / bodies.mass[row, number]
    part[b.INV_INERTIA, lane] = 1.0 / bodies.inertia[row, number]
    part[b.HALF_LENGTH, lane] = bodies.half_length[row, number]
    part[b.RADIUS, lane] = bodies.radius[row, number]
    part[b.FRICTION, lane] = bodies.friction[row, number]


@njit(**INNER)
def _write_joint(joint, lane, row, number, bodies):  # type: ignore[no-untyped-def]
    """One joint's rows, `joint` [JOINT_ROWS, LANES]; it rests."""
    joint[b.ANCHOR_X, lane] = bodies.anchor[row, number, 0]
    joint[b.ANCHOR_Y, lane] = bodies.anchor[row, number, 1]
    joint[b.GRIP, lane] = bodies.grip[row, number]
    joint[b.REST_COS, lane], joint[b.REST_SIN, lane] = turned(np.float64(bodies.rest[row, number]))
    joint[b.REACH, lane] = min(bodies.reach[row, number], FREE_TURN)
    joint[b.TORQUE, lane] = bodies.torque[row, number]
    joint[b.SPEED, lane] = bodies.speed[row, number]


@njit(nogil=True, cache=True)
def place(first, slots, home, bodies, tile, x, y, angle, by_torque, blocks):  # type: ignore[no-untyped-def]
    """Place row after row from `first` on; returns the first row that found no block, or how many rows there are.

    Whoever lived in a slot leaves it. Changes `home` [capacity, 2], a slot's block and lane, and `blocks`.
    """
    poses = np.empty((PARTS, 4))
    for row in range(first, slots.shape[0]):
        slot = slots[row]
        leave(slot, home, blocks)
        block, lane = b.find_lane(bodies.mass[row], blocks)
        if block < 0:
            return row
        home[slot, 0], home[slot, 1] = block, lane
        blocks.slot[block, lane] = slot
        blocks.taken[block] += 1
        stretch = np.floor(x[row] / b.STRETCH)
        blocks.origin[block, lane] = tile[row] * SAMPLES + np.int32(stretch) * b.STRETCH_SAMPLES
        blocks.lives[block, b.BY_TORQUE, lane] = by_torque[row]
        pose(row, bodies, np.float64(x[row] - stretch * b.STRETCH), np.float64(y[row]), np.float64(angle[row]), poses)
        for item in range(blocks.items[block]):
            part = blocks.walk[block, item, b.PART]
            if bodies.mass[row, part] > 0:
                _write_part(blocks.parts[block, item], lane, row, part, bodies, poses[part])
                if part:
                    _write_joint(blocks.joints[block, item - 1], lane, row, part - 1, bodies)
    return slots.shape[0]


@njit(nogil=True, cache=True)
def leave(slot, home, blocks):  # type: ignore[no-untyped-def]
    """Clear the lane of whoever lives in a slot, if anyone does."""
    if home[slot, 0] >= 0:
        b.clear_lane(home[slot, 0], home[slot, 1], blocks)
        home[slot, 0] = home[slot, 1] = b.NOBODY


@njit(nogil=True, cache=True)
def remove(slots, home, blocks):  # type: ignore[no-untyped-def]
    """Clear the lanes of those who live in `slots`."""
    for slot in slots:
        leave(slot, home, blocks)


__all__ = ["Blocks", "Bodies", "place", "pose", "remove", "turned"]
