"""Little worlds for tests of environments: short lives, quick births and short episodes, with all their settings."""

from __future__ import annotations

from typing import Any

from teem.config.load import load_config
from teem.config.settings import Config
from teem.envs.make import all_at_once, make_env

FARM: dict[str, Any] = {
    "population.founders": 12, "population.capacity": 20, "steps": 40, "world.size": 16, "world.sight": 3,
    "world.energy": 5.0, "world.upkeep": 0.1, "world.attack_damage": 0.4, "world.starvation": 0.2,
    "world.age_max": 14, "world.maturity": 3, "world.breed_energy": 5.5, "world.birth_energy": 2.0,
    "world.density": 0.5, "world.gather_rate": 1.0,
}  # fmt: skip
CRAWLERS: dict[str, Any] = {
    "population.founders": 4, "population.capacity": 6, "steps": 60, "world.decision": 3, "world.age_max": 30,
    "world.breed_energy": 9_000.0, "world.birth_energy": 500.0, "world.maturity": 8, "world.immobile": 0.0,
    "world.stranded": 20, "world.body.limbs": 2,
}  # fmt: skip
TORQUES: dict[str, Any] = {**CRAWLERS, "world.control": "torque"}
WEARY: dict[str, Any] = {  # over CRAWLERS: after some steps most are too weary to decide anything
    "world.immobile": 0.4, "world.upkeep": 120.0, "world.birth_energy": 8_100.0, "world.breed_energy": 9_900.0,
}  # fmt: skip
TREASURE: dict[str, Any] = {
    "population.founders": 6, "world.worlds": 3, "world.height": 6, "world.width": 6, "world.episode": 9,
    "world.sight": 2, "steps": 50,
}  # fmt: skip
LITTLE: dict[str, tuple[str, dict[str, Any]]] = {
    "farm": ("farm", FARM),
    "crawlers": ("crawlers", CRAWLERS),
    "torques": ("crawlers", TORQUES),
    "treasure": ("treasure-small", TREASURE),  # its exits end episodes early
}


def config_of(name: str, **more: Any) -> Config:
    """The settings of a little world, with others where they are given."""
    world, overrides = LITTLE[name]
    return all_at_once(load_config(world, {"learning.algorithm": "random", **overrides, **more}))


def env_of(name: str, kind: Any = "parallel", **more: Any) -> Any:
    """An environment of a little world."""
    world, overrides = LITTLE[name]
    return make_env(world, kind, **{**overrides, **more})
