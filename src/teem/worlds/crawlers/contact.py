"""Where parts touch the ground, looked for once a step, and kept for its substeps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.lanes import ROW, any_lane, gather, load, minimum, store, truncate, where
from teem.worlds.crawlers.blocks import (
    CORNERS,
    ENDS,
    FIRST_SPOT,
    FRICTION,
    HALF_LENGTH,
    INV_INERTIA,
    INV_MASS,
    PART,
    PART_ROWS,
    PUSH,
    RADIUS,
    RUB,
    SIDES,
)
from teem.worlds.crawlers.bumps import NEAR, Point, below, beside, flanks, sample_of
from teem.worlds.crawlers.motion import motion_of, pose_of
from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL

# Rows of a contact, of this step alone.
LOCAL_X, LOCAL_Y, FROM_X, FROM_Y, GAP = range(5)  # the point, in the part's frame; where it was, how far off
NORMAL_X, NORMAL_Y, ARM_X, ARM_Y = range(5, 9)  # out of the ground; from the part's middle to where they touch
NORMAL_MASS, ALONG_MASS, GRIPS = range(9, 12)  # 0: not this creature; coefficient of friction
CONTACT_ROWS = 12
FOUND = 2  # columns of the list: a spot, and the item it belongs to
SPOT, ITEM = range(FOUND)

_PART, _CONTACT, _SPOT = PART_ROWS * ROW, CONTACT_ROWS * ROW, 2 * ROW


class Finder(NamedTuple):
    """Addresses of what a search for contacts reads and writes."""

    part: int
    spots: int  # impulses of the block's spots
    contacts: int  # records of the block's spots
    dt: float  # seconds that the contacts are to last


@njit(**INNER)
def _touch(finder, land, spot, item, found, count, pose, bump, point):  # type: ignore[no-untyped-def]
    """Write down a contact if any creature is near it; returns how many are found now."""
    part, motion = finder.part, motion_of(finder.part)
    inv_mass, inv_inertia = load(part, INV_MASS), load(part, INV_INERTIA)
    reach_x, reach_y = pose.cos * point.x - pose.sin * point.y, pose.sin * point.x + pose.cos * point.y
    arm_x, arm_y = reach_x - point.radius * bump.x, reach_y - point.radius * bump.y
    speed = (motion.x - motion.spin * arm_y) * bump.x + (motion.y + motion.spin * arm_x) * bump.y
    near = (inv_mass > 0) & (bump.gap + finder.dt * minimum(speed, 0.0) < NEAR)
    impulse = finder.spots + spot * _SPOT
    store(impulse, PUSH, where(near, load(impulse, PUSH), 0.0))
    store(impulse, RUB, where(near, load(impulse, RUB), 0.0))
    if not any_lane(near):
        return count
    contact = finder.contacts + spot * _CONTACT
    store(contact, LOCAL_X, point.x)
    store(contact, LOCAL_Y, point.y)
    store(contact, FROM_X, pose.x + reach_x)
    store(contact, FROM_Y, pose.y + reach_y)
    store(contact, GAP, bump.gap)
    store(contact, NORMAL_X, bump.x)
    store(contact, NORMAL_Y, bump.y)
    store(contact, ARM_X, arm_x)
    store(contact, ARM_Y, arm_y)
    lever, along = arm_x * bump.y - arm_y * bump.x, -arm_x * bump.x - arm_y * bump.y
    store(contact, NORMAL_MASS, where(near, 1.0 / where(near, inv_mass + inv_inertia * lever * lever, 1.0), 0.0))
    store(contact, ALONG_MASS, where(near, 1.0 / where(near, inv_mass + inv_inertia * along * along, 1.0), 0.0))
    store(contact, GRIPS, load(part, FRICTION) * gather(land.friction, sample_of(land, truncate(bump.cell))))
    found[count, SPOT], found[count, ITEM] = spot, item
    return count + 1


@njit(**INNER)
def find_contacts(parts, spots, contacts, found, walk, items, land, dt):  # type: ignore[no-untyped-def]
    """List the spots of a block where somebody touches the ground, or soon will; returns how many.

    Fills `found` [SPOTS, FOUND] and the records at `contacts`; spots that are off the ground lose their impulses.
    """
    count = 0
    for item in range(items):
        part, number, spot = parts + item * _PART, walk[item, PART], walk[item, FIRST_SPOT]
        finder = Finder(part, spots, contacts, dt)
        pose, half, radius = pose_of(part), load(part, HALF_LENGTH), load(part, RADIUS)
        is_box, is_wheel = number == CHASSIS, number >= FIRST_WHEEL
        for disc in range(CORNERS if is_box else (1 if is_wheel else ENDS)):
            fore, up = 2.0 * (disc % 2) - 1.0, 2.0 * (disc // 2) - 1.0
            local_x, local_y = half * np.float32(fore), radius * np.float32(up if is_box else 0.0)
            point = Point(local_x, local_y, radius * np.float32(0.0 if is_box else 1.0))
            x = pose.x + pose.cos * local_x - pose.sin * local_y
            y = pose.y + pose.sin * local_x + pose.cos * local_y
            under, before, after = below(land, x, y, point.radius)
            count = _touch(finder, land, spot, item, found, count, pose, under, point)
            right = beside(land, x, y, point.radius, 1, after)
            count = _touch(finder, land, spot + 1, item, found, count, pose, right, point)
            left = beside(land, x, y, point.radius, -1, before)
            count = _touch(finder, land, spot + 2, item, found, count, pose, left, point)
            spot += SIDES
        if not is_wheel:
            rear, front = flanks(land, pose, half, radius, is_box)
            count = _touch(finder, land, spot, item, found, count, pose, rear.bump, rear.point)
            count = _touch(finder, land, spot + 1, item, found, count, pose, front.bump, front.point)
    return count
