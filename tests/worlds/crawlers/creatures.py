"""Bodies and grounds made by hand, for tests of physics."""

from __future__ import annotations

import numpy as np

from teem.worlds.crawlers.blocks import COS, SIN, SPIN, VX, VY, X, Y
from teem.worlds.crawlers.ground import SAMPLES, SPACING, TILE, Ground
from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL, PARENT, SEGMENTS, Plan


def put_chassis(plan: Plan, row: int, half_length=0.75, half_height=0.3, density=4.0, friction=0.8, mass=None) -> None:
    m = 4 * half_length * half_height * density if mass is None else mass
    plan.half_length[row, CHASSIS], plan.radius[row, CHASSIS] = half_length, half_height
    plan.mass[row, CHASSIS] = m
    plan.inertia[row, CHASSIS] = m * (half_length**2 + half_height**2) / 3
    plan.friction[row, CHASSIS] = friction


def put_segment(
    plan,
    row,
    part,
    anchor,
    half=0.35,
    radius=0.1,
    rest=0.0,
    density=1.0,
    torque=30.0,
    speed=4.0,
    reach=1.4,
    friction=0.8,
) -> None:
    box, disc = 4 * half * radius * density, np.pi * radius**2 * density
    plan.half_length[row, part], plan.radius[row, part] = half, radius
    plan.mass[row, part] = box + disc
    centroid = 4 * radius / (3 * np.pi)
    ends = disc * (0.5 * radius**2 - centroid**2 + (half + centroid) ** 2)
    plan.inertia[row, part] = box * (half**2 + radius**2) / 3 + ends
    plan.friction[row, part] = friction
    put_joint(plan, row, part - 1, anchor, -half, rest, torque, speed, reach)


def put_joint(plan, row, joint, anchor, grip, rest, torque, speed, reach) -> None:
    plan.anchor[row, joint], plan.grip[row, joint], plan.rest[row, joint] = anchor, grip, rest
    plan.torque[row, joint], plan.speed[row, joint], plan.reach[row, joint] = torque, speed, reach


def put_wheel(plan, row, wheel, anchor, radius=0.25, density=2.0, torque=20.0, speed=8.0, friction=0.8) -> None:
    part = FIRST_WHEEL + wheel
    plan.radius[row, part] = radius
    plan.mass[row, part] = density * np.pi * radius**2
    plan.inertia[row, part] = 0.5 * plan.mass[row, part] * radius**2
    plan.friction[row, part] = friction
    put_joint(plan, row, part - 1, anchor, 0.0, 0.0, torque, speed, np.inf)


def boxes(count: int = 1, **of_chassis) -> Plan:
    """Bodies of a chassis alone."""
    plan = Plan.of(count)
    for row in range(count):
        put_chassis(plan, row, **of_chassis)
    return plan


def mixed(count: int, seed: int = 0, torque: float = 30.0, wheels: bool = True) -> Plan:
    """Bodies of 1 to 4 limbs of two segments, half of them with two wheels: those of the figures."""
    random = np.random.default_rng(seed)
    plan = boxes(count)
    for row in range(count):
        for limb in range(random.choice([1, 2, 3, 4], p=[0.3, 0.4, 0.2, 0.1])):
            side = -1 if limb % 2 == 0 else 1
            first = 1 + limb * SEGMENTS
            halves = random.uniform(0.25, 0.4, 2)
            anchor = (side * 0.75 * (0.9 if limb < 2 else 0.35), -0.15)
            rest = -0.35 if side > 0 else -np.pi + 0.35
            put_segment(plan, row, first, anchor, halves[0], rest=rest, torque=torque)
            put_segment(plan, row, first + 1, (halves[0], 0), halves[1], rest=-0.5 * side, torque=torque)
        if wheels and random.random() < 0.5:
            for wheel, x in enumerate((-0.5, 0.5)):
                put_wheel(plan, row, wheel, (x, -0.3))
    return plan


def ground_of(height, tiles: int = 3, friction: float = 1.0, first: int = 0) -> Ground:
    """The ground of this height as a function of the metres from the first tile's beginning."""
    x = np.arange(tiles * SAMPLES + 1) * SPACING
    heights = np.broadcast_to(np.asarray(height(x), np.float32), x.shape).copy()
    return Ground(first, heights, np.full(len(x), friction, np.float32))


def flat(tiles: int = 3, friction: float = 1.0) -> Ground:
    return ground_of(lambda x: 0.0 * x, tiles, friction)


def rough(tiles: int = 3, seed: int = 1, friction: float = 1.0) -> Ground:
    """Hills with bumps every metre."""
    bumps = np.random.default_rng(seed).uniform(-0.12, 0.12, tiles * 100 + 2)
    return ground_of(
        lambda x: 0.6 * np.sin(x * 0.21) + 0.3 * np.sin(x * 0.53 + 1) + np.interp(x, np.arange(len(bumps)), bumps),
        tiles,
        friction,
    )


def numbers(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int32)


def settle_in(physics, plan, x, y, angle=0.0, tile=0, by_torque=None) -> None:
    """Place all of a plan's bodies into the first slots; plain numbers stand for all."""
    count = len(plan.mass)
    at = (np.full(count, tile, np.int32), *(np.full(count, value, np.float32) for value in (x, y, angle)))
    physics.place(numbers(count), plan, *at, by_torque)


def separation(plan, pose) -> np.ndarray:
    """[creatures, JOINTS] metres between the two ends of each joint; 0 where there is none."""
    carrier, part = pose[:, PARENT], pose[:, 1:]
    ax, ay, grip = plan.anchor[..., 0], plan.anchor[..., 1], plan.grip
    x = carrier[..., X] + carrier[..., COS] * ax - carrier[..., SIN] * ay - part[..., X] - part[..., COS] * grip
    y = carrier[..., Y] + carrier[..., SIN] * ax + carrier[..., COS] * ay - part[..., Y] - part[..., SIN] * grip
    return np.where(plan.mass[:, 1:] > 0, np.hypot(x, y), 0.0)


def height_under(ground, tile, x) -> np.ndarray:
    """Height of the ground at places [creatures, ...] counted from each creature's tile."""
    at = x + TILE * (np.asarray(tile).reshape(-1, *[1] * (x.ndim - 1)) - ground.first)
    return np.interp(at, np.arange(len(ground.height)) * SPACING, ground.height)


def energy_of(plan, pose) -> np.ndarray:
    """[creatures] joules, of motion and of height."""
    speed2 = pose[..., VX] ** 2 + pose[..., VY] ** 2
    return (0.5 * plan.mass * speed2 + 0.5 * plan.inertia * pose[..., SPIN] ** 2 + 9.81 * plan.mass * pose[..., Y]).sum(
        1
    )
