"""Where creatures live: blocks of sixteen, one a lane, each block walking only the parts that someone in it may have.

A block's items are parts in canonical order, the chassis first; item i hangs on joint i - 1 of the block. A lane
without some part, or without a creature, holds zeros there: an inverse mass of 0, which nothing moves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.lanes import LANES, rows
from teem.worlds.crawlers.ground import SPACING
from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL, JOINTS, LIMBS, PARENT, PARTS, SEGMENTS, WHEELS

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

# Rows of a part.
X, Y, COS, SIN, VX, VY, SPIN = range(7)
INV_MASS, INV_INERTIA, HALF_LENGTH, RADIUS, FRICTION, TOUCH = range(7, 13)  # TOUCH: 1 if it pressed the ground
PART_ROWS = 13

# Rows of a joint. Impulses are those of the last substep: N s and N m s.
ANCHOR_X, ANCHOR_Y, GRIP, REST_COS, REST_SIN, REACH, TORQUE, SPEED = range(8)
COMMAND, ANGLE, RATE = range(8, 11)  # -1 to 1; from rest, rad; rad/s
PULL_X, PULL_Y, DRIVE, LOWER, UPPER = range(11, 16)
JOINT_ROWS = 16

# Rows of a life.
ENERGY, BY_TORQUE = range(2)  # J spent by motors; 1: commands are torques, not speeds
LIFE_ROWS = 2

# Places where a part may touch: each of its discs below, to the left and to the right; its flanks' two halves.
SIDES = 3  # of a disc
CORNERS, ENDS = 4, 2  # discs of the chassis, of a segment; a wheel is one
FLANKS = 2
CHASSIS_SPOTS, SEGMENT_SPOTS, WHEEL_SPOTS = CORNERS * SIDES + FLANKS, ENDS * SIDES + FLANKS, SIDES
SPOTS = CHASSIS_SPOTS + LIMBS * SEGMENTS * SEGMENT_SPOTS + WHEELS * WHEEL_SPOTS
PUSH, RUB = range(2)  # rows of a spot: impulse along the normal, and along the ground

# Columns of a block's walk.
PART, CARRIER, FIRST_SPOT = range(3)  # canonical number; item that carries it; first of its spots
WALK = 3

NOBODY = -1
STRETCH = np.float32(8.0)  # metres that a chassis goes before its origin follows: so float32 stays accurate to 1 µm
STRETCH_SAMPLES = int(STRETCH / SPACING)
_LIMB_STEPS = (0, 1, 2, 3, 4, 6, LIMBS)  # a block's limbs: those of its first creature, rounded up
_WHEEL_STEPS = (0, 2, WHEELS)
_FULL = 0.75  # share of the open lanes that must be taken before a creature opens a block of its own kind


class Blocks(NamedTuple):
    """All blocks' arrays; a block without items is free."""

    parts: Floats  # [blocks, PARTS, PART_ROWS, LANES]
    joints: Floats  # [blocks, JOINTS, JOINT_ROWS, LANES]
    spots: Floats  # [blocks, SPOTS, 2, LANES] impulses
    lives: Floats  # [blocks, LIFE_ROWS, LANES]
    origin: Ints  # [blocks, LANES] number of the sample of the ground, from tile 0's first, that x counts from
    slot: Ints  # [blocks, LANES] who lives there; NOBODY
    walk: Ints  # [blocks, PARTS, WALK]
    items: Ints  # [blocks] parts that it walks; 0: free
    shape: Ints  # [blocks] those parts, one bit each
    taken: Ints  # [blocks] lanes that someone lives in


def blocks_of(count: int) -> Blocks:
    """Room for `count` blocks, all free."""
    return Blocks(
        rows(count, PARTS, PART_ROWS),
        rows(count, JOINTS, JOINT_ROWS),
        rows(count, SPOTS, 2),
        rows(count, LIFE_ROWS),
        rows(count).view(np.int32),
        np.full((count, LANES), NOBODY, np.int32),
        np.zeros((count, PARTS, WALK), np.int32),
        np.zeros(count, np.int32),
        np.zeros(count, np.int32),
        np.zeros(count, np.int32),
    )


def _shapes() -> Ints:
    """[LIMBS + 1, SEGMENTS + 1, WHEELS + 1] the parts of a block for bodies of that many limbs, segments and wheels."""
    shapes = np.zeros((LIMBS + 1, SEGMENTS + 1, WHEELS + 1), np.int32)
    for limbs, segments, wheels in np.ndindex(shapes.shape):
        many = next(step for step in _LIMB_STEPS if step >= limbs)
        round_ = next(step for step in _WHEEL_STEPS if step >= wheels)
        parts = [CHASSIS]
        parts += [1 + limb * SEGMENTS + segment for limb in range(many) for segment in range(segments)]
        parts += [FIRST_WHEEL + wheel for wheel in range(round_)]
        shapes[limbs, segments, wheels] = sum(1 << part for part in parts)
    return shapes


SHAPES = _shapes()
_PARENT = PARENT.copy()


@njit(nogil=True, cache=True)
def _bits(number):  # type: ignore[no-untyped-def]
    count = 0
    while number:
        number &= number - 1
        count += 1
    return count


@njit(**INNER)
def _shape_of(mass):  # type: ignore[no-untyped-def]
    """The shape of a block that suits a body with these parts, whichever they are."""
    limbs = segments = wheels = 0
    for part in range(1, PARTS):
        if mass[part] <= 0:
            continue
        if part >= FIRST_WHEEL:
            wheels = part - FIRST_WHEEL + 1
        else:
            limbs = (part - 1) // SEGMENTS + 1
            segments = max(segments, (part - 1) % SEGMENTS + 1)
    return SHAPES[limbs, segments, wheels]


@njit(nogil=True, cache=True)
def _open(block, shape, blocks):  # type: ignore[no-untyped-def]
    """Give a free block the items of `shape`."""
    item_of = np.zeros(PARTS, np.int32)
    items = spot = 0
    for part in range(PARTS):
        if not (shape >> part) & 1:
            continue
        item_of[part] = items
        blocks.walk[block, items, PART] = part
        blocks.walk[block, items, CARRIER] = item_of[_PARENT[part - 1]] if part else 0
        blocks.walk[block, items, FIRST_SPOT] = spot
        spot += CHASSIS_SPOTS if part == CHASSIS else (SEGMENT_SPOTS if part < FIRST_WHEEL else WHEEL_SPOTS)
        items += 1
    blocks.shape[block] = shape
    blocks.items[block] = items


@njit(**INNER)
def find_lane(mass, blocks):  # type: ignore[no-untyped-def]
    """A lane for a body with these masses, [PARTS]: (block, lane), or (-1, -1) when all blocks are taken.

    It is in a block of its own kind, a new one if need be; while many lanes stand empty, in the smallest that suits.
    """
    shape = _shape_of(mass)
    free = best = -1
    fewest = PARTS + 1
    open_lanes = taken = 0
    for block in range(blocks.items.shape[0]):
        items = blocks.items[block]
        if items == 0:
            free = block if free < 0 else free
            continue
        open_lanes += LANES
        taken += blocks.taken[block]
        if items < fewest and blocks.taken[block] < LANES and (shape & ~blocks.shape[block]) == 0:
            best, fewest = block, items
    if free >= 0 and (best < 0 or (fewest > _bits(shape) and taken >= _FULL * open_lanes)):
        _open(free, shape, blocks)
        best = free
    for lane in range(LANES):
        if best >= 0 and blocks.slot[best, lane] == NOBODY:
            return best, lane
    return -1, -1


@njit(**INNER)
def clear_lane(block, lane, blocks):  # type: ignore[no-untyped-def]
    """Zero all that a lane holds; a block that is left empty becomes free."""
    items = blocks.items[block]
    for item in range(items):
        for row in range(PART_ROWS):
            blocks.parts[block, item, row, lane] = 0.0
    for joint in range(items - 1):
        for row in range(JOINT_ROWS):
            blocks.joints[block, joint, row, lane] = 0.0
    for spot in range(min(blocks.walk[block, items - 1, FIRST_SPOT] + CHASSIS_SPOTS, SPOTS)):
        blocks.spots[block, spot, PUSH, lane] = blocks.spots[block, spot, RUB, lane] = 0.0
    for row in range(LIFE_ROWS):
        blocks.lives[block, row, lane] = 0.0
    blocks.origin[block, lane] = 0
    blocks.slot[block, lane] = NOBODY
    blocks.taken[block] -= 1
    if blocks.taken[block] == 0:
        blocks.items[block] = 0
