"""The same bodies, gaits and ground in MuJoCo: a tree of hinges in the plane, a height field, velocity motors.

Each creature is a model of its own, and sees the ground within 25 m of where it starts.
"""

from __future__ import annotations

from xml.etree import ElementTree

import mujoco
import numpy as np
from numpy.typing import NDArray

from teem.worlds.crawlers.ground import SPACING, Ground
from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL, PARENT, PARTS, Plan

SUBSTEPS = 16
WINDOW = 25.0  # metres of ground to either side
GAIN = 300.0  # N m s/rad: how hard a motor holds its speed, as far as its torque allows


def walk(plan: Plan, ground: Ground, pose: NDArray[np.float32], speeds: NDArray[np.float32]) -> NDArray[np.float64]:
    """[steps + 1, creatures] x of the chassis, from a pose [creatures, PARTS, 4], each motor at speeds [steps, ...]."""
    return np.stack([_walk_one(plan, row, ground, pose[row], speeds[:, row]) for row in range(len(plan.mass))], 1)


def _walk_one(
    plan: Plan, row: int, ground: Ground, pose: NDArray[np.float32], speeds: NDArray[np.float32]
) -> list[float]:
    model = mujoco.MjModel.from_xml_string(_model(plan, row, ground, pose))
    data = mujoco.MjData(model)
    joints = [part - 1 for part in _depth_first(plan, row) if part != CHASSIS]
    angle = np.arctan2(pose[:, 3], pose[:, 2])
    for k, joint in enumerate(joints):
        bent = angle[joint + 1] - angle[PARENT[joint]] - plan.rest[row, joint]
        data.qpos[3 + k] = np.arctan2(np.sin(bent), np.cos(bent))
    path = [float(pose[CHASSIS, 0])]
    for wanted in speeds:
        data.ctrl[:] = wanted[joints]
        mujoco.mj_step(model, data, SUBSTEPS)
        path.append(float(data.qpos[0] + pose[CHASSIS, 0]))
    return path


def _children(plan: Plan, row: int, part: int) -> list[int]:
    return [child for child in range(1, PARTS) if plan.mass[row, child] > 0 and PARENT[child - 1] == part]


def _depth_first(plan: Plan, row: int, part: int = CHASSIS) -> list[int]:
    return [part] + [deep for child in _children(plan, row, part) for deep in _depth_first(plan, row, child)]


def _text(*values: float) -> str:
    return " ".join(repr(float(value)) for value in values)


def _model(plan: Plan, row: int, ground: Ground, pose: NDArray[np.float32]) -> str:
    root = ElementTree.Element("mujoco")
    ElementTree.SubElement(root, "compiler", angle="radian")
    ElementTree.SubElement(
        root, "option", timestep=_text(1 / 60 / SUBSTEPS), integrator="implicitfast", cone="elliptic"
    )
    asset, world = ElementTree.SubElement(root, "asset"), ElementTree.SubElement(root, "worldbody")
    actuators = ElementTree.SubElement(root, "actuator")
    _lay_ground(asset, world, ground, float(pose[CHASSIS, 0]))
    x, y, cos, sin = (float(value) for value in pose[CHASSIS, :4])
    turned = _text(0, -1, 0, np.arctan2(sin, cos))
    chassis = ElementTree.SubElement(world, "body", name=str(CHASSIS), pos=_text(x, 0, y), axisangle=turned)
    back = (cos, 0.0, -sin), (sin, 0.0, cos)  # the world's axes as the chassis sees them
    for name, axis in zip(("x", "z"), back, strict=True):
        ElementTree.SubElement(chassis, "joint", name=name, type="slide", axis=_text(*axis))
    ElementTree.SubElement(chassis, "joint", name="turn", type="hinge", axis="0 -1 0")
    _fill(chassis, plan, row, CHASSIS, float(ground.friction[0]), actuators)
    return ElementTree.tostring(root, encoding="unicode")


def _lay_ground(asset: ElementTree.Element, world: ElementTree.Element, ground: Ground, middle: float) -> None:
    x = ground.first * 100.0 + np.arange(len(ground.height)) * SPACING
    seen = np.abs(x - middle) <= WINDOW
    x, heights = x[seen], ground.height[seen].astype(np.float64)
    low, high = heights.min(), max(heights.max(), heights.min() + 0.01)
    ElementTree.SubElement(
        asset,
        "hfield",
        name="ground",
        nrow="2",
        ncol=str(len(x)),
        size=_text((x[-1] - x[0]) / 2, 2.0, high - low, 5.0),
        elevation=_text(*heights, *heights),
    )
    ElementTree.SubElement(
        world,
        "geom",
        type="hfield",
        hfield="ground",
        pos=_text((x[0] + x[-1]) / 2, 0, low),
        contype="1",
        conaffinity="0",
        friction="0 0 0",
        solref="0.01 1",
    )


def _fill(
    body: ElementTree.Element, plan: Plan, row: int, part: int, grip: float, actuators: ElementTree.Element
) -> None:
    """Give a body its weight, its shape, and the parts that hang on it."""
    half, radius = float(plan.half_length[row, part]), float(plan.radius[row, part])
    inertia = float(plan.inertia[row, part])
    weight = {"mass": _text(plan.mass[row, part]), "diaginertia": _text(inertia, inertia, inertia)}
    ElementTree.SubElement(body, "inertial", pos="0 0 0", **weight)
    if part == CHASSIS:
        shape = {"type": "box", "size": _text(half, 0.2, radius)}
    elif part < FIRST_WHEEL:
        shape = {"type": "capsule", "size": _text(radius), "fromto": _text(-half, 0, 0, half, 0, 0)}
    else:
        shape = {"type": "sphere", "size": _text(radius)}
    rub = _text(plan.friction[row, part] * grip, 0, 0)
    ElementTree.SubElement(body, "geom", contype="0", conaffinity="1", friction=rub, solref="0.01 1", **shape)
    for child in _children(plan, row, part):
        joint = child - 1
        at, rest, end = plan.anchor[row, joint], float(plan.rest[row, joint]), float(plan.grip[row, joint])
        place = at[0] - np.cos(rest) * end, 0.0, at[1] - np.sin(rest) * end
        hung = ElementTree.SubElement(body, "body", pos=_text(*place), axisangle=_text(0, -1, 0, rest))
        hinge = {"name": f"j{joint}", "type": "hinge", "axis": "0 -1 0", "pos": _text(end, 0, 0)}
        if np.isfinite(plan.reach[row, joint]):
            hinge |= {"limited": "true", "range": _text(-plan.reach[row, joint], plan.reach[row, joint])}
        ElementTree.SubElement(hung, "joint", **hinge)
        most = _text(-plan.torque[row, joint], plan.torque[row, joint])
        ElementTree.SubElement(
            actuators, "velocity", joint=f"j{joint}", kv=_text(GAIN), forcelimited="true", forcerange=most
        )
        _fill(hung, plan, row, child, grip, actuators)
