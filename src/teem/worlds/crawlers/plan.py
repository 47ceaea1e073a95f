"""The plan of a body: which parts it has, how they are joined, what they weigh and how strong they are.

Every body has the same numbering: part 0 is the chassis, then eight limbs of three segments each, then four
wheels. What a body lacks has mass 0. Joint j carries part j + 1, so a limb's joints lie one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from teem.state import Array

LIMBS = 8
SEGMENTS = 3  # most of a limb
WHEELS = 4
JOINTS = LIMBS * SEGMENTS + WHEELS
PARTS = 1 + JOINTS
CHASSIS = 0
FIRST_WHEEL = 1 + LIMBS * SEGMENTS  # a part's number

Floats = NDArray[np.float32]

PARENT = np.array(  # [JOINTS] the part that carries each joint
    [CHASSIS if joint % SEGMENTS == 0 else joint for joint in range(LIMBS * SEGMENTS)] + [CHASSIS] * WHEELS, np.int32
)


@dataclass(slots=True)
class Plan:
    """Bodies, one a row. The chassis is a box, a segment a capsule along its own x axis, a wheel a disc.

    At rest a child's angle is its parent's plus `rest`; a motor turns the child against the parent, counter-clockwise
    positive. Lengths in metres, masses in kilograms (areas times a density), angles in radians.
    """

    half_length: Floats  # [n, PARTS] of the chassis, of a segment's straight part; 0 of a wheel
    radius: Floats  # [n, PARTS] half the height of the chassis; of a segment's rounding, of a wheel
    mass: Floats  # [n, PARTS] 0: there is no such part
    inertia: Floats  # [n, PARTS] about the part's own middle, kg m²
    anchor: Floats  # [n, JOINTS, 2] where the joint is, from the parent's middle, in the parent's frame
    grip: Floats  # [n, JOINTS] where it is on the child, along the child's x axis from its middle: -half_length, or 0
    rest: Floats  # [n, JOINTS] the child's angle against the parent's when nothing turns it
    reach: Floats  # [n, JOINTS] how far the angle may be from rest, either way; infinite: a wheel
    torque: Floats  # [n, JOINTS] most of the motor, N m
    speed: Floats  # [n, JOINTS] most of the motor, rad/s
    friction: Floats  # [n, PARTS] coefficient against ground of friction 1

    @staticmethod
    def of(count: int) -> Plan:
        """Room for `count` bodies, all without parts."""
        wide: dict[str, tuple[int, ...]] = {"anchor": (count, JOINTS, 2)}
        wide |= dict.fromkeys(("grip", "rest", "reach", "torque", "speed"), (count, JOINTS))
        return Plan(**{one.name: np.zeros(wide.get(one.name, (count, PARTS)), np.float32) for one in fields(Plan)})

    def rows(self, rows: NDArray[np.int64] | NDArray[np.int32]) -> Plan:
        """The bodies in these rows, a copy."""
        return Plan(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})

    def columns(self) -> dict[str, Array]:
        """All columns by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}
