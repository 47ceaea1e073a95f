"""Crowds made by hand, and how meeting and yielding are specified."""

from __future__ import annotations

import numpy as np
from creatures import mixed, numbers

from teem.threads import Threads
from teem.worlds.crawlers.blocks import COS, SIN, X, Y
from teem.worlds.crawlers.collide import ROUNDS, SETTLED, Collisions
from teem.worlds.crawlers.ground import TILE, Ground
from teem.worlds.crawlers.physics import DT, Physics
from teem.worlds.crawlers.plan import CHASSIS, PARENT, PARTS, Plan
from teem.worlds.crawlers.shapes import Part, part_of


class Scene:
    """Bodies that collide over some ground, the first of the plan in the first slots unless they sit elsewhere."""

    def __init__(self, plan: Plan, ground: Ground, threads: Threads | None = None, slots=None, collide=True) -> None:
        count = len(plan.mass)
        self.ground, self.collide = ground, collide
        self.living = numbers(count) if slots is None else slots
        capacity = int(self.living.max()) + 1
        self.physics = Physics(capacity, threads or Threads(1))
        self.plan = Plan.of(capacity)
        for name in ("half_length", "radius", "mass", "inertia", "anchor", "grip", "rest", "reach", "torque", "speed"):
            getattr(self.plan, name)[self.living] = getattr(plan, name)
        self.plan.friction[self.living] = plan.friction
        self.collisions = Collisions(self.plan, self.physics.reading, threads or Threads(1), DT)

    def put(self, x, y, angle=0.0, tile=0) -> Scene:
        """Place everybody, at rest."""
        count = len(self.living)
        columns = (np.full(count, value, np.float32) for value in (x, y, angle))
        self.physics.place(
            self.living, self.plan.rows(self.living), np.broadcast_to(np.int32(tile), count).copy(), *columns
        )
        self.physics.read()
        return self

    @property
    def pose(self) -> np.ndarray:
        """[bodies, PARTS, POSE] of the living, in their order."""
        return self.physics.reading.pose[self.living]

    def move(self, motion) -> None:
        """Have the chassis [bodies, 3] move so; their parts go along."""
        shove = np.zeros((self.physics.capacity, PARTS, 3), np.float32)
        mass, inertia = self.plan.mass[self.living], self.plan.inertia[self.living]
        shove[self.living, :, :2] = mass[..., None] * np.asarray(motion)[:, None, :2]
        shove[self.living, :, 2] = inertia * np.asarray(motion)[:, None, 2]
        self.physics.step(1, self.ground, shove)
        self.physics.read()

    def impulses(self) -> np.ndarray:
        """[bodies, PARTS, 3] that the living would be given now."""
        found = self.collisions.impulses(self.living, self.ground)
        return np.zeros((len(self.living), PARTS, 3), np.float32) if found is None else found[self.living].copy()

    def step(self, steps: int = 1) -> None:
        for _ in range(steps):
            given = self.collisions.impulses(self.living, self.ground) if self.collide else None
            self.physics.step(1, self.ground, given)
            self.physics.read()


def crowd_of(seed: int, count: int, width: float, ground: Ground, **how) -> Scene:
    """Creatures of all sorts strewn over a few metres, amid their motion."""
    random = np.random.default_rng(seed)
    plan = mixed(count, seed, torque=float(random.uniform(1, 60)))
    scene = Scene(plan, ground, **how)
    scene.put(random.uniform(50, 50 + width, count), random.uniform(0.3, 3.0, count), random.uniform(-3, 3, count))
    scene.physics.command[scene.living] = random.uniform(-1, 1, (count, PARTS - 1))
    scene.move(random.normal(0, 4, (count, 3)))
    return scene


def momentum(scene: Scene, given: np.ndarray) -> np.ndarray:
    """Sums over all parts of `given` [bodies, PARTS, 3]: x, y, and what turns about the world's beginning of tile 0."""
    pose, tile = scene.pose.astype(np.float64), scene.physics.reading.tile[scene.living]
    x, y = pose[..., X] + TILE * tile[:, None], pose[..., Y]
    turning = given[..., 2] + x * given[..., 1] - y * given[..., 0]
    return np.array([given[..., 0].sum(dtype=np.float64), given[..., 1].sum(dtype=np.float64), turning.sum()])


# ---- shapes


def corners(part: Part) -> np.ndarray:
    """[4, 2] corners of the box without its rounding."""
    local = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (part.half, part.high)
    return local @ np.array([(part.cos, part.sin), (-part.sin, part.cos)]) + (part.x, part.y)


def _to_line(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    along = b - a
    share = np.clip(np.dot(point - a, along) / max(np.dot(along, along), 1e-300), 0, 1)
    return float(np.hypot(*(a + share * along - point)))


def depth_at(point: np.ndarray, part: Part) -> float:
    """How far a point is outside a rounded box; below 0: inside."""
    dx, dy = point[0] - part.x, point[1] - part.y
    x, y = abs(part.cos * dx + part.sin * dy) - part.half, abs(part.cos * dy - part.sin * dx) - part.high
    return float(np.hypot(max(x, 0), max(y, 0)) + min(max(x, y), 0) - part.radius)


def gap_plain(a: Part, b: Part) -> float:
    """How far two rounded boxes are apart; below 0: how far one must be moved, along a side of one, to part them."""
    one, two = corners(a), corners(b)
    axes = [(a.cos, a.sin), (-a.sin, a.cos), (b.cos, b.sin), (-b.sin, b.cos)]
    overlaps = [min((one @ axis).max() - (two @ axis).min(), (two @ axis).max() - (one @ axis).min()) for axis in axes]
    if min(overlaps) > 0:
        return -min(overlaps) - a.radius - b.radius
    distances = [_to_line(p, r[k], r[(k + 1) % 4]) for q, r in ((one, two), (two, one)) for p in q for k in range(4)]
    return min(distances) - a.radius - b.radius


# ---- yielding and solving


def inertia_plain(plan: Plan, row: int, pose: np.ndarray, dt: float, hold: bool = True) -> np.ndarray:
    """[3 PARTS, 3 PARTS] how all parts' motions answer impulses on all parts: joints as equations, motors as drag."""
    mass = np.stack([plan.mass[row], plan.mass[row], plan.inertia[row]], 1).ravel().astype(np.float64)
    there = mass > 0
    matrix = np.diag(np.where(there, mass, 1.0))
    rows = []
    for joint in range(PARTS - 1):
        k, carrier = joint + 1, PARENT[joint]
        if not plan.mass[row, k] > 0:
            continue
        big, small = pose[carrier].astype(np.float64), pose[k].astype(np.float64)
        grip = small[COS] * plan.grip[row, joint], small[SIN] * plan.grip[row, joint]
        arm = small[X] + grip[0] - big[X], small[Y] + grip[1] - big[Y]
        for own, other, axis in ((-arm[1], -grip[1], 0), (arm[0], grip[0], 1)):
            equation = np.zeros(len(mass))
            equation[3 * carrier + axis], equation[3 * carrier + 2] = 1.0, own
            equation[3 * k + axis], equation[3 * k + 2] = -1.0, -other
            rows.append(equation)
        drag = dt * plan.torque[row, joint] / plan.speed[row, joint] if hold else 0.0
        for one, two, sign in ((k, k, 1), (carrier, carrier, 1), (k, carrier, -1), (carrier, k, -1)):
            matrix[3 * one + 2, 3 * two + 2] += sign * drag
    bonds = np.array(rows).reshape(-1, len(mass))
    whole = np.block([[matrix, bonds.T], [bonds, np.zeros((len(bonds), len(bonds)))]])
    answer = np.linalg.inv(whole)[: len(mass), : len(mass)]
    return answer * np.outer(there, there)


def solve_plain(who, point, met: int, answers: list[np.ndarray], motion: np.ndarray) -> np.ndarray:
    """The specification of solving a group's points: change of motion [bodies, 3 PARTS] by the first `met` of them.

    Columns of `who` and `point` are those of teem.worlds.crawlers.points.
    """
    count = len(who)
    push, rub = np.zeros(count), np.zeros(count)
    normals, tangents = (np.zeros((count, motion.size)) for _ in range(2))
    for c, (body_a, part_a, body_b, part_b) in enumerate(who):
        x, y, ax, ay, bx, by = point[c, :6]
        for rows, (wx, wy) in ((normals, (x, y)), (tangents, (-y, x))):
            at = body_b * 3 * PARTS + 3 * part_b
            rows[c, at : at + 3] += wx, wy, bx * wy - by * wx
            if body_a >= 0:
                at = body_a * 3 * PARTS + 3 * part_a
                rows[c, at : at + 3] -= wx, wy, ax * wy - ay * wx
    answer = np.zeros((motion.size, motion.size))
    for body, one in enumerate(answers):
        at = slice(body * 3 * PARTS, (body + 1) * 3 * PARTS)
        answer[at, at] = one
    now = motion.ravel().copy()
    for _ in range(ROUNDS):
        changed = [0.0]
        for c in range(count):
            leave, grips = point[c, 6:8]
            along, across = normals[c] @ answer @ normals[c], tangents[c] @ answer @ tangents[c]
            pushed = max((leave - normals[c] @ now) / along, -push[c])
            now += answer @ normals[c] * pushed
            push[c] += pushed
            most = grips * push[c]
            rubbed = float(np.clip(rub[c] - tangents[c] @ now / across, -most, most)) - rub[c]
            now += answer @ tangents[c] * rubbed
            rub[c] += rubbed
            changed += [abs(pushed) * along, abs(rubbed) * across]
        if max(changed) < SETTLED:
            break
    given = push[:met] @ normals[:met] + rub[:met] @ tangents[:met]
    return (answer @ given).reshape(motion.shape)


def height_of(scene: Scene, body: int) -> float:
    return float(scene.pose[body, CHASSIS, Y])


def deepest(scene: Scene) -> float:
    """How far the two chassis are apart that are nearest each other; below 0: in each other."""
    whole = [part_of(i, CHASSIS, 0.0, scene.collisions._crowd) for i in scene.living]
    return min(gap_plain(a, b) for k, a in enumerate(whole) for b in whole[:k])
