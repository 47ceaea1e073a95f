"""The specification of the physics: one creature, one number at a time, in float64; slow and plain.

The ends of all joints are kept together by one dense system, where the kernels walk the tree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import atan2, cos, hypot, sin

import numpy as np
from numpy.typing import NDArray

from teem.worlds.crawlers.anchors import FIRMNESS
from teem.worlds.crawlers.contact_plain import Contact, Part, find, slip
from teem.worlds.crawlers.ground import TILE, Ground
from teem.worlds.crawlers.mend import SLACK
from teem.worlds.crawlers.motion import FASTEST, FASTEST_SPIN, GRAVITY
from teem.worlds.crawlers.plan import CHASSIS, JOINTS, PARENT, PARTS, Plan
from teem.worlds.crawlers.press import PUSH_OUT
from teem.worlds.crawlers.soft import (
    CONTACT_DAMPING,
    CONTACT_HERTZ,
    LIMIT_DAMPING,
    LIMIT_HERTZ,
    RIGID,
    Softness,
    softness,
)

Floats = NDArray[np.float64]


@dataclass
class Joint:
    """A joint with its motor, and the impulses of the last substep."""

    carrier: Part
    part: Part
    anchor: tuple[float, float]
    grip: float
    rest: float
    reach: float
    torque: float
    speed: float
    command: float = 0.0
    angle: float = 0.0
    pull: tuple[float, float] = (0.0, 0.0)
    drive: float = 0.0
    limits: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def turning(self) -> float:
        """How fast the part turns against its carrier."""
        return self.part.spin - self.carrier.spin

    def twist(self, impulse: float) -> None:
        """Turn the part against its carrier."""
        self.carrier.spin -= self.carrier.inv_inertia * impulse
        self.part.spin += self.part.inv_inertia * impulse

    def arms(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """From both middles to the joint."""
        return self.carrier.turned(*self.anchor), self.part.turned(self.grip, 0.0)

    def gap(self) -> tuple[float, float]:
        """From the carrier's end to the part's."""
        a, b = self.arms()
        return self.part.x + b[0] - self.carrier.x - a[0], self.part.y + b[1] - self.carrier.y - a[1]

    def apply(self, x: float, y: float, twist: float = 0.0) -> None:
        """An impulse on the part, its opposite on the carrier."""
        a, b = self.arms()
        self.carrier.kick(a, -x, -y, -twist)
        self.part.kick(b, x, y, twist)


class PlainCreature:
    """One creature on one ground, stepped as the specification says."""

    def __init__(
        self, plan: Plan, row: int, tile: int, x: float, y: float, angle: float, by_torque: bool = False
    ) -> None:
        self.by_torque = by_torque
        self.energy = 0.0
        self.impulses: dict[
            tuple[int, int], list[float]
        ] = {}  # of (part, spot): along the normal, and along the ground
        self.parts: dict[int, Part] = {}
        self.joints: dict[int, Joint] = {}
        for number in range(PARTS):
            if plan.mass[row, number] > 0:
                self.parts[number] = Part(
                    number,
                    float(plan.half_length[row, number]),
                    float(plan.radius[row, number]),
                    1.0 / float(plan.mass[row, number]),
                    1.0 / float(plan.inertia[row, number]),
                    float(plan.friction[row, number]),
                )
        chassis = self.parts[CHASSIS]
        chassis.x, chassis.y, chassis.angle = tile * TILE + x, y, angle
        for joint in range(JOINTS):
            if joint + 1 in self.parts:
                self._hang(plan, row, joint)

    def _hang(self, plan: Plan, row: int, number: int) -> None:
        part, carrier = self.parts[number + 1], self.parts[int(PARENT[number])]
        ax, ay = (float(value) for value in plan.anchor[row, number])
        grip, rest, reach, torque, speed = (
            float(getattr(plan, name)[row, number]) for name in ("grip", "rest", "reach", "torque", "speed")
        )
        joint = Joint(carrier, part, (ax, ay), grip, rest, reach, torque, speed)
        part.angle = carrier.angle + joint.rest
        a, b = joint.arms()
        part.x, part.y = carrier.x + a[0] - b[0], carrier.y + a[1] - b[1]
        self.joints[number] = joint

    def step(self, ground: Ground, dt: float = 1.0 / 60.0, substeps: int = 4) -> None:
        """Move on by one step."""
        h = dt / substeps
        limit_soft = softness(LIMIT_HERTZ, LIMIT_DAMPING, h)
        contact_soft = softness(min(CONTACT_HERTZ, 0.25 / h), CONTACT_DAMPING, h)
        contacts = find(self.parts.values(), ground, dt)
        kept = {contact.key for contact in contacts}
        self.impulses = {key: value for key, value in self.impulses.items() if key in kept}
        for joint in self.joints.values():
            turned = joint.part.angle - joint.carrier.angle - joint.rest
            joint.angle = atan2(sin(turned), cos(turned))
        for _ in range(substeps):
            before = [joint.turning() for joint in self.joints.values()]
            self._warm(contacts, h)
            self._solve(contacts, h, limit_soft, contact_soft)
            for part in self.parts.values():
                _drift(part, h)
            for joint in self.joints.values():
                joint.angle += h * joint.turning()
            _mend(list(self.parts.values()), list(self.joints.values()))
            self._solve(contacts, h, RIGID, RIGID)
            for joint, was in zip(self.joints.values(), before, strict=True):
                self.energy += abs(joint.drive * 0.5 * (was + joint.turning()))

    def _warm(self, contacts: list[Contact], h: float) -> None:
        for part in self.parts.values():
            part.vy -= h * float(GRAVITY)
        for joint in self.joints.values():
            joint.apply(*joint.pull, joint.drive + joint.limits[0] - joint.limits[1])
        for contact in contacts:
            _push(contact, *self.impulses.setdefault(contact.key, [0.0, 0.0]))

    def _solve(self, contacts: list[Contact], h: float, limit_soft: Softness, contact_soft: Softness) -> None:
        for joint in self.joints.values():
            stiff = 1.0 / (joint.carrier.inv_inertia + joint.part.inv_inertia)
            self._drive(joint, stiff, h)
            _limit(joint, stiff, h, limit_soft)
        for contact in contacts:
            _press(contact, self.impulses[contact.key], h, contact_soft)
        if self.joints:
            rate = 0.0 if limit_soft is RIGID else FIRMNESS / h
            _pin(list(self.parts.values()), list(self.joints.values()), rate)

    def _drive(self, joint: Joint, stiff: float, h: float) -> None:
        most = h * joint.torque
        wanted = joint.drive + stiff * (joint.command * joint.speed - joint.turning())
        total = joint.command * most if self.by_torque else max(-most, min(most, wanted))
        joint.twist(total - joint.drive)
        joint.drive = total


def _drift(part: Part, h: float) -> None:
    part.vx = max(-float(FASTEST), min(float(FASTEST), part.vx))
    part.vy = max(-float(FASTEST), min(float(FASTEST), part.vy))
    part.spin = max(-float(FASTEST_SPIN), min(float(FASTEST_SPIN), part.spin))
    part.x, part.y, part.angle = part.x + h * part.vx, part.y + h * part.vy, part.angle + h * part.spin


def _mend(parts: list[Part], joints: list[Joint]) -> None:
    """From the chassis outwards, bring ends within SLACK; centre of mass and angular momentum about it stay."""
    mass = np.array([1.0 / part.inv_mass for part in parts])
    speed = np.array([[part.vx, part.vy] for part in parts])
    before = _places(parts, mass)
    for joint in joints:
        x, y = joint.gap()
        share = max(0.0, 1.0 - float(SLACK) / max(hypot(x, y), float(SLACK)))
        joint.part.x -= share * x
        joint.part.y -= share * y
    after = _places(parts, mass)
    shift = after[1] - before[1]  # against the centre of mass, which stays
    lost = -float(mass @ (shift[:, 0] * speed[:, 1] - shift[:, 1] * speed[:, 0]))
    turn = lost / (float(mass @ (after[1] ** 2).sum(1)) + sum(1.0 / part.inv_inertia for part in parts))
    for part, arm in zip(parts, after[1], strict=True):
        part.x, part.y = float(before[0][0] + arm[0]), float(before[0][1] + arm[1])
        part.vx, part.vy, part.spin = part.vx - turn * float(arm[1]), part.vy + turn * float(arm[0]), part.spin + turn


def _places(parts: list[Part], mass: Floats) -> tuple[Floats, Floats]:
    """The centre of mass, and where the parts are from there, [parts, 2]."""
    place = np.array([[part.x, part.y] for part in parts])
    centre = mass @ place / mass.sum()
    return centre, place - centre


def _limit(joint: Joint, stiff: float, h: float, soft: Softness) -> None:
    for end, sign in enumerate((1.0, -1.0)):  # the lower end, the upper
        room = joint.reach + sign * joint.angle
        bias, mass, leak = (room / h, 1.0, 0.0) if room > 0 else (float(soft.rate) * room, *map(float, soft[1:]))
        so_far = joint.limits[end]
        total = max(0.0, so_far - stiff * mass * (bias + sign * joint.turning()) - leak * so_far)
        joint.limits[end] = total
        joint.twist(sign * (total - so_far))


def _pin(parts: list[Part], joints: list[Joint], rate: float) -> None:
    """Bring both ends of every joint to one velocity, closing their gap at `rate` a second: one dense system."""
    at = {part.number: 3 * k for k, part in enumerate(parts)}
    rows = np.zeros((2 * len(joints), 3 * len(parts)))
    gap = np.zeros(2 * len(joints))
    for k, joint in enumerate(joints):
        a, b = joint.arms()
        for sign, part, arm in ((-1.0, joint.carrier, a), (1.0, joint.part, b)):
            rows[2 * k : 2 * k + 2, at[part.number] : at[part.number] + 3] = [
                [sign, 0, -sign * arm[1]],
                [0, sign, sign * arm[0]],
            ]
            gap[2 * k : 2 * k + 2] += sign * (part.x + arm[0]), sign * (part.y + arm[1])
    inverse = np.concatenate([[part.inv_mass, part.inv_mass, part.inv_inertia] for part in parts])
    speed = np.concatenate([[part.vx, part.vy, part.spin] for part in parts])
    pull = -np.linalg.solve(rows * inverse @ rows.T, rows @ speed + rate * gap)
    speed += inverse * (rows.T @ pull)
    for k, part in enumerate(parts):
        part.vx, part.vy, part.spin = map(float, speed[3 * k : 3 * k + 3])
    for k, joint in enumerate(joints):
        joint.pull = joint.pull[0] + float(pull[2 * k]), joint.pull[1] + float(pull[2 * k + 1])


def _push(contact: Contact, push: float, rub: float) -> None:
    nx, ny = contact.bump.normal
    contact.part.kick(contact.arm, push * nx + rub * ny, push * ny - rub * nx)


def _press(contact: Contact, impulse: list[float], h: float, soft: Softness) -> None:
    part, (nx, ny) = contact.part, contact.bump.normal
    reach = part.turned(*contact.bump.local)
    gap = contact.bump.gap + nx * (part.x + reach[0] - contact.came_from[0])
    gap += ny * (part.y + reach[1] - contact.came_from[1])
    rate, mass, leak = map(float, soft)
    bias, mass, leak = (gap / h, 1.0, 0.0) if gap > 0 else (max(rate * gap, -float(PUSH_OUT)), mass, leak)
    push, rub = impulse
    total = max(0.0, push - contact.normal_mass * mass * (slip(contact)[0] + bias) - leak * push)
    _push(contact, total - push, 0.0)
    most = contact.friction * total
    rubbed = max(-most, min(most, rub - contact.along_mass * slip(contact)[1]))
    _push(contact, 0.0, rubbed - rub)
    impulse[:] = total, rubbed
