"""A step of physics, phase by phase, for a range of blocks."""

from __future__ import annotations

import numpy as np
from numba import njit

from teem.inner import INNER
from teem.lanes import LANES, ROW, address
from teem.worlds.crawlers.anchors import FIRMNESS, TREE_ROWS, solve_anchors, weigh
from teem.worlds.crawlers.blocks import (
    COMMAND,
    ENERGY,
    INV_MASS,
    JOINT_ROWS,
    LIFE_ROWS,
    NOBODY,
    PART,
    PART_ROWS,
    SPIN,
    SPOTS,
    VX,
    VY,
)
from teem.worlds.crawlers.bumps import land_of
from teem.worlds.crawlers.contact import CONTACT_ROWS, FOUND, find_contacts
from teem.worlds.crawlers.ground import SAMPLES
from teem.worlds.crawlers.joints import read_angles, solve_joints, spend, turn_joints, warm_joints
from teem.worlds.crawlers.mend import mend
from teem.worlds.crawlers.motion import drift, fall, keep_near
from teem.worlds.crawlers.plan import JOINTS, PARTS
from teem.worlds.crawlers.press import feel, solve_contacts, warm_contacts
from teem.worlds.crawlers.soft import RIGID

_PARTS, _JOINTS, _SPOTS = PARTS * PART_ROWS * ROW, JOINTS * JOINT_ROWS * ROW, SPOTS * 2 * ROW
_LIFE = LIFE_ROWS * ROW


@njit(nogil=True, cache=True)
def _scratch(rows):  # type: ignore[no-untyped-def]
    """Room for some rows of one block, beginning where a cache line does."""
    size = rows * LANES
    room = np.empty(size + LANES, np.float32)
    return room[-address(room) % ROW // 4 :]


@njit(**INNER)
def _obey(block, command, blocks):  # type: ignore[no-untyped-def]
    """Hand each creature's commands to its joints; what is not a number commands nothing."""
    for lane in range(LANES):
        slot = blocks.slot[block, lane]
        if slot == NOBODY:
            continue
        blocks.lives[block, ENERGY, lane] = 0.0
        for item in range(1, blocks.items[block]):
            asked = command[slot, blocks.walk[block, item, PART] - 1]
            wanted = min(max(asked, np.float32(-1)), np.float32(1)) if asked == asked else np.float32(0)
            blocks.joints[block, item - 1, COMMAND, lane] = wanted


@njit(**INNER)
def _shove(block, impulse, blocks):  # type: ignore[no-untyped-def]
    """Give parts the impulses that come from elsewhere: N s along x and y, and N m s."""
    for lane in range(LANES):
        slot = blocks.slot[block, lane]
        if slot == NOBODY:
            continue
        for item in range(blocks.items[block]):
            part, number = blocks.parts[block, item], blocks.walk[block, item, PART]
            part[VX, lane] += part[INV_MASS, lane] * impulse[slot, number, 0]
            part[VY, lane] += part[INV_MASS, lane] * impulse[slot, number, 1]
            part[SPIN, lane] += part[INV_MASS + 1, lane] * impulse[slot, number, 2]


@njit(nogil=True, cache=True)
def step(start, stop, steps, substeps, dt, limit_soft, contact_soft, ground, command, impulse, blocks):  # type: ignore[no-untyped-def]
    """Move the creatures of blocks[start:stop] on by `steps` steps of `dt` seconds."""
    h = np.float32(dt / substeps)
    contacts_room, tree_room = _scratch(SPOTS * CONTACT_ROWS), _scratch(PARTS * TREE_ROWS)
    contacts, tree, found = address(contacts_room), address(tree_room), np.empty((SPOTS, FOUND), np.int32)
    closing = np.float32(FIRMNESS) / h
    first, last = ground.first * SAMPLES, ground.height.shape[0] - 1
    height, friction = address(ground.height), address(ground.friction)
    for block in range(start, stop):
        items = blocks.items[block]
        if items == 0:
            continue
        parts, joints = address(blocks.parts) + block * _PARTS, address(blocks.joints) + block * _JOINTS
        spots, life = address(blocks.spots) + block * _SPOTS, address(blocks.lives) + block * _LIFE
        origin, walk = address(blocks.origin) + block * ROW, blocks.walk[block]
        _obey(block, command, blocks)
        if len(impulse):
            _shove(block, impulse, blocks)
        for _ in range(steps):
            keep_near(parts, items, origin)
            land = land_of(height, friction, first, last, origin)
            touching = find_contacts(parts, spots, contacts, found, walk, items, land, dt)
            read_angles(parts, joints, walk, items)
            weigh(parts, joints, walk, items, tree)
            for _ in range(substeps):
                fall(parts, items, h)
                warm_joints(parts, joints, walk, items)
                warm_contacts(parts, spots, contacts, found, touching)
                solve_joints(parts, joints, walk, items, life, h, limit_soft)
                solve_contacts(parts, spots, contacts, found, touching, h, contact_soft)
                solve_anchors(parts, joints, walk, items, tree, closing)
                drift(parts, items, h)
                turn_joints(parts, joints, walk, items, h)
                weigh(parts, joints, walk, items, tree)
                mend(parts, walk, items, tree)
                solve_joints(parts, joints, walk, items, life, h, RIGID)
                solve_contacts(parts, spots, contacts, found, touching, h, RIGID)
                solve_anchors(parts, joints, walk, items, tree, np.float32(0))
                spend(parts, joints, walk, items, life)
            feel(parts, spots, found, touching, items)
    contacts_room[0] = tree_room[0] = 0.0  # numba frees an array after its last mention, whoever holds its address
