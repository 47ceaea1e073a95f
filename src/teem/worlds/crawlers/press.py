"""What the ground does to parts that touch it: it bears them, and it rubs."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.lanes import ROW, load, maximum, minimum, store, where
from teem.worlds.crawlers.blocks import INV_INERTIA, INV_MASS, PART_ROWS, PUSH, RUB, TOUCH
from teem.worlds.crawlers.contact import (
    ALONG_MASS,
    ARM_X,
    ARM_Y,
    CONTACT_ROWS,
    FROM_X,
    FROM_Y,
    GAP,
    GRIPS,
    ITEM,
    LOCAL_X,
    LOCAL_Y,
    NORMAL_MASS,
    NORMAL_X,
    NORMAL_Y,
    SPOT,
)
from teem.worlds.crawlers.motion import kick, motion_of, move, only, pose_of

PUSH_OUT = np.float32(3.0)  # m/s at most at which something that has sunk in is pushed out
_PART, _CONTACT, _SPOT = PART_ROWS * ROW, CONTACT_ROWS * ROW, 2 * ROW


@njit(nogil=True, cache=True, forceinline=True)
def _push(contact, part, motion, push, rub):  # type: ignore[no-untyped-def]
    """A part's motion after an impulse out of the ground and one along it."""
    nx, ny = load(contact, NORMAL_X), load(contact, NORMAL_Y)
    x, y = push * nx + rub * ny, push * ny - rub * nx
    arm_x, arm_y = load(contact, ARM_X), load(contact, ARM_Y)
    return kick(motion, load(part, INV_MASS), load(part, INV_INERTIA), arm_x, arm_y, x, y, 0.0)


@njit(**INNER)
def warm_contacts(parts, spots, contacts, found, count):  # type: ignore[no-untyped-def]
    """Begin a substep with the impulses of the last one."""
    for k in range(count):
        part, contact = parts + found[k, ITEM] * _PART, contacts + found[k, SPOT] * _CONTACT
        impulse, motion = spots + found[k, SPOT] * _SPOT, motion_of(part)
        pushed = _push(contact, part, motion, load(impulse, PUSH), load(impulse, RUB))
        move(part, only(load(contact, NORMAL_MASS) > 0.0, pushed, motion))


@njit(forceinline=True, **INNER)
def _gap(contact, part):  # type: ignore[no-untyped-def]
    """How far from the ground the touching point is by now."""
    pose, x, y = pose_of(part), load(contact, LOCAL_X), load(contact, LOCAL_Y)
    gone_x = pose.x + pose.cos * x - pose.sin * y - load(contact, FROM_X)
    gone_y = pose.y + pose.sin * x + pose.cos * y - load(contact, FROM_Y)
    return load(contact, GAP) + load(contact, NORMAL_X) * gone_x + load(contact, NORMAL_Y) * gone_y


@njit(forceinline=True, **INNER)
def _slip(contact, motion):  # type: ignore[no-untyped-def]
    """How fast the touching point leaves the ground, and how fast it slides along it."""
    x = motion.x - motion.spin * load(contact, ARM_Y)
    y = motion.y + motion.spin * load(contact, ARM_X)
    nx, ny = load(contact, NORMAL_X), load(contact, NORMAL_Y)
    return x * nx + y * ny, x * ny - y * nx


@njit(**INNER)
def solve_contacts(parts, spots, contacts, found, count, h, soft):  # type: ignore[no-untyped-def]
    """Bear each touching part, then rub it, by Coulomb's law; in the order of the parts."""
    rate, mass, leak = soft
    for k in range(count):
        part, contact = parts + found[k, ITEM] * _PART, contacts + found[k, SPOT] * _CONTACT
        impulse, before = spots + found[k, SPOT] * _SPOT, motion_of(part)
        normal_mass = load(contact, NORMAL_MASS)
        gap = _gap(contact, part)
        ahead = gap > 0.0  # it may still fall so far within this substep
        bias = where(ahead, gap / h, maximum(rate * gap, -PUSH_OUT))
        push = load(impulse, PUSH)
        leaving, _ = _slip(contact, before)
        change = -normal_mass * where(ahead, 1.0, mass) * (leaving + bias) - where(ahead, 0.0, leak) * push
        total = maximum(push + change, 0.0)
        store(impulse, PUSH, total)
        motion = _push(contact, part, before, total - push, 0.0)
        rub, most = load(impulse, RUB), load(contact, GRIPS) * total
        _, sliding = _slip(contact, motion)
        rubbed = maximum(minimum(rub - load(contact, ALONG_MASS) * sliding, most), -most)
        store(impulse, RUB, rubbed)
        motion = _push(contact, part, motion, 0.0, rubbed - rub)
        move(part, only(normal_mass > 0.0, motion, before))


@njit(nogil=True, cache=True)
def feel(parts, spots, found, count, items):  # type: ignore[no-untyped-def]
    """Note which parts press the ground now."""
    for item in range(items):
        part = parts + item * _PART
        store(part, TOUCH, 0.0 * load(part, INV_MASS))
    for k in range(count):
        part = parts + found[k, ITEM] * _PART
        pressed = load(spots + found[k, SPOT] * _SPOT, PUSH) > 0.0
        store(part, TOUCH, where(pressed, 1.0, load(part, TOUCH)))


__all__ = ["feel", "solve_contacts", "warm_contacts"]
