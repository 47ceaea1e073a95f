"""The specification of contact: where one creature's parts touch the ground, one number at a time, in float64."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, cos, floor, hypot, inf, sin

from teem.worlds.crawlers.bumps import NEAR, UPON
from teem.worlds.crawlers.ground import SAMPLES, SPACING, Ground
from teem.worlds.crawlers.plan import CHASSIS, FIRST_WHEEL


@dataclass
class Part:
    """A rigid part: where it is, x from the beginning of tile 0, and how it moves."""

    number: int
    half: float
    radius: float
    inv_mass: float
    inv_inertia: float
    friction: float
    x: float = 0.0
    y: float = 0.0
    angle: float = 0.0
    vx: float = 0.0
    vy: float = 0.0
    spin: float = 0.0

    def turned(self, x: float, y: float) -> tuple[float, float]:
        """A vector of the part's frame, in the world's."""
        c, s = cos(self.angle), sin(self.angle)
        return c * x - s * y, s * x + c * y

    def kick(self, arm: tuple[float, float], x: float, y: float, twist: float = 0.0) -> None:
        """Take an impulse at an arm from the middle."""
        self.vx += self.inv_mass * x
        self.vy += self.inv_mass * y
        self.spin += self.inv_inertia * (arm[0] * y - arm[1] * x + twist)


@dataclass
class Bump:
    """A stretch or a corner of the ground near a point of a part."""

    gap: float
    normal: tuple[float, float]
    cell: int
    local: tuple[float, float]
    radius: float


@dataclass
class Contact:
    """A bump that is near enough, for one step."""

    part: Part
    key: tuple[int, int]
    bump: Bump
    friction: float
    came_from: tuple[float, float]
    arm: tuple[float, float]
    normal_mass: float
    along_mass: float


def slip(contact: Contact) -> tuple[float, float]:
    """How fast the touching point leaves the ground, and how fast it slides along it."""
    part, (nx, ny) = contact.part, contact.bump.normal
    x, y = part.vx - part.spin * contact.arm[1], part.vy + part.spin * contact.arm[0]
    return x * nx + y * ny, x * ny - y * nx


def _height(ground: Ground, cell: int) -> float:
    return float(ground.height[max(0, min(cell - ground.first * SAMPLES, len(ground.height) - 1))])


def _friction(ground: Ground, cell: int) -> float:
    return float(ground.friction[max(0, min(cell - ground.first * SAMPLES, len(ground.height) - 1))])


def _edge(
    ground: Ground, cell: int, x: float, y: float, radius: float
) -> tuple[float, tuple[float, float], float, float]:
    """A disc against one stretch of ground: gap, normal, place along it, height above its line."""
    left, rise = _height(ground, cell), _height(ground, cell + 1) - _height(ground, cell)
    u, v, length = x - cell * SPACING, y - left, hypot(SPACING, rise)
    along, over = (u * SPACING + v * rise) / length**2, v * SPACING - u * rise
    foot = max(0.0, min(1.0, along))
    away = u - foot * SPACING, v - foot * rise
    if over > 0 and foot != along:
        distance = hypot(*away)
        return distance - radius, (away[0] / distance, away[1] / distance), along, over
    return over / length - radius, (-rise / length, SPACING / length), along, over


def _disc(ground: Ground, x: float, y: float, local: tuple[float, float], radius: float) -> list[Bump | None]:
    """What touches a disc: below its middle, to the right, to the left."""
    middle = floor(x / SPACING)
    gap, normal, _, _ = _edge(ground, middle, x, y, radius)
    bumps: list[Bump | None] = [Bump(gap, normal, middle, local, radius)]
    for way in (1, -1):
        best: Bump | None = None
        for step in range(1, ceil((radius + float(NEAR)) / SPACING) + 1):
            gap, normal, along, over = _edge(ground, middle + way * step, x, y, radius)
            facing = along > 0 if way > 0 else along < 1
            if facing and over > 0 and gap < (best.gap if best else inf):
                best = Bump(gap, normal, middle + way * step, local, radius)
        bumps.append(best)
    return bumps


def _corner(part: Part, ground: Ground, cell: int) -> tuple[bool, Bump] | None:
    """A corner of the ground against the flank it faces: whether it is in the front half, and how near."""
    dx, dy = cell * SPACING - part.x, _height(ground, cell) - part.y
    out = _height(ground, cell - 1) - _height(ground, cell + 1), 2 * SPACING
    ux, uy = part.turned(1.0, 0.0)
    along, across = ux * dx + uy * dy, ux * dy - uy * dx
    up = -1.0 if ux * out[1] - uy * out[0] < 0 else 1.0
    fore = -1.0 if ux * out[0] + uy * out[1] < 0 else 1.0

    def upon(x: float, y: float) -> bool:
        rise, fall = (
            _height(ground, cell) - _height(ground, cell - 1),
            _height(ground, cell + 1) - _height(ground, cell),
        )
        most = float(UPON) * SPACING
        return x * SPACING + y * rise > -most and x * SPACING + y * fall < most

    best: Bump | None = None
    if abs(along) <= part.half and upon(-up * uy, up * ux):
        best = Bump(-up * across - part.radius, (-up * uy, up * ux), cell, (along, 0.0), part.radius)
    gap = -fore * along - part.half
    on_end = part.number == CHASSIS and abs(across) <= part.radius and upon(fore * ux, fore * uy)
    if on_end and (best is None or gap > best.gap):
        best = Bump(gap, (fore * ux, fore * uy), cell, (0.0, across), part.half)
    return None if best is None else (bool(along >= 0), best)


def _flanks(part: Part, ground: Ground) -> list[Bump | None]:
    """The deepest ground corner in a part's rear half, and in its front half."""
    wide = part.half * abs(cos(part.angle)) + (part.radius * abs(sin(part.angle)) if part.number == CHASSIS else 0.0)
    deepest: list[Bump | None] = [None, None]
    for cell in range(ceil((part.x - wide) / SPACING), floor((part.x + wide) / SPACING) + 1):
        found = _corner(part, ground, cell)
        if found is not None:
            half, bump = found
            old = deepest[half]
            if old is None or bump.gap < old.gap:
                deepest[half] = bump
    return deepest


def _discs(part: Part) -> list[tuple[float, float, float]]:
    """A part's discs: where they are in its frame, and their radius."""
    if part.number == CHASSIS:
        return [(sx * part.half, sy * part.radius, 0.0) for sy in (-1, 1) for sx in (-1, 1)]
    if part.number >= FIRST_WHEEL:
        return [(0.0, 0.0, part.radius)]
    return [(-part.half, 0.0, part.radius), (part.half, 0.0, part.radius)]


def find(parts: Iterable[Part], ground: Ground, dt: float) -> list[Contact]:
    """All that touches the ground, or will within `dt` seconds, in the order of parts and of their spots."""
    contacts = []
    for part in parts:
        bumps: list[Bump | None] = []
        for x, y, radius in _discs(part):
            away = part.turned(x, y)
            bumps += _disc(ground, part.x + away[0], part.y + away[1], (x, y), radius)
        if part.number < FIRST_WHEEL:
            bumps += _flanks(part, ground)
        for spot, bump in enumerate(bumps):
            contact = None if bump is None else _contact(part, (part.number, spot), bump, ground)
            if contact is not None and contact.bump.gap + dt * min(slip(contact)[0], 0.0) < float(NEAR):
                contacts.append(contact)
    return contacts


def _contact(part: Part, key: tuple[int, int], bump: Bump, ground: Ground) -> Contact:
    reach, (nx, ny) = part.turned(*bump.local), bump.normal
    arm = reach[0] - bump.radius * nx, reach[1] - bump.radius * ny
    lever, along = arm[0] * ny - arm[1] * nx, -arm[0] * nx - arm[1] * ny
    return Contact(
        part,
        key,
        bump,
        part.friction * _friction(ground, bump.cell),
        (part.x + reach[0], part.y + reach[1]),
        arm,
        1.0 / (part.inv_mass + part.inv_inertia * lever**2),
        1.0 / (part.inv_mass + part.inv_inertia * along**2),
    )
