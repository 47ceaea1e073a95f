"""Morphology: from a genome to the plan of a body. Every genome, whatever its numbers, gives a valid one."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.config.crawlers import BodySettings
from teem.inner import INNER
from teem.population.variation import Genomes
from teem.worlds.crawlers.genome import CHASSIS_GENES, LIMB_GENES, TRAITS, WHEEL_GENES, spans_of
from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL, JOINTS, LIMBS, PARTS, SEGMENTS, Plan

_LENGTH, _HEIGHT, _DENSITY, _SYMMETRIC, _LIMBS, _WHEELS = range(len(CHASSIS_GENES))
(
    _COUNT, _PLACE, _DEPTH, _LENGTH0, _LENGTH1, _LENGTH2, _RADIUS, _LIMB_DENSITY, _TAPER, _REST0, _REST1, _REST2,
    _RANGE, _TORQUE, _SPEED,
) = range(len(LIMB_GENES))  # fmt: skip
_WHEEL_PLACE, _WHEEL_RADIUS, _WHEEL_DENSITY, _WHEEL_TORQUE, _WHEEL_SPEED = range(len(WHEEL_GENES))
_FIRST_LIMB = len(CHASSIS_GENES)  # a trait's number
_LIMB = len(LIMB_GENES)
_FIRST_WHEEL = _FIRST_LIMB + LIMBS * _LIMB
_WHEEL = len(WHEEL_GENES)
_TRAITS = len(TRAITS)
_COLUMNS = tuple(one.name for one in fields(Plan))

_HALF = np.float32(0.5)
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_FOUR = np.float32(4.0)
_PI = np.float32(np.pi)
_THIRD = np.float32(1.0 / 3.0)
_TWELFTH = np.float32(1.0 / 12.0)
_CENTROID = np.float32(8.0 / (3.0 * np.pi))  # twice the way from a half disc's edge to its middle, in radii
_ENDLESS = np.float32(np.inf)


def plan_of(genomes: Genomes, settings: BodySettings) -> Plan:
    """The bodies that these genomes, `[n, traits]`, build."""
    plan = Plan.of(len(genomes))
    build(genomes, np.arange(len(genomes), dtype=np.int32), settings, plan)
    return plan


def build(genomes: Genomes, rows: NDArray[np.int32], settings: BodySettings, plan: Plan) -> None:
    """Write the bodies that these genomes build into these rows of `plan`, in place of those that were there."""
    _build(genomes, rows, spans_of(settings), np.float32(settings.friction), _columns(plan))


def _columns(plan: Plan) -> tuple[Any, ...]:
    return tuple([getattr(plan, name) for name in _COLUMNS])


@njit(nogil=True, cache=True)
def _build(genomes, rows, spans, friction, plan):  # type: ignore[no-untyped-def]
    value = np.empty(_TRAITS, np.float32)
    for i in range(genomes.shape[0]):
        for trait in range(_TRAITS):
            gene = genomes[i, trait]
            gene = gene if gene >= _ZERO else _ZERO  # NaN becomes 0
            low, high = spans[trait, 0], spans[trait, 1]
            value[trait] = min(low + gene * (high - low), high)
        row = rows[i]
        _clear(row, plan)
        _add_chassis(row, value, friction, plan)
        mirrors = value[_SYMMETRIC] >= _ONE
        # a gene of exactly 1 would be one more than the most
        for limb in range(min(np.int32(value[_LIMBS]), np.int32(spans[_LIMBS, 1]) - 1)):
            mirrored = mirrors and limb % 2 == 1
            first = _FIRST_LIMB + (limb - 1 if mirrored else limb) * _LIMB
            segments = min(np.int32(value[first]), np.int32(spans[first, 1]) - 1)
            _add_limb(row, limb, segments, mirrored, value[first : first + _LIMB], friction, plan)
        for wheel in range(min(np.int32(value[_WHEELS]), np.int32(spans[_WHEELS, 1]) - 1)):
            mirrored = mirrors and wheel % 2 == 1
            first = _FIRST_WHEEL + (wheel - 1 if mirrored else wheel) * _WHEEL
            _add_wheel(row, wheel, mirrored, value[first : first + _WHEEL], friction, plan)


@njit(nogil=True, cache=True, inline="always")
def _clear(row, plan):  # type: ignore[no-untyped-def]
    half_length, radius, mass, inertia, anchor, grip, rest, reach, torque, speed, friction = plan
    for part in range(PARTS):
        half_length[row, part] = radius[row, part] = mass[row, part] = inertia[row, part] = friction[row, part] = _ZERO
    for joint in range(JOINTS):
        anchor[row, joint, 0] = anchor[row, joint, 1] = grip[row, joint] = rest[row, joint] = _ZERO
        reach[row, joint] = torque[row, joint] = speed[row, joint] = _ZERO


@njit(nogil=True, cache=True, inline="always")
def _add_chassis(row, value, rubs, plan):  # type: ignore[no-untyped-def]
    half_length, radius, mass, inertia, _, _, _, _, _, _, friction = plan
    length, height = value[_LENGTH], value[_HEIGHT]
    weight = value[_DENSITY] * length * height
    half_length[row, CHASSIS] = _HALF * length
    radius[row, CHASSIS] = _HALF * height
    mass[row, CHASSIS] = weight
    inertia[row, CHASSIS] = weight * (length * length + height * height) * _TWELFTH
    friction[row, CHASSIS] = rubs


@njit(**INNER)
def _add_limb(row, limb, segments, mirrored, gene, rubs, plan):  # type: ignore[no-untyped-def]
    half_length, radius, mass, inertia, anchor, grip, rest, reach, torque, speed, friction = plan
    r, strength = gene[_RADIUS], gene[_TORQUE]
    for segment in range(segments):
        joint = limb * SEGMENTS + segment
        part = joint + 1
        half = _HALF * gene[_LENGTH0 + segment]
        body = gene[_LIMB_DENSITY] * _FOUR * half * r
        ends = gene[_LIMB_DENSITY] * _PI * r * r  # two half discs
        half_length[row, part] = half
        radius[row, part] = r
        mass[row, part] = body + ends
        inertia[row, part] = body * (half * half + r * r) * _THIRD + ends * (
            _HALF * r * r + half * half + _CENTROID * half * r
        )
        friction[row, part] = rubs
        turn = gene[_REST0 + segment]
        if segment == 0:
            x = gene[_PLACE] * half_length[row, CHASSIS]
            anchor[row, joint, 0] = -x if mirrored else x
            anchor[row, joint, 1] = -gene[_DEPTH] * radius[row, CHASSIS]
            rest[row, joint] = -_PI - turn if mirrored else turn
        else:
            anchor[row, joint, 0] = half_length[row, part - 1]
            rest[row, joint] = -turn if mirrored else turn
        grip[row, joint] = -half
        reach[row, joint] = gene[_RANGE]
        torque[row, joint] = strength
        speed[row, joint] = gene[_SPEED]
        r, strength = r * gene[_TAPER], strength * gene[_TAPER]


@njit(**INNER)
def _add_wheel(row, wheel, mirrored, gene, rubs, plan):  # type: ignore[no-untyped-def]
    half_length, radius, mass, inertia, anchor, _, _, reach, torque, speed, friction = plan
    part = FIRST_WHEEL + wheel
    joint = part - 1
    x, r = gene[_WHEEL_PLACE] * half_length[row, CHASSIS], gene[_WHEEL_RADIUS]
    radius[row, part] = r
    mass[row, part] = gene[_WHEEL_DENSITY] * _PI * r * r
    inertia[row, part] = _HALF * mass[row, part] * r * r
    friction[row, part] = rubs
    anchor[row, joint, 0] = -x if mirrored else x
    anchor[row, joint, 1] = -radius[row, CHASSIS]
    reach[row, joint] = _ENDLESS
    torque[row, joint] = gene[_WHEEL_TORQUE]
    speed[row, joint] = gene[_WHEEL_SPEED]


def plan_of_plain(genomes: Genomes, settings: BodySettings) -> Plan:
    """The specification of `plan_of`: body by body, each gene by its name."""
    spans = spans_of(settings)
    plan = Plan.of(len(genomes))
    for row, genome in enumerate(genomes):
        genes = np.clip(np.nan_to_num(genome, nan=0.0), np.float32(0.0), np.float32(1.0))
        low, high = spans.T
        gene = dict(zip(TRAITS, np.minimum(low + genes * (high - low), high), strict=True))
        half, belly = gene["chassis_length"] / 2, gene["chassis_height"] / 2
        mass = gene["chassis_density"] * 4 * half * belly
        _put(plan, row, CHASSIS, half, belly, mass, mass * (half**2 + belly**2) / 3, settings.friction)
        symmetric = gene["chassis_symmetric"] >= 1
        for limb in range(min(int(gene["chassis_limbs"]), settings.limbs)):
            mirrored = symmetric and limb % 2 == 1
            name = f"limb{limb - mirrored}_"
            _put_limb(plan, row, limb, {trait: gene[name + trait] for trait in LIMB_GENES}, mirrored, settings)
        for wheel in range(min(int(gene["chassis_wheels"]), settings.wheels)):
            mirrored = symmetric and wheel % 2 == 1
            place, radius, density, torque, speed = (gene[f"wheel{wheel - mirrored}_{trait}"] for trait in WHEEL_GENES)
            mass = density * np.pi * radius**2
            part = FIRST_WHEEL + wheel
            _put(plan, row, part, 0.0, radius, mass, mass * radius**2 / 2, settings.friction)
            _join(plan, row, part, (-place * half if mirrored else place * half, -belly), 0.0, np.inf, torque, speed)
    return plan


def _put_limb(plan: Plan, row: int, limb: int, gene: dict[str, Any], mirrored: bool, settings: BodySettings) -> None:
    side = -1 if mirrored else 1
    at = (side * gene["place"] * plan.half_length[row, CHASSIS], -gene["depth"] * plan.radius[row, CHASSIS])
    for segment in range(min(int(gene["segments"]), settings.segments)):
        part = 1 + limb * SEGMENTS + segment
        thinner = gene["taper"] ** segment
        half, radius = gene[f"length{segment}"] / 2, gene["radius"] * thinner
        bar, disc = gene["density"] * 4 * half * radius, gene["density"] * np.pi * radius**2
        outward = half + 4 * radius / (3 * np.pi)  # of the middle of a half disc
        own = radius**2 / 2 - (4 * radius / (3 * np.pi)) ** 2
        inertia = bar * (half**2 + radius**2) / 3 + disc * (own + outward**2)
        _put(plan, row, part, half, radius, bar + disc, inertia, settings.friction)
        turn = side * gene[f"rest{segment}"] - (np.pi if mirrored and segment == 0 else 0.0)
        _join(plan, row, part, at, turn, gene["range"], gene["torque"] * thinner, gene["speed"])
        plan.grip[row, part - 1] = -half
        at = (half, 0.0)


def _put(
    plan: Plan, row: int, part: int, half: float, radius: float, mass: float, inertia: float, friction: float
) -> None:
    plan.half_length[row, part], plan.radius[row, part] = half, radius
    plan.mass[row, part], plan.inertia[row, part], plan.friction[row, part] = mass, inertia, friction


def _join(
    plan: Plan, row: int, part: int, at: tuple[float, float], rest: float, reach: float, torque: float, speed: float
) -> None:
    joint = part - 1
    plan.anchor[row, joint], plan.rest[row, joint], plan.reach[row, joint] = at, rest, reach
    plan.torque[row, joint], plan.speed[row, joint] = torque, speed


def limbs_of(plan: Plan) -> NDArray[np.int64]:
    """How many limbs each body has, `[n]`."""
    return np.asarray((plan.mass[:, 1:FIRST_WHEEL:SEGMENTS] > 0).sum(axis=1), np.int64)


def describe(plan: Plan, row: int) -> str:
    """A body in a few words: "4 limbs, 9 joints, 12.3 kg"."""
    mass = plan.mass[row]
    wheels = int((mass[FIRST_WHEEL:] > 0).sum())
    counts = {"limb": int(limbs_of(plan)[row]), "wheel": wheels, "joint": int((mass[1:] > 0).sum())}
    words = [f"{count} {name}{'s' * (count != 1)}" for name, count in counts.items() if count or name != "wheel"]
    return ", ".join([*words, f"{float(mass.sum()):.3g} kg"])
