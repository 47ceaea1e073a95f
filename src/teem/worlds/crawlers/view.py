"""The crawlers' view: which tokens a creature perceives, and filling them in for those whose turn it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teem.config.crawlers import BodySettings, CrawlersSettings
from teem.population.slots import Population
from teem.state import State
from teem.threads import Threads
from teem.worlds.crawlers.blocks import COS, SIN, X, Y
from teem.worlds.crawlers.food import Items, eat, find_nearest
from teem.worlds.crawlers.order import by_place
from teem.worlds.crawlers.physics import Physics
from teem.worlds.crawlers.plan import CHASSIS, LIMBS, SEGMENTS, Plan
from teem.worlds.crawlers.rays import Poses, cast, fan_of
from teem.worlds.crawlers.senses import JOINT, NEAREST, RAY, SELF, Build, Scale, Sensed, sense
from teem.worlds.crawlers.terrain import Terrain
from teem.worlds.tokens import TokenKind, Tokens

Slots = NDArray[np.int32]
_AT_LEAST = 32  # creatures that a thread looks for at once


def joints_of(body: BodySettings) -> NDArray[np.int64]:
    """The joints that a body can have under these settings, limb by limb, then the wheels'."""
    limbs = [limb * SEGMENTS + segment for limb in range(body.limbs) for segment in range(body.segments)]
    return np.array([*limbs, *(LIMBS * SEGMENTS + wheel for wheel in range(body.wheels))], np.int64)


def joint_name(joint: int) -> str:
    """A joint's name: "limb0.1" carries the second segment of the first limb."""
    limb, segment = divmod(joint, SEGMENTS)
    return f"limb{limb}.{segment}" if limb < LIMBS else f"wheel{joint - LIMBS * SEGMENTS}"


class View:
    """What the creatures perceive, one row a slot: the agent itself, its joints, its rays, the nearest food."""

    def __init__(
        self, settings: CrawlersSettings, population: Population, plan: Plan, physics: Physics, threads: Threads
    ) -> None:
        capacity, rays = population.capacity, settings.rays.count
        self.joints = joints_of(settings.body)
        self.branches = tuple(joint_name(int(joint)) for joint in self.joints)
        self.tokens = Tokens(
            (
                TokenKind("self", 1, len(SELF)),
                TokenKind("joint", len(self.joints), len(JOINT), optional=True),
                TokenKind("ray", rays, len(RAY)),
                TokenKind("food", 1, len(NEAREST), optional=True),
            )
        )
        self.names = (
            *(f"self.{name}" for name in SELF),
            *(f"{joint}.{name}" for joint in self.branches for name in JOINT),
            *(f"ray{ray}.{name}" for ray in range(rays) for name in RAY),
            *(f"food.{name}" for name in NEAREST),
        )
        self.mask = np.zeros((capacity, len(self.joints)), np.bool_)
        self._values = np.zeros((capacity, self.tokens.size), np.float32)
        self._settings = settings
        self._population, self._threads = population, threads
        self._fan = fan_of(settings.rays)
        self._scale = Scale(
            np.float32(settings.energy_max), np.float32(settings.body.torque), np.float32(settings.rays.reach)
        )
        self._distance = np.ones((capacity, rays), np.float32)
        self._hit = np.zeros((capacity, rays), np.int8)
        self._item = np.full(capacity, -1, np.int64)
        self._away_x, self._away_y, self._got = (np.zeros(capacity, np.float32) for _ in range(3))
        self._claims = np.zeros(0, np.float32)
        self._poses = self._poses_of(physics, plan)  # these columns are written in place, never replaced
        self._build = Build(*(getattr(plan, name) for name in Build._fields))
        self._sensed = self._sensed_of(physics, population)

    def look(self, deciding: Slots, terrain: Terrain, items: Items) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Fill in the rows of those who decide; returns `[capacity, size]` and which joints each has."""
        living, poses = self._population.living, self._poses
        order = by_place(living, poses.tile, poses.x)
        place = np.empty(self._population.capacity, np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        self._share(
            cast, deciding, place[deciding], order, poses, self._fan, terrain.ground, terrain.obstacle, items,
            self._distance, self._hit,
        )  # fmt: skip
        self._find(deciding, self._scale.sight, items)
        self._share(
            sense, deciding, deciding, self.joints, self._sensed, self._build, self._fan, terrain.ground, items,
            self._scale, self._values, self.mask,
        )  # fmt: skip
        return self._values, self.mask

    def eat(self, living: Slots, step: int, items: Items) -> float:
        """Feed whoever's chassis is near enough to food; changes energy and the items. Returns the joules eaten."""
        population, food = self._population, self._settings.food
        if len(self._claims) != len(items.x):
            self._claims = np.zeros(len(items.x), np.float32)
        self._find(living, np.float32(food.reach), items)
        room = np.float32(self._settings.energy_max) - population.energy
        want = np.minimum(room, np.float32(food.bite))
        eaten = float(eat(living, self._item, want, step, items, self._claims, self._got))
        population.energy[living] += self._got[living]
        return eaten

    def state(self) -> State:
        """What was perceived: who is amid a decision is remembered with it later."""
        return self._population.saved({"values": self._values, "mask": self.mask})

    def load_state(self, state: State) -> None:
        """Have perceived what was saved."""
        self._population.load("world.view", {"values": self._values, "mask": self.mask}, state)

    def _find(self, who: Slots, reach: np.float32, items: Items) -> None:
        poses = self._poses
        self._share(
            find_nearest, who, who, poses.tile, poses.x, poses.y, reach, items, self._item, self._away_x, self._away_y
        )

    def _share(self, kernel, who: Slots, *arguments) -> None:  # type: ignore[no-untyped-def]
        self._threads.share(kernel, len(who), *arguments, at_least=_AT_LEAST)

    @staticmethod
    def _poses_of(physics: Physics, plan: Plan) -> Poses:
        reading = physics.reading
        chassis = reading.pose[:, CHASSIS]
        return Poses(
            reading.tile, chassis[:, X], chassis[:, Y], chassis[:, COS], chassis[:, SIN],
            plan.radius[:, CHASSIS],
        )  # fmt: skip

    def _sensed_of(self, physics: Physics, population: Population) -> Sensed:
        reading = physics.reading
        return Sensed(
            reading.tile, reading.pose, reading.turn, reading.touch, physics.command, population.energy,
            self._distance, self._hit, self._item, self._away_x, self._away_y,
        )  # fmt: skip
