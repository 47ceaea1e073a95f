"""What joints do to the parts they join: drive them, hold their angle within reach, and keep the two ends together.

Each phase walks the joints of one block, all lanes at once; what a creature lacks is left alone to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

from numba import njit

from teem.inner import INNER
from teem.lanes import ROW, absolute, load, maximum, minimum, store, where
from teem.worlds.crawlers.blocks import (
    ANCHOR_X,
    ANCHOR_Y,
    ANGLE,
    BY_TORQUE,
    CARRIER,
    COMMAND,
    DRIVE,
    ENERGY,
    GRIP,
    INV_INERTIA,
    INV_MASS,
    JOINT_ROWS,
    LOWER,
    PART_ROWS,
    PULL_X,
    PULL_Y,
    RATE,
    REACH,
    REST_COS,
    REST_SIN,
    SPEED,
    SPIN,
    TORQUE,
    UPPER,
)
from teem.worlds.crawlers.motion import Motion, angle_of, kick, motion_of, move, only, pose_of

_PART, _JOINT = PART_ROWS * ROW, JOINT_ROWS * ROW


class Pair(NamedTuple):
    """The motions of the part that carries a joint and of the part that hangs on it."""

    carrier: Motion
    part: Motion


class Weight(NamedTuple):
    """Inverse masses and inertias of the two."""

    mass: float
    inertia: float
    part_mass: float
    part_inertia: float


@njit(forceinline=True, **INNER)
def _weight_of(carrier, part):  # type: ignore[no-untyped-def]
    return Weight(load(carrier, INV_MASS), load(carrier, INV_INERTIA), load(part, INV_MASS), load(part, INV_INERTIA))


@njit(forceinline=True, **INNER)
def _pair_of(carrier, part):  # type: ignore[no-untyped-def]
    return Pair(motion_of(carrier), motion_of(part))


@njit(forceinline=True, **INNER)
def _arms(joint, carrier, part):  # type: ignore[no-untyped-def]
    """From both middles to the joint: x and y on the carrier, x and y on the part."""
    big, small = pose_of(carrier), pose_of(part)
    ax, ay, grip = load(joint, ANCHOR_X), load(joint, ANCHOR_Y), load(joint, GRIP)
    return big.cos * ax - big.sin * ay, big.sin * ax + big.cos * ay, small.cos * grip, small.sin * grip


@njit(forceinline=True, **INNER)
def _twist(pair, weight, impulse):  # type: ignore[no-untyped-def]
    """Turn the part counter-clockwise against its carrier."""
    big, small = pair
    return Pair(
        Motion(big.x, big.y, big.spin - weight.inertia * impulse),
        Motion(small.x, small.y, small.spin + weight.part_inertia * impulse),
    )


@njit(forceinline=True, **INNER)
def _pull(pair, weight, arms, x, y, twist):  # type: ignore[no-untyped-def]
    """An impulse at the joint on the part, its opposite on the carrier, and a twist."""
    return Pair(
        kick(pair.carrier, weight.mass, weight.inertia, arms[0], arms[1], -x, -y, -twist),
        kick(pair.part, weight.part_mass, weight.part_inertia, arms[2], arms[3], x, y, twist),
    )


@njit(nogil=True, cache=True, forceinline=True)
def _write(pair, exists, carrier, part):  # type: ignore[no-untyped-def]
    move(carrier, only(exists, pair.carrier, motion_of(carrier)))
    move(part, only(exists, pair.part, motion_of(part)))


@njit(**INNER)
def read_angles(parts, joints, walk, items):  # type: ignore[no-untyped-def]
    """How far each joint is turned from rest, and how fast."""
    for item in range(1, items):
        joint, part, carrier = joints + (item - 1) * _JOINT, parts + item * _PART, parts + walk[item, CARRIER] * _PART
        big, small = pose_of(carrier), pose_of(part)
        cos, sin = big.cos * small.cos + big.sin * small.sin, big.cos * small.sin - big.sin * small.cos
        rest_cos, rest_sin = load(joint, REST_COS), load(joint, REST_SIN)
        store(joint, ANGLE, angle_of(cos * rest_cos + sin * rest_sin, sin * rest_cos - cos * rest_sin))
        turning = load(part, SPIN) - load(carrier, SPIN)
        store(joint, RATE, where(load(part, INV_MASS) > 0, turning, 0.0))


@njit(**INNER)
def warm_joints(parts, joints, walk, items):  # type: ignore[no-untyped-def]
    """Begin a substep with the impulses of the last one."""
    for item in range(1, items):
        joint, part, carrier = joints + (item - 1) * _JOINT, parts + item * _PART, parts + walk[item, CARRIER] * _PART
        weight = _weight_of(carrier, part)
        twist = load(joint, DRIVE) + load(joint, LOWER) - load(joint, UPPER)
        arms = _arms(joint, carrier, part)
        pair = _pull(_pair_of(carrier, part), weight, arms, load(joint, PULL_X), load(joint, PULL_Y), twist)
        _write(pair, weight.part_mass > 0, carrier, part)


@njit(nogil=True, cache=True, forceinline=True)
def _drive(joint, pair, weight, stiff, by_torque, h):  # type: ignore[no-untyped-def]
    """The motor: the commanded speed as far as its torque allows, or a share of its torque outright."""
    command, most, so_far = load(joint, COMMAND), h * load(joint, TORQUE), load(joint, DRIVE)
    turning = pair.part.spin - pair.carrier.spin
    wanted = so_far + stiff * (command * load(joint, SPEED) - turning)
    total = where(by_torque, command * most, maximum(minimum(wanted, most), -most))
    store(joint, DRIVE, total)
    return _twist(pair, weight, total - so_far)


@njit(nogil=True, cache=True, forceinline=True)
def _hold(room, turning, so_far, stiff, h, soft):  # type: ignore[no-untyped-def]
    """The impulse so far that keeps an angle from closing the `room` it has left; `turning` closes it."""
    rate, mass, leak = soft
    ahead = room > 0.0  # may still turn so far as to reach the end within this substep
    bias = where(ahead, room / h, rate * room)
    impulse = -stiff * where(ahead, 1.0, mass) * (bias - turning) - where(ahead, 0.0, leak) * so_far
    return maximum(so_far + impulse, 0.0)


@njit(nogil=True, cache=True, forceinline=True)
def _limit(joint, pair, weight, stiff, h, soft):  # type: ignore[no-untyped-def]
    """Both ends of a joint's reach."""
    angle, reach = load(joint, ANGLE), load(joint, REACH)
    so_far = load(joint, LOWER)
    total = _hold(angle + reach, pair.carrier.spin - pair.part.spin, so_far, stiff, h, soft)
    store(joint, LOWER, total)
    pair = _twist(pair, weight, total - so_far)
    so_far = load(joint, UPPER)
    total = _hold(reach - angle, pair.part.spin - pair.carrier.spin, so_far, stiff, h, soft)
    store(joint, UPPER, total)
    return _twist(pair, weight, so_far - total)


@njit(**INNER)
def solve_joints(parts, joints, walk, items, life, h, soft):  # type: ignore[no-untyped-def]
    """Motor and limits of each joint, in the order of the parts."""
    by_torque = load(life, BY_TORQUE) > 0
    for item in range(1, items):
        joint, part, carrier = joints + (item - 1) * _JOINT, parts + item * _PART, parts + walk[item, CARRIER] * _PART
        weight = _weight_of(carrier, part)
        exists = weight.part_mass > 0
        stiff = where(exists, 1.0 / where(exists, weight.inertia + weight.part_inertia, 1.0), 0.0)
        pair = _drive(joint, _pair_of(carrier, part), weight, stiff, by_torque, h)
        pair = _limit(joint, pair, weight, stiff, h, soft)
        _write(pair, exists, carrier, part)


@njit(**INNER)
def turn_joints(parts, joints, walk, items, h):  # type: ignore[no-untyped-def]
    """Follow the joints' angles through a substep."""
    for item in range(1, items):
        joint, part, carrier = joints + (item - 1) * _JOINT, parts + item * _PART, parts + walk[item, CARRIER] * _PART
        turning = load(part, SPIN) - load(carrier, SPIN)
        angle = load(joint, ANGLE)
        store(joint, ANGLE, where(load(part, INV_MASS) > 0, angle + h * turning, angle))


@njit(**INNER)
def spend(parts, joints, walk, items, life):  # type: ignore[no-untyped-def]
    """Count the work of every motor in this substep, whichever way it went, as spent energy."""
    energy = load(life, ENERGY)
    for item in range(1, items):
        joint, part, carrier = joints + (item - 1) * _JOINT, parts + item * _PART, parts + walk[item, CARRIER] * _PART
        turning = load(part, SPIN) - load(carrier, SPIN)
        turned = 0.5 * (load(joint, RATE) + turning)
        exists = load(part, INV_MASS) > 0
        energy = where(exists, energy + absolute(load(joint, DRIVE) * turned), energy)
        store(joint, RATE, where(exists, turning, 0.0))
    store(life, ENERGY, energy)


__all__ = ["read_angles", "solve_joints", "spend", "turn_joints", "warm_joints"]
