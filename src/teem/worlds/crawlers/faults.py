"""What is wrong with a plan that was written by hand: every fault at once, each with its part and value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL, LIMBS, PARENT, PARTS, SEGMENTS, WHEELS, Plan

MASS_RATIO = 50.0  # of two joined parts, at most: beyond it soft joints give way
THINNEST, LARGEST = 0.03, 3.0  # metres
STRONGEST, FASTEST = 2000.0, 50.0  # N m, rad/s
ROUGHEST = 4.0  # friction coefficient

PART_NAMES: tuple[str, ...] = (
    "chassis",
    *(f"limb {limb} segment {segment}" for limb in range(LIMBS) for segment in range(SEGMENTS)),
    *(f"wheel {wheel}" for wheel in range(WHEELS)),
)

_SEGMENT = np.arange(1, FIRST_WHEEL)
_OUTER = _SEGMENT[(_SEGMENT - 1) % SEGMENTS > 0]  # segments that hang on a segment
_HIP = np.setdiff1d(_SEGMENT, _OUTER)
_WHEEL = np.arange(FIRST_WHEEL, PARTS)
_ALL = np.arange(PARTS)
_JOINED = np.arange(1, PARTS)
_SLACK = 1e-4  # metres and radians that rounding may take

Flags = NDArray[np.bool_]  # [n, parts]
Values = NDArray[np.float32]


def faults_of(plan: Plan) -> list[str]:
    """Every fault of the bodies, in words; none if they can all be built."""
    misshapen = list(_misshapen(plan))
    if misshapen:
        return misshapen  # nothing else can be said of them
    there = plan.mass > 0
    with np.errstate(all="ignore"):  # what is not a number is named by the first check, and passes the others
        return [
            *_unknown(plan),
            *_missing(plan, there),
            *_parts(plan, there),
            *_joints(plan, there[:, 1:]),
            *_anchors(plan, there),
            *_ratios(plan, there),
        ]


def _misshapen(plan: Plan) -> Iterator[str]:
    for name, like in ((one.name, getattr(Plan.of(1), one.name)) for one in fields(Plan)):
        column = getattr(plan, name)
        if column.dtype != np.float32 or column.shape != (len(plan.mass), *like.shape[1:]):
            wanted = ", ".join(map(str, ("n", *like.shape[1:])))
            yield f"{name} is {column.dtype}{list(column.shape)}: give float32[{wanted}]"


def _unknown(plan: Plan) -> Iterator[str]:
    """Numbers that are not finite, in parts that there are not too: kernels compute with all."""
    for one in fields(plan):
        column = getattr(plan, one.name).reshape(len(plan.mass), -1)
        bad = ~np.isfinite(column)
        if one.name == "reach":
            bad[:, FIRST_WHEEL - 1 :] = np.isnan(column[:, FIRST_WHEEL - 1 :])
        column = column.reshape(len(plan.mass), getattr(plan, one.name).shape[1], -1)
        bad = bad.reshape(column.shape)
        parts = _ALL if column.shape[1] == PARTS else _JOINED
        for axis in range(column.shape[2]):
            name = one.name if column.shape[2] == 1 else f"{one.name}[{axis}]"
            yield from _say(bad[:, :, axis], parts, name, column[:, :, axis], "a finite number")


def _missing(plan: Plan, there: Flags) -> Iterator[str]:
    yield from _say(plan.mass < 0, _ALL, "mass", plan.mass, "more than 0 kg, or 0 for no such part")
    yield from _say(plan.mass[:, [CHASSIS]] == 0, _ALL, "mass", plan.mass, "a chassis")
    for row in np.flatnonzero(~there[:, 1:].any(axis=1)):
        yield f"body {row} has no limb and no wheel: nothing would ever move it"
    gap = there[:, _OUTER] & ~there[:, _OUTER - 1]
    for row, part in zip(*np.nonzero(gap), strict=True):
        name, before = PART_NAMES[_OUTER[part]], PART_NAMES[_OUTER[part] - 1]
        yield f"body {row}: {name} hangs on {before}, which has mass 0: give the limb's segments from 0 on"


def _parts(plan: Plan, there: Flags) -> Iterator[str]:
    half, radius, mass, inertia = plan.half_length, plan.radius, plan.mass, plan.inertia
    thin = there & ((radius < THINNEST) | (radius > LARGEST))
    yield from _say(thin, _ALL, "radius", radius, f"{THINNEST} to {LARGEST} m")
    straight = (half[:, :FIRST_WHEEL] <= 0) | (half[:, :FIRST_WHEEL] > LARGEST)
    yield from _say(there[:, :FIRST_WHEEL] & straight, _ALL, "half_length", half, f"more than 0, up to {LARGEST} m")
    yield from _say(
        there[:, _WHEEL] & (np.abs(half[:, _WHEEL]) > 0), _WHEEL, "half_length", half[:, _WHEEL], "0 of a wheel"
    )
    farthest = half**2 + radius**2
    farthest[:, _SEGMENT] = (half[:, _SEGMENT] + radius[:, _SEGMENT]) ** 2
    heavy = there & ((inertia <= 0) | (inertia > mass * farthest * (1 + _SLACK)))
    yield from _say(heavy, _ALL, "inertia", inertia, "more than 0, at most mass x (distance of its farthest corner)²")
    rubs = there & ((plan.friction < 0) | (plan.friction > ROUGHEST))
    yield from _say(rubs, _ALL, "friction", plan.friction, f"0 to {ROUGHEST:g}")


def _joints(plan: Plan, there: Flags) -> Iterator[str]:
    segment, wheel = _SEGMENT - 1, _WHEEL - 1
    reach = plan.reach
    tight = there[:, segment] & ((reach[:, segment] <= 0) | (reach[:, segment] > np.pi))
    yield from _say(tight, _SEGMENT, "reach", reach[:, segment], "more than 0, up to pi rad")
    free = there[:, wheel] & (reach[:, wheel] < np.inf)
    yield from _say(free, _WHEEL, "reach", reach[:, wheel], "infinite of a wheel")
    turned = there & (np.abs(plan.rest) > np.pi + _SLACK)
    yield from _say(turned, _JOINED, "rest", plan.rest, "-pi to pi rad")
    for name, most, unit in (("torque", STRONGEST, "N m"), ("speed", FASTEST, "rad/s")):
        column = getattr(plan, name)
        yield from _say(there & ((column < 0) | (column > most)), _JOINED, name, column, f"0 to {most:g} {unit}")


def _anchors(plan: Plan, there: Flags) -> Iterator[str]:
    at = np.abs(plan.anchor)
    held = there[:, 1:] & there[:, PARENT]
    ends = plan.half_length[:, PARENT]
    sides = plan.radius[:, PARENT]
    round_ends = np.maximum(at[:, :, 0] - ends, 0) ** 2 + at[:, :, 1] ** 2 > (sides + _SLACK) ** 2
    outside = (at[:, :, 0] > ends + _SLACK) | (at[:, :, 1] > sides + _SLACK)
    on_segment = PARENT != CHASSIS
    outside[:, on_segment] = round_ends[:, on_segment]
    for row, joint in zip(*np.nonzero(held & outside), strict=True):
        x, y = plan.anchor[row, joint]
        holder = PART_NAMES[PARENT[joint]]
        yield (
            f"body {row}: anchor of {PART_NAMES[joint + 1]} is ({x:g}, {y:g}), outside the {holder} that carries it: "
            f"give a place within {ends[row, joint]:g} m along it and {sides[row, joint]:g} m across"
        )
    wanted = -plan.half_length[:, 1:]
    loose = there[:, 1:] & (np.abs(plan.grip - wanted) > _SLACK)
    yield from _say(loose, _JOINED, "grip", plan.grip, "minus its half_length (0 of a wheel)")


def _ratios(plan: Plan, there: Flags) -> Iterator[str]:
    child, parent = plan.mass[:, 1:], plan.mass[:, PARENT]
    uneven = np.maximum(child, parent) > MASS_RATIO * np.minimum(child, parent)
    for row, joint in zip(*np.nonzero(there[:, 1:] & there[:, PARENT] & uneven), strict=True):
        a, b = child[row, joint], parent[row, joint]
        yield (
            f"body {row}: {PART_NAMES[joint + 1]} has {a:g} kg but the {PART_NAMES[PARENT[joint]]} that carries it "
            f"{b:g} kg: joined parts may differ {MASS_RATIO:g} times at most"
        )


def _say(bad: Flags, parts: NDArray[np.int64], name: str, values: Values, wanted: str) -> Iterator[str]:
    for row, place in zip(*np.nonzero(bad), strict=True):
        yield f"body {row}: {name} of {PART_NAMES[parts[place]]} is {values[row, place]:g}: give {wanted}"
