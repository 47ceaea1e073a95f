"""What keeps the ends of all joints together: one exact solution for a creature's whole tree, twice along it.

From the tips to the chassis each part is seen with all that hangs on it (Featherstone's articulated body, "Rigid Body
Dynamics Algorithms", 2008, here for impulses in the plane); from the chassis to the tips everybody's share follows.
So no joint gives way to another, whatever the parts weigh, and a light chassis may carry heavy limbs.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from teem.inner import INNER
from teem.lanes import ROW, load, store, where
from teem.worlds.crawlers.blocks import (
    ANCHOR_X,
    ANCHOR_Y,
    CARRIER,
    GRIP,
    INV_INERTIA,
    INV_MASS,
    JOINT_ROWS,
    PART_ROWS,
    PULL_X,
    PULL_Y,
)
from teem.worlds.crawlers.motion import Motion, motion_of, move, only, pose_of

# Rows of a part in the tree, of this pose alone.
WHOLE = 0  # six: the articulated inertia (xx, xy, xs, yy, ys, ss; s is the spin), then its inverse
BOND = 6  # three: inverse of how the joint's end yields (xx, xy, yy)
ARM_X, ARM_Y, CARRIER_X, CARRIER_Y = range(9, 13)  # from the part's middle to its joint, and from its carrier's
OWED_X, OWED_Y, OWED_SPIN = range(13, 16)  # impulse that comes from further out; on the way back, change of motion
MISS_X, MISS_Y = range(16, 18)  # how fast the two ends part
TREE_ROWS = 18

FIRMNESS = 0.7  # share of a joint's gap that a substep closes

_PART, _JOINT, _TREE = PART_ROWS * ROW, JOINT_ROWS * ROW, TREE_ROWS * ROW


class Inertia(NamedTuple):
    """A symmetric 3 x 3 matrix."""

    xx: float
    xy: float
    xs: float
    yy: float
    ys: float
    ss: float


@njit(forceinline=True, **INNER)
def _inertia_of(node):  # type: ignore[no-untyped-def]
    return Inertia(load(node, 0), load(node, 1), load(node, 2), load(node, 3), load(node, 4), load(node, 5))


@njit(forceinline=True, **INNER)
def _keep_inertia(node, a):  # type: ignore[no-untyped-def]
    store(node, 0, a.xx)
    store(node, 1, a.xy)
    store(node, 2, a.xs)
    store(node, 3, a.yy)
    store(node, 4, a.ys)
    store(node, 5, a.ss)


@njit(forceinline=True, **INNER)
def _inverse(a, exists):  # type: ignore[no-untyped-def]
    """The inverse of an inertia; zeros of a part that doesn't exist."""
    xx, xy, xs = a.yy * a.ss - a.ys * a.ys, a.xs * a.ys - a.xy * a.ss, a.xy * a.ys - a.xs * a.yy
    scale = where(exists, 1.0 / where(exists, a.xx * xx + a.xy * xy + a.xs * xs, 1.0), 0.0)
    yy, ys, ss = a.xx * a.ss - a.xs * a.xs, a.xy * a.xs - a.xx * a.ys, a.xx * a.yy - a.xy * a.xy
    return Inertia(scale * xx, scale * xy, scale * xs, scale * yy, scale * ys, scale * ss)


@njit(forceinline=True, **INNER)
def _times(a, x, y, spin):  # type: ignore[no-untyped-def]
    return Motion(
        a.xx * x + a.xy * y + a.xs * spin, a.xy * x + a.yy * y + a.ys * spin, a.xs * x + a.ys * y + a.ss * spin
    )


@njit(forceinline=True, **INNER)
def _load_onto(carrier, ax, ay, xx, xy, yy):  # type: ignore[no-untyped-def]
    """Let a carrier feel what hangs on it, by the bond at an arm from its middle."""
    a = _inertia_of(carrier)
    xs, ys = ax * xy - ay * xx, ax * yy - ay * xy
    _keep_inertia(carrier, Inertia(a.xx + xx, a.xy + xy, a.xs + xs, a.yy + yy, a.ys + ys, a.ss + ax * ys - ay * xs))


@njit(**INNER)
def weigh(parts, joints, walk, items, tree):  # type: ignore[no-untyped-def]
    """Fill in the tree for the parts' present pose: what each weighs with all that hangs on it."""
    for item in range(items):
        part, node = parts + item * _PART, tree + item * _TREE
        inv_mass, inv_inertia = load(part, INV_MASS), load(part, INV_INERTIA)
        exists, none = inv_mass > 0.0, 0.0 * inv_mass
        mass, inertia = 1.0 / where(exists, inv_mass, 1.0), 1.0 / where(exists, inv_inertia, 1.0)
        _keep_inertia(node, Inertia(mass, none, none, mass, none, inertia))
    for k in range(items):
        item = items - 1 - k
        part, node = parts + item * _PART, tree + item * _TREE
        exists = load(part, INV_MASS) > 0.0
        b = _inverse(_inertia_of(node), exists)
        _keep_inertia(node, b)
        if item == 0:
            return
        joint, carrier = joints + (item - 1) * _JOINT, walk[item, CARRIER]
        small, big = pose_of(part), pose_of(parts + carrier * _PART)
        grip, at_x, at_y = load(joint, GRIP), load(joint, ANCHOR_X), load(joint, ANCHOR_Y)
        bx, by = small.cos * grip, small.sin * grip
        ax, ay = big.cos * at_x - big.sin * at_y, big.sin * at_x + big.cos * at_y
        xx = b.xx - by * (b.xs + b.xs - by * b.ss)
        xy = b.xy + bx * b.xs - by * (b.ys + bx * b.ss)
        yy = b.yy + bx * (b.ys + b.ys + bx * b.ss)
        scale = where(exists, 1.0 / where(exists, xx * yy - xy * xy, 1.0), 0.0)
        xx, xy, yy = scale * yy, -scale * xy, scale * xx
        store(node, BOND, xx)
        store(node, BOND + 1, xy)
        store(node, BOND + 2, yy)
        store(node, ARM_X, bx)
        store(node, ARM_Y, by)
        store(node, CARRIER_X, ax)
        store(node, CARRIER_Y, ay)
        _load_onto(tree + carrier * _TREE, ax, ay, xx, xy, yy)


@njit(forceinline=True, **INNER)
def _bond(node, x, y):  # type: ignore[no-untyped-def]
    xx, xy, yy = load(node, BOND), load(node, BOND + 1), load(node, BOND + 2)
    return xx * x + xy * y, xy * x + yy * y


@njit(forceinline=True, **INNER)
def _owe(node, owed):  # type: ignore[no-untyped-def]
    store(node, OWED_X, owed.x)
    store(node, OWED_Y, owed.y)
    store(node, OWED_SPIN, owed.spin)


@njit(nogil=True, cache=True, forceinline=True)
def _owed(node):  # type: ignore[no-untyped-def]
    return Motion(load(node, OWED_X), load(node, OWED_Y), load(node, OWED_SPIN))


@njit(**INNER)
def _inwards(parts, walk, items, tree, rate):  # type: ignore[no-untyped-def]
    """From the tips to the chassis: how fast the ends part, and what carriers owe their parts for it."""
    for k in range(items - 1):
        item = items - 1 - k
        part, node = parts + item * _PART, tree + item * _TREE
        carrier, below = parts + walk[item, CARRIER] * _PART, tree + walk[item, CARRIER] * _TREE
        owed = _owed(node)
        change = _times(_inertia_of(node), owed.x, owed.y, owed.spin)
        motion, big = motion_of(part), motion_of(carrier)
        here, there = pose_of(part), pose_of(carrier)
        bx, by, ax, ay = load(node, ARM_X), load(node, ARM_Y), load(node, CARRIER_X), load(node, CARRIER_Y)
        spin = motion.spin + change.spin
        x = motion.x + change.x - spin * by - big.x + big.spin * ay + rate * (here.x + bx - there.x - ax)
        y = motion.y + change.y + spin * bx - big.y - big.spin * ax + rate * (here.y + by - there.y - ay)
        store(node, MISS_X, x)
        store(node, MISS_Y, y)
        x, y = _bond(node, x, y)
        debt = _owed(below)
        _owe(below, Motion(debt.x + x, debt.y + y, debt.spin + ax * y - ay * x))


@njit(**INNER)
def solve_anchors(parts, joints, walk, items, tree, rate):  # type: ignore[no-untyped-def]
    """Bring the two ends of every joint to one velocity, and closing their gap at `rate` a second."""
    for item in range(items):
        none = 0.0 * load(parts, INV_MASS)
        _owe(tree + item * _TREE, Motion(none, none, none))
    _inwards(parts, walk, items, tree, rate)
    for item in range(items):
        part, node = parts + item * _PART, tree + item * _TREE
        owed, exists = _owed(node), load(part, INV_MASS) > 0.0
        if item > 0:
            joint, below = joints + (item - 1) * _JOINT, _owed(tree + walk[item, CARRIER] * _TREE)
            ax, ay = load(node, CARRIER_X), load(node, CARRIER_Y)
            x = below.x - below.spin * ay - load(node, MISS_X)
            y = below.y + below.spin * ax - load(node, MISS_Y)
            x, y = _bond(node, x, y)
            store(joint, PULL_X, where(exists, load(joint, PULL_X) + x, 0.0))
            store(joint, PULL_Y, where(exists, load(joint, PULL_Y) + y, 0.0))
            owed = Motion(owed.x + x, owed.y + y, owed.spin + load(node, ARM_X) * y - load(node, ARM_Y) * x)
        change, motion = _times(_inertia_of(node), owed.x, owed.y, owed.spin), motion_of(part)
        _owe(node, change)
        new = Motion(motion.x + change.x, motion.y + change.y, motion.spin + change.spin)
        move(part, only(exists, new, motion))


__all__ = ["FIRMNESS", "TREE_ROWS", "solve_anchors", "weigh"]
