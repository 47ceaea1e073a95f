"""How parts move: gravity, drift, and keeping near their origin. Each phase walks the parts of one block."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.lanes import (
    ROW,
    absolute,
    any_lane,
    choose,
    load,
    load_whole,
    maximum,
    minimum,
    sqrt,
    store,
    store_whole,
    where,
)
from teem.worlds.crawlers.blocks import (
    COS,
    INV_MASS,
    PART_ROWS,
    SIN,
    SPIN,
    STRETCH,
    STRETCH_SAMPLES,
    VX,
    VY,
    X,
    Y,
)

GRAVITY = np.float32(9.81)  # m/s²
FASTEST = np.float32(50.0)  # m/s of a part along each axis: at most 0.21 m a substep
FASTEST_SPIN = np.float32(60.0)  # rad/s: at most 14 degrees a substep

_PART = PART_ROWS * ROW


class Pose(NamedTuple):
    """Where a part's middle is and how it is turned, a creature a lane."""

    x: float
    y: float
    cos: float
    sin: float


class Motion(NamedTuple):
    """How a part moves, a creature a lane."""

    x: float
    y: float
    spin: float


@njit(forceinline=True, **INNER)
def pose_of(part):  # type: ignore[no-untyped-def]
    """The pose of the part at this address."""
    return Pose(load(part, X), load(part, Y), load(part, COS), load(part, SIN))


@njit(forceinline=True, **INNER)
def motion_of(part):  # type: ignore[no-untyped-def]
    """The motion of the part at this address."""
    return Motion(load(part, VX), load(part, VY), load(part, SPIN))


@njit(nogil=True, cache=True, forceinline=True)
def move(part, motion):  # type: ignore[no-untyped-def]
    """Write a part's motion."""
    store(part, VX, motion.x)
    store(part, VY, motion.y)
    store(part, SPIN, motion.spin)


@njit(nogil=True, cache=True, forceinline=True)
def kick(motion, inv_mass, inv_inertia, arm_x, arm_y, x, y, twist):  # type: ignore[no-untyped-def]
    """A motion after an impulse (x, y) at an arm from the part's middle, and a twist."""
    return Motion(
        motion.x + inv_mass * x, motion.y + inv_mass * y, motion.spin + inv_inertia * (arm_x * y - arm_y * x + twist)
    )


@njit(nogil=True, cache=True, forceinline=True)
def only(mask, new, old):  # type: ignore[no-untyped-def]
    """The new motion in the lanes of `mask`, the old one, to the last bit, in the others."""
    return Motion(where(mask, new.x, old.x), where(mask, new.y, old.y), where(mask, new.spin, old.spin))


@njit(nogil=True, cache=True)
def fall(parts, items, h):  # type: ignore[no-untyped-def]
    """Gravity over h seconds, on parts that exist."""
    for item in range(items):
        part = parts + item * _PART
        down = load(part, VY)
        store(part, VY, where(load(part, INV_MASS) > 0, down - h * GRAVITY, down))


@njit(nogil=True, cache=True, forceinline=True)
def _within(value, most):  # type: ignore[no-untyped-def]
    return maximum(minimum(value, most), -most)


@njit(nogil=True, cache=True)
def drift(parts, items, h):  # type: ignore[no-untyped-def]
    """Let every part move on for h seconds, no faster than FASTEST and FASTEST_SPIN."""
    for item in range(items):
        part = parts + item * _PART
        here, motion = pose_of(part), motion_of(part)
        motion = Motion(_within(motion.x, FASTEST), _within(motion.y, FASTEST), _within(motion.spin, FASTEST_SPIN))
        move(part, motion)
        turn = h * motion.spin
        cos_turn = 1.0 - 0.5 * turn * turn
        sin_turn = turn * (1.0 - turn * turn * np.float32(1 / 6))
        cos = here.cos * cos_turn - here.sin * sin_turn
        sin = here.sin * cos_turn + here.cos * sin_turn
        unit = 1.0 / sqrt(maximum(cos * cos + sin * sin, np.float32(1e-12)))  # a part that is not has no direction
        store(part, X, here.x + h * motion.x)
        store(part, Y, here.y + h * motion.y)
        store(part, COS, cos * unit)
        store(part, SIN, sin * unit)


@njit(**INNER)
def keep_near(parts, items, origin):  # type: ignore[no-untyped-def]
    """Count x from an origin further on, or back, once the chassis is out of [0, STRETCH); `origin` is an address."""
    x = load(parts, X)
    right, left = x >= STRETCH, x < 0.0
    if not any_lane(right | left):
        return
    sample = load_whole(origin, 0)
    store_whole(origin, 0, choose(right, sample + STRETCH_SAMPLES, choose(left, sample - STRETCH_SAMPLES, sample)))
    for item in range(items):
        part = parts + item * _PART
        x = load(part, X)
        there = where(right, x - STRETCH, where(left, x + STRETCH, x))
        store(part, X, where(load(part, INV_MASS) > 0, there, x))


@njit(forceinline=True, **INNER)
def angle_of(cos, sin):  # type: ignore[no-untyped-def]
    """The angle of a direction, -pi to pi, within 1e-6; a polynomial, so that its bits are the same everywhere."""
    wide, high = absolute(cos), absolute(sin)
    ratio = minimum(wide, high) / maximum(maximum(wide, high), np.float32(1e-12))
    square = ratio * ratio
    series = square * np.float32(-0.0039602572) + np.float32(0.021509254)
    series = square * series - np.float32(0.055381698)
    series = square * series + np.float32(0.096016564)
    series = square * series - np.float32(0.13892041)
    series = square * series + np.float32(0.19943081)
    series = square * series - np.float32(0.33329538)
    series = square * series + np.float32(0.99999925)
    angle = ratio * series
    angle = where(high > wide, np.float32(np.pi / 2) - angle, angle)
    angle = where(cos < 0.0, np.float32(np.pi) - angle, angle)
    return where(sin < 0.0, -angle, angle)
