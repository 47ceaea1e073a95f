"""What physics tells: every creature's pose, motion, joints and touch, as columns by slot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.lanes import LANES
from teem.worlds.crawlers import blocks as b
from teem.worlds.crawlers.ground import SAMPLES, SPACING
from teem.worlds.crawlers.plan import JOINTS, PARTS

Floats = NDArray[np.float32]

POSE = 7  # columns of a pose, numbered X, Y, COS, SIN, VX, VY, SPIN as in blocks
_SPACING = np.float32(SPACING)
ANGLE, RATE = range(2)  # columns of a turn


class Reading(NamedTuple):
    """Columns by slot; what a creature lacks, and whoever isn't there, is 0."""

    tile: NDArray[np.int32]  # [capacity] where the chassis is, and x counts from
    pose: Floats  # [capacity, PARTS, POSE] metres, cosine and sine, m/s, rad/s
    turn: Floats  # [capacity, JOINTS, 2] radians from rest, rad/s
    touch: NDArray[np.bool_]  # [capacity, PARTS] whether it pressed the ground at the end
    energy: Floats  # [capacity] joules that motors spent in the last call of `step`


def reading_of(capacity: int) -> Reading:
    """Columns of nobody."""
    return Reading(
        np.zeros(capacity, np.int32),
        np.zeros((capacity, PARTS, POSE), np.float32),
        np.zeros((capacity, JOINTS, 2), np.float32),
        np.zeros((capacity, PARTS), np.bool_),
        np.zeros(capacity, np.float32),
    )


@njit(nogil=True, cache=True)
def forget(slots, reading):  # type: ignore[no-untyped-def]
    """Blank the columns of some slots."""
    for slot in slots:
        reading.tile[slot] = 0
        reading.energy[slot] = 0.0
        for part in range(PARTS):
            reading.touch[slot, part] = False
            for k in range(POSE):
                reading.pose[slot, part, k] = 0.0
        for joint in range(JOINTS):
            reading.turn[slot, joint, ANGLE] = reading.turn[slot, joint, RATE] = 0.0


@njit(**INNER)
def _read_life(block, lane, blocks, reading):  # type: ignore[no-untyped-def]
    """Where a creature is and what it spent; returns how far its origin is from where its tile begins, in metres."""
    slot, origin = blocks.slot[block, lane], blocks.origin[block, lane]
    tile = (origin + np.int32(np.floor(blocks.parts[block, 0, b.X, lane] / _SPACING))) // SAMPLES
    reading.tile[slot] = tile
    reading.energy[slot] = blocks.lives[block, b.ENERGY, lane]
    return np.float32(origin - tile * SAMPLES) * _SPACING


@njit(**INNER)
def _read_lanes(block, first, last, blocks, reading, begin):  # type: ignore[no-untyped-def]
    """Fill in the columns of those who live in lanes[first:last] of a block."""
    for lane in range(first, last):
        if blocks.slot[block, lane] != b.NOBODY:
            begin[lane] = _read_life(block, lane, blocks, reading)
    for item in range(blocks.items[block]):
        part, joint = blocks.parts[block, item], blocks.joints[block, max(item - 1, 0)]
        number = blocks.walk[block, item, b.PART]
        for lane in range(first, last):
            slot = blocks.slot[block, lane]
            if part[b.INV_MASS, lane] <= 0:
                continue
            for k in range(POSE):
                reading.pose[slot, number, k] = part[k, lane]
            reading.pose[slot, number, b.X] += begin[lane]
            reading.touch[slot, number] = part[b.TOUCH, lane] > 0
            if item:
                reading.turn[slot, number - 1, ANGLE] = joint[b.ANGLE, lane]
                reading.turn[slot, number - 1, RATE] = joint[b.RATE, lane]


@njit(nogil=True, cache=True)
def read_blocks(start, stop, blocks, reading):  # type: ignore[no-untyped-def]
    """Fill in the columns of all who live in blocks[start:stop]."""
    begin = np.zeros(LANES, np.float32)
    for block in range(start, stop):
        if blocks.items[block]:
            _read_lanes(block, 0, LANES, blocks, reading, begin)


@njit(nogil=True, cache=True)
def read_slots(slots, home, blocks, reading):  # type: ignore[no-untyped-def]
    """Fill in the columns of those who live in `slots`."""
    begin = np.zeros(LANES, np.float32)
    for slot in slots:
        if home[slot, 0] >= 0:
            _read_lanes(home[slot, 0], home[slot, 1], home[slot, 1] + 1, blocks, reading, begin)
