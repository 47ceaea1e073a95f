"""How a creature yields to an impulse on one of its parts: what all of its parts then do, joints and motors included.

Seen from the tips to the chassis each part has the inertia of all that hangs on it (Featherstone's articulated body,
"Rigid Body Dynamics Algorithms", 2008, here for impulses in the plane). A motor resists a change of its joint's rate
as a direct-current motor does, by its torque over its top speed: so a leg that stands is stiff, and one that swings
weighs little. What joints and motors pass on is between a creature's own parts and leaves its momentum alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.worlds.crawlers.blocks import COS, SIN, X, Y
from teem.worlds.crawlers.plan import CHASSIS, PARENT, PARTS

# Columns of a part in the tree. Of the chassis only the first six are used: the inverse inertia of the whole creature.
XX, XY, XS, YY, YS, SS = range(6)
ARM_X, ARM_Y, GRIP_X, GRIP_Y = range(6, 10)  # from the carrier's middle to the joint, and from the part's
DRAG, OWED = 10, 11  # N m s/rad with which the motor resists; N m s of an impulse that comes from further out
TREE = 12
MOTION = 3 * PARTS  # numbers of a creature's motion: m/s along x and y and rad/s of each part
_SLOWEST = 0.1  # rad/s, the top speed of a motor that has none

_PARENT = PARENT.copy()


class Inertia(NamedTuple):
    """A symmetric 3 x 3 matrix; s is the spin."""

    xx: float
    xy: float
    xs: float
    yy: float
    ys: float
    ss: float


@njit(forceinline=True, **INNER)
def _moved(of, x, y):  # type: ignore[no-untyped-def]
    """An inertia about a point, as one about the point that is (x, y) before it: (x, y) leads from there to here."""
    xs, ys = of.xs - of.xx * y + of.xy * x, of.ys - of.xy * y + of.yy * x
    return Inertia(of.xx, of.xy, xs, of.yy, ys, of.ss - (of.xs + xs) * y + (of.ys + ys) * x)


@njit(forceinline=True, **INNER)
def _inverse(of):  # type: ignore[no-untyped-def]
    a, b = of.yy * of.ss - of.ys * of.ys, of.xs * of.ys - of.xy * of.ss
    c = of.xy * of.ys - of.xs * of.yy
    unit = 1.0 / (of.xx * a + of.xy * b + of.xs * c)
    return Inertia(
        a * unit, b * unit, c * unit,
        (of.xx * of.ss - of.xs * of.xs) * unit, (of.xs * of.xy - of.xx * of.ys) * unit,
        (of.xx * of.yy - of.xy * of.xy) * unit,
    )  # fmt: skip


@njit(nogil=True, cache=True, forceinline=True)
def _keep(tree, k, of):  # type: ignore[no-untyped-def]
    tree[k, XX], tree[k, XY], tree[k, XS] = of.xx, of.xy, of.xs
    tree[k, YY], tree[k, YS], tree[k, SS] = of.yy, of.ys, of.ss


@njit(nogil=True, cache=True, forceinline=True)
def _kept(tree, k):  # type: ignore[no-untyped-def]
    return Inertia(tree[k, XX], tree[k, XY], tree[k, XS], tree[k, YY], tree[k, YS], tree[k, SS])


@njit(nogil=True, cache=True)
def weigh_whole(i, crowd, dt, tree):  # type: ignore[no-untyped-def]
    """Fill in the tree [PARTS, TREE] of creature i; motors pull for `dt` seconds."""
    for k in range(PARTS):
        mass, inertia = np.float64(crowd.mass[i, k]), np.float64(crowd.inertia[i, k])
        _keep(tree, k, Inertia(mass, 0.0, 0.0, mass, 0.0, inertia))
    for k in range(PARTS - 1, 0, -1):
        if not crowd.mass[i, k] > 0:
            continue
        joint, carrier = k - 1, _PARENT[k - 1]
        big, small = crowd.pose[i, carrier], crowd.pose[i, k]
        grip = np.float64(crowd.grip[i, joint])
        grip_x, grip_y = small[COS] * grip, small[SIN] * grip
        # to where the part has its end of the joint: should the two ends be apart, no momentum comes of it
        arm_x, arm_y = small[X] + grip_x - big[X], small[Y] + grip_y - big[Y]
        drag = dt * np.float64(crowd.hold[i, joint]) / max(np.float64(crowd.speed[i, joint]), _SLOWEST)
        own = _moved(_kept(tree, k), -grip_x, -grip_y)  # about the joint
        _keep(tree, k, own)
        tree[k, ARM_X], tree[k, ARM_Y], tree[k, GRIP_X], tree[k, GRIP_Y] = arm_x, arm_y, grip_x, grip_y
        tree[k, DRAG], tree[k, OWED] = drag, 0.0
        unit = 1.0 / (own.ss + drag)
        hung = Inertia(
            own.xx - own.xs * own.xs * unit, own.xy - own.xs * own.ys * unit, own.xs * drag * unit,
            own.yy - own.ys * own.ys * unit, own.ys * drag * unit, own.ss * drag * unit,
        )  # fmt: skip
        hung = _moved(hung, arm_x, arm_y)
        tree[carrier, XX] += hung.xx
        tree[carrier, XY] += hung.xy
        tree[carrier, XS] += hung.xs
        tree[carrier, YY] += hung.yy
        tree[carrier, YS] += hung.ys
        tree[carrier, SS] += hung.ss
    _keep(tree, CHASSIS, _inverse(_kept(tree, CHASSIS)))


@njit(nogil=True, cache=True, forceinline=True)
def yield_to(part, x, y, twist, walk, tree, out):  # type: ignore[no-untyped-def]
    """Write how the parts in `walk` change their motion into out [MOTION], after an impulse (x, y) and a twist on one.

    The impulse goes through the part's middle; one beside it comes with its twist. `walk` goes from the chassis
    outwards, and leads to the part.
    """
    while part != CHASSIS:
        twist -= tree[part, GRIP_X] * y - tree[part, GRIP_Y] * x  # about the joint
        tree[part, OWED] = twist
        share = twist / (tree[part, SS] + tree[part, DRAG])
        x, y = x - tree[part, XS] * share, y - tree[part, YS] * share
        # about the carrier's middle
        twist = tree[part, DRAG] * share + tree[part, ARM_X] * y - tree[part, ARM_Y] * x
        part = _PARENT[part - 1]
    out[0] = tree[0, XX] * x + tree[0, XY] * y + tree[0, XS] * twist
    out[1] = tree[0, XY] * x + tree[0, YY] * y + tree[0, YS] * twist
    out[2] = tree[0, XS] * x + tree[0, YS] * y + tree[0, SS] * twist
    for n in range(1, walk.shape[0]):
        k = walk[n]
        c = 3 * _PARENT[k - 1]
        joint_x, joint_y = out[c] - out[c + 2] * tree[k, ARM_Y], out[c + 1] + out[c + 2] * tree[k, ARM_X]
        pulled = tree[k, OWED] + tree[k, DRAG] * out[c + 2] - tree[k, XS] * joint_x - tree[k, YS] * joint_y
        tree[k, OWED] = 0.0
        spin = pulled / (tree[k, SS] + tree[k, DRAG])
        out[3 * k], out[3 * k + 1] = joint_x + spin * tree[k, GRIP_Y], joint_y - spin * tree[k, GRIP_X]
        out[3 * k + 2] = spin


@njit(**INNER)
def mark_way_to(part, marks):  # type: ignore[no-untyped-def]
    """Mark a part and those that carry it in marks [PARTS]."""
    while not marks[part]:
        marks[part] = True
        part = _PARENT[part - 1] if part != CHASSIS else CHASSIS
