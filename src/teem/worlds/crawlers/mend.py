"""What joins the ends of joints again where a substep has torn them further apart than the solver closes in time.

Within a substep parts go straight on, and no faster than they may, so ends that turn fast come apart. They are brought
back as far as SLACK, with the creature's centre of mass and its momenta as they were: who stays within SLACK is left
alone to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.lanes import ROW, any_lane, load, maximum, sqrt, store, where
from teem.worlds.crawlers.anchors import ARM_X, ARM_Y, CARRIER_X, CARRIER_Y, TREE_ROWS
from teem.worlds.crawlers.blocks import CARRIER, INV_INERTIA, INV_MASS, PART_ROWS, X, Y
from teem.worlds.crawlers.motion import Motion, motion_of, move, only

SLACK = np.float32(0.004)  # metres that the ends of a joint may be apart

_PART, _TREE = PART_ROWS * ROW, TREE_ROWS * ROW


class Sum(NamedTuple):
    """What a creature's parts come to, a creature a lane."""

    mass: float
    gone_x: float  # kg m that parts were moved, the other way
    gone_y: float
    at_x: float  # kg m from where the chassis was
    at_y: float
    x: float  # momentum
    y: float
    swing: float  # angular momentum that the parts lose by being moved
    inertia: float  # about where the chassis was


@njit(forceinline=True, **INNER)
def _gap(part, carrier, node):  # type: ignore[no-untyped-def]
    """From the carrier's end of a joint to the part's."""
    x = load(part, X) + load(node, ARM_X) - load(carrier, X) - load(node, CARRIER_X)
    y = load(part, Y) + load(node, ARM_Y) - load(carrier, Y) - load(node, CARRIER_Y)
    return x, y


@njit(**INNER)
def mend(parts, walk, items, tree):  # type: ignore[no-untyped-def]
    """Bring ends that are further apart than SLACK that near, with the centre of mass where it was.

    `tree` holds the arms of the parts' present pose.
    """
    widest = 0.0 * load(parts, INV_MASS)
    for item in range(1, items):
        part, carrier = parts + item * _PART, parts + walk[item, CARRIER] * _PART
        x, y = _gap(part, carrier, tree + item * _TREE)
        widest = maximum(widest, where(load(part, INV_MASS) > 0.0, x * x + y * y, 0.0))
    torn = widest > SLACK * SLACK
    if any_lane(torn):
        _mend(parts, walk, items, tree, torn)


@njit(nogil=True, cache=True)
def _mend(parts, walk, items, tree, torn):  # type: ignore[no-untyped-def]
    """From the chassis to the tips each part follows its carrier; then the whole creature makes up for what that moved.

    It goes back by the mean way, and turns on by what its parts, now nearer its middle, have lost of their swing.
    """
    none = 0.0 * load(parts, INV_MASS)
    whole = Sum(none, none, none, none, none, none, none, none, none)
    middle_x, middle_y = load(parts, X), load(parts, Y)
    for item in range(items):
        part, inv_mass = parts + item * _PART, load(parts + item * _PART, INV_MASS)
        exists = torn & (inv_mass > 0.0)
        x, y = none, none
        if item > 0:
            x, y = _gap(part, parts + walk[item, CARRIER] * _PART, tree + item * _TREE)
            far = sqrt(x * x + y * y)
            wide = exists & (far > SLACK)
            share = where(wide, 1.0 - SLACK / where(wide, far, 1.0), 0.0)
            x, y = share * x, share * y
            store(part, X, where(wide, load(part, X) - x, load(part, X)))
            store(part, Y, where(wide, load(part, Y) - y, load(part, Y)))
        mass = where(exists, 1.0 / where(exists, inv_mass, 1.0), 0.0)
        inertia = where(exists, 1.0 / where(exists, load(part, INV_INERTIA), 1.0), 0.0)
        whole = _add(whole, part, mass, inertia, x, y, load(part, X) - middle_x, load(part, Y) - middle_y)
    _make_up(parts, items, torn, whole, middle_x, middle_y)


@njit(nogil=True, cache=True, forceinline=True)
def _add(whole, part, mass, inertia, x, y, at_x, at_y):  # type: ignore[no-untyped-def]
    """The sums with one more part, at (at_x, at_y) from where the chassis was, brought there by (-x, -y)."""
    motion = motion_of(part)
    return Sum(
        whole.mass + mass,
        whole.gone_x + mass * x,
        whole.gone_y + mass * y,
        whole.at_x + mass * at_x,
        whole.at_y + mass * at_y,
        whole.x + mass * motion.x,
        whole.y + mass * motion.y,
        whole.swing + mass * (x * motion.y - y * motion.x),
        whole.inertia + inertia + mass * (at_x * at_x + at_y * at_y),
    )


@njit(forceinline=True, **INNER)
def _make_up(parts, items, torn, whole, middle_x, middle_y):  # type: ignore[no-untyped-def]
    """Put the centre of mass back, and turn the whole creature as fast as gives it its angular momentum again."""
    share = 1.0 / where(torn, whole.mass, 1.0)
    back_x, back_y = share * whole.gone_x, share * whole.gone_y
    at_x, at_y = share * whole.at_x, share * whole.at_y
    lost = whole.swing - share * (whole.gone_x * whole.y - whole.gone_y * whole.x)
    inertia = whole.inertia - share * (whole.at_x * whole.at_x + whole.at_y * whole.at_y)
    turn = lost / where(torn, inertia, 1.0)
    for item in range(items):
        part = parts + item * _PART
        exists, motion = torn & (load(part, INV_MASS) > 0.0), motion_of(part)
        x, y = load(part, X), load(part, Y)
        arm_x, arm_y = x - middle_x - at_x, y - middle_y - at_y
        turned = Motion(motion.x - turn * arm_y, motion.y + turn * arm_x, motion.spin + turn)
        move(part, only(exists, turned, motion))
        store(part, X, where(exists, x + back_x, x))
        store(part, Y, where(exists, y + back_y, y))
