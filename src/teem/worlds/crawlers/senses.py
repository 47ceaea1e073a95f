"""What a crawler perceives: itself, its joints, its rays and the nearest food, each as tokens."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.inner import INNER
from teem.worlds.crawlers.ground import SAMPLES, SPACING, height_at
from teem.worlds.crawlers.plan import CHASSIS, LIMBS, SEGMENTS
from teem.worlds.crawlers.rays import CREATURE, FOOD, OBSTACLE, TERRAIN
from teem.worlds.crawlers.reading import ANGLE, RATE

SELF = ("height", "level", "tilt", "forward", "upward", "spin", "slope", "grip", "energy", "belly", "feet")
JOINT = ("strength", "angle", "rate", "touch", "command", "along", "up", "length")  # strength 0: there is none
RAY = ("free", "terrain", "obstacle", "creature", "food", "along", "down")
NEAREST = ("amount", "along", "up")  # amount 0: there is none

_LIMB_JOINTS = LIMBS * SEGMENTS
_METRE = 1.0  # to either side, for the slope
_SPEED = np.float32(3.0)  # m/s that count as 1
_SPIN = np.float32(5.0)  # rad/s that count as 1
_MOST = np.float32(3.0)  # beyond which numbers are cut off
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)


class Sensed(NamedTuple):
    """What there is to perceive, by slot."""

    tile: NDArray[np.int32]  # [capacity]
    pose: NDArray[np.float32]  # [capacity, PARTS, POSE]
    turn: NDArray[np.float32]  # [capacity, JOINTS, 2]
    touch: NDArray[np.bool_]  # [capacity, PARTS]
    command: NDArray[np.float32]  # [capacity, JOINTS]
    energy: NDArray[np.float32]  # [capacity] joules
    distance: NDArray[np.float32]  # [capacity, rays]
    hit: NDArray[np.int8]  # [capacity, rays]
    item: NDArray[np.int64]  # [capacity] the nearest food; -1: none in reach
    away_x: NDArray[np.float32]  # [capacity] metres to it
    away_y: NDArray[np.float32]  # [capacity]


class Build(NamedTuple):
    """What a creature's senses are measured by, by slot."""

    mass: NDArray[np.float32]  # [capacity, PARTS]
    half_length: NDArray[np.float32]  # [capacity, PARTS]
    radius: NDArray[np.float32]  # [capacity, PARTS]
    reach: NDArray[np.float32]  # [capacity, JOINTS]
    torque: NDArray[np.float32]  # [capacity, JOINTS]
    speed: NDArray[np.float32]  # [capacity, JOINTS]


class Scale(NamedTuple):
    """What counts as 1."""

    energy: np.float32  # joules
    torque: np.float32  # N m
    sight: np.float32  # metres


@njit(nogil=True, cache=True, inline="always")
def _cut(value):  # type: ignore[no-untyped-def]
    return min(max(value, -_MOST), _MOST)


@njit(nogil=True, cache=True, inline="always")
def _turned(parent, child):  # type: ignore[no-untyped-def]
    """The sine of the angle between two poses."""
    return child[3] * parent[2] - child[2] * parent[3]


@njit(nogil=True, cache=True)
def sense(start, stop, who, joints, sensed, build, fan, ground, items, scale, out, mask):  # type: ignore[no-untyped-def]
    """Write the observations of who[start:stop], and which of the `joints` each has into `mask`."""
    for i in who[start:stop]:
        at = _sense_self(i, sensed, build, ground, scale, out[i])
        at = _sense_joints(i, at, joints, sensed, build, scale, out[i], mask[i])
        at = _sense_rays(i, at, sensed, fan, out[i])
        _sense_food(i, at, sensed, items, scale, out[i])


@njit(**INNER)
def _sense_self(i, sensed, build, ground, scale, out):  # type: ignore[no-untyped-def]
    chassis, tile = sensed.pose[i, 0], sensed.tile[i]
    x, y = np.float64(chassis[0]), np.float64(chassis[1])
    out[0] = _cut(np.float32(y - height_at(tile, x, ground)))
    out[1], out[2] = chassis[2], chassis[3]
    out[3], out[4] = _cut(chassis[4] / _SPEED), _cut(chassis[5] / _SPEED)
    out[5] = _cut(chassis[6] / _SPIN)
    rise = height_at(tile, x + _METRE, ground) - height_at(tile, x - _METRE, ground)
    out[6] = _cut(np.float32(rise / (2.0 * _METRE)))
    sample = (np.int64(tile) - ground.first) * SAMPLES + np.int64(np.floor(x / SPACING))
    out[7] = ground.friction[min(max(sample, 0), ground.friction.shape[0] - 1)]
    out[8] = sensed.energy[i] / scale.energy
    out[9] = _ONE if sensed.touch[i, 0] else _ZERO
    there = feet = 0
    for part in range(1, sensed.touch.shape[1]):
        there += build.mass[i, part] > _ZERO
        feet += sensed.touch[i, part]
    out[10] = np.float32(feet) / np.float32(max(there, 1))
    return len(SELF)


@njit(**INNER)
def _sense_joints(i, at, joints, sensed, build, scale, out, mask):  # type: ignore[no-untyped-def]
    pose = sensed.pose[i]
    for branch in range(joints.shape[0]):
        j = joints[branch]
        mask[branch] = build.mass[i, j + 1] > _ZERO
        if not mask[branch]:
            out[at : at + len(JOINT)] = _ZERO
            at += len(JOINT)
            continue
        angle = sensed.turn[i, j, ANGLE]
        wheel = j >= _LIMB_JOINTS
        dx, dy = pose[j + 1, 0] - pose[CHASSIS, 0], pose[j + 1, 1] - pose[CHASSIS, 1]
        out[at] = build.torque[i, j] / scale.torque
        out[at + 1] = _turned(pose[CHASSIS], pose[j + 1]) if wheel else _cut(angle / build.reach[i, j])
        out[at + 2] = _cut(sensed.turn[i, j, RATE] / build.speed[i, j])
        out[at + 3] = _ONE if sensed.touch[i, j + 1] else _ZERO
        out[at + 4] = sensed.command[i, j]
        out[at + 5] = _cut(dx * pose[CHASSIS, 2] + dy * pose[CHASSIS, 3])
        out[at + 6] = _cut(dy * pose[CHASSIS, 2] - dx * pose[CHASSIS, 3])
        out[at + 7] = build.half_length[i, j + 1] + build.radius[i, j + 1]
        at += len(JOINT)
    return at


@njit(**INNER)
def _sense_rays(i, at, sensed, fan, out):  # type: ignore[no-untyped-def]
    cosine, sine = sensed.pose[i, 0, 2], sensed.pose[i, 0, 3]
    for ray in range(fan.cosine.shape[0]):
        hit = sensed.hit[i, ray]
        out[at] = sensed.distance[i, ray]
        out[at + 1] = _ONE if hit == TERRAIN else _ZERO
        out[at + 2] = _ONE if hit == OBSTACLE else _ZERO
        out[at + 3] = _ONE if hit == CREATURE else _ZERO
        out[at + 4] = _ONE if hit == FOOD else _ZERO
        out[at + 5] = cosine * fan.cosine[ray] - sine * fan.sine[ray]
        out[at + 6] = -(sine * fan.cosine[ray] + cosine * fan.sine[ray])
        at += len(RAY)
    return at


@njit(**INNER)
def _sense_food(i, at, sensed, items, scale, out):  # type: ignore[no-untyped-def]
    item = sensed.item[i]
    out[at : at + len(NEAREST)] = _ZERO
    if item >= 0:
        out[at] = items.amount[item] / items.whole[item]
        out[at + 1] = sensed.away_x[i] / scale.sight
        out[at + 2] = sensed.away_y[i] / scale.sight
