"""The same bodies, gaits and ground in Box2D v3 (pyb2d3): rigid parts, revolute joints, a chain of segments."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyb2d3
from numpy.typing import NDArray

from teem.worlds.crawlers.ground import SPACING, Ground
from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL, PARENT, Plan

GROUND, CREATURE = 1, 2  # categories: creatures touch the ground alone, neither each other nor themselves


def walk(plan: Plan, ground: Ground, pose: NDArray[np.float32], speeds: NDArray[np.float32]) -> NDArray[np.float64]:
    """[steps + 1, creatures] x of the chassis, from a pose [creatures, PARTS, 4], each motor at speeds [steps, ...]."""
    world = pyb2d3.World(gravity=(0.0, -9.81))
    world.sleeping_enabled = False
    _lay_ground(world, ground)
    chassis, motors = [], []
    for row in range(len(plan.mass)):
        parts = {int(part): _part(world, plan, row, part, pose) for part in np.flatnonzero(plan.mass[row])}
        chassis.append(parts[CHASSIS])
        motors += [(row, part - 1, _joint(world, plan, row, part - 1, parts)) for part in parts if part != CHASSIS]
    path = [[body.position[0] for body in chassis]]
    for wanted in speeds:
        for row, number, motor in motors:
            motor.motor_speed = float(wanted[row, number])
        world.step(1 / 60, 4)
        path.append([body.position[0] for body in chassis])
    return np.array(path)


def _lay_ground(world: pyb2d3.World, ground: Ground) -> None:
    """From the right to the left, so that its outside is up; friction is one number."""
    body = world.create_static_body()
    x = ground.first * 100.0 + np.arange(len(ground.height)) * SPACING
    points = [(float(a), float(b)) for a, b in zip(x, ground.height, strict=True)][::-1]
    assert all(a[0] > b[0] for a, b in pairwise(points))
    material = pyb2d3.surface_material(friction=float(ground.friction[0]) ** 2)  # two frictions mix to their mean
    filter_ = pyb2d3.make_filter(category_bits=GROUND, mask_bits=CREATURE)
    body.create_chain(pyb2d3.chain_def(points=points, is_loop=False, materials=[material], filter=filter_))


def _part(world: pyb2d3.World, plan: Plan, row: int, part: int, pose: NDArray[np.float32]) -> pyb2d3.Body:
    x, y, cos, sin = (float(value) for value in pose[row, part, :4])
    body = world.create_dynamic_body(position=(x, y), rotation=float(np.arctan2(sin, cos)))
    half, radius = float(plan.half_length[row, part]), float(plan.radius[row, part])
    shape = pyb2d3.shape_def(
        density=1.0,
        material=pyb2d3.surface_material(friction=float(plan.friction[row, part]) ** 2),
        filter=pyb2d3.make_filter(category_bits=CREATURE, mask_bits=GROUND),
    )
    if part == CHASSIS:
        body.create_shape(shape, pyb2d3.box(half, radius))
    elif part < FIRST_WHEEL:
        body.create_shape(shape, pyb2d3.capsule((-half, 0.0), (half, 0.0), radius))
    else:
        body.create_shape(shape, pyb2d3.circle((0.0, 0.0), radius))
    weight = pyb2d3.MassData()
    weight.mass, weight.center = float(plan.mass[row, part]), (0.0, 0.0)
    weight.rotational_inertia = float(plan.inertia[row, part])
    body.mass_data = weight
    return body


def _joint(
    world: pyb2d3.World, plan: Plan, row: int, number: int, parts: dict[int, pyb2d3.Body]
) -> pyb2d3.RevoluteJoint:
    reach = float(plan.reach[row, number])
    limits = {"enable_limit": True, "lower_angle": -reach, "upper_angle": reach} if np.isfinite(reach) else {}
    return world.create_revolute_joint(
        body_a=parts[int(PARENT[number])],
        body_b=parts[number + 1],
        local_anchor_a=tuple(float(value) for value in plan.anchor[row, number]),
        local_anchor_b=(float(plan.grip[row, number]), 0.0),
        reference_angle=float(plan.rest[row, number]),
        enable_motor=True,
        max_motor_torque=float(plan.torque[row, number]),
        **limits,
    )
