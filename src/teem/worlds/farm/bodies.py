"""The farm's agents and terms as the kernels see them: named columns and named numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from teem.config.farm import FarmSettings
from teem.population.slots import Population

TRAITS: tuple[str, ...] = ("speed", "strength", "metabolism", "sight", "sharing")
SPEED, STRENGTH, METABOLISM, SIGHT, SHARING = range(len(TRAITS))

DIRECTIONS = ("east", "southeast", "south", "southwest", "west", "northwest", "north", "northeast")
ACTIONS = (
    *(f"move_{direction}" for direction in DIRECTIONS),
    "gather", "share", "attack", "defend", "reproduce", "communicate", "pass",
)  # fmt: skip
GATHER, SHARE, ATTACK, DEFEND, REPRODUCE, COMMUNICATE, PASS = range(8, 15)

CAUSES: tuple[str, ...] = ("starvation", "combat", "age")
STARVATION, COMBAT, AGE = range(len(CAUSES))

_DIAGONAL = np.float32(np.sqrt(0.5))
WAY_X = np.array([1, _DIAGONAL, 0, -_DIAGONAL, -1, -_DIAGONAL, 0, _DIAGONAL], np.float32)
WAY_Y = np.array([0, _DIAGONAL, 1, _DIAGONAL, 0, -_DIAGONAL, -1, -_DIAGONAL], np.float32)  # y grows to the south


class Bodies(NamedTuple):
    """Columns by slot; those of the population, and the farm's own."""

    id: NDArray[np.int64]
    born: NDArray[np.int64]
    kind: NDArray[np.int32]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    energy: NDArray[np.float32]
    health: NDArray[np.float32]
    genome: NDArray[np.float32]  # [capacity, traits]
    reward: NDArray[np.float32]  # this step's
    gathered: NDArray[np.float32]  # joules, this step
    hurt: NDArray[np.float32]  # health lost to others, this step
    signal: NDArray[np.float32]  # what it tells its allies, fading
    goal_x: NDArray[np.float32]  # where it gathered best
    goal_y: NDArray[np.float32]
    goal_worth: NDArray[np.float32]  # how well, fading; 0: no goal
    feats: NDArray[np.float32]  # joules gathered in its life
    defending: NDArray[np.bool_]
    ally: NDArray[np.int32]  # slot of the nearest ally in reach when it last looked; -1: none
    enemy: NDArray[np.int32]  # likewise the nearest enemy


OWN = {
    "reward": np.float32, "gathered": np.float32, "hurt": np.float32, "signal": np.float32,
    "goal_x": np.float32, "goal_y": np.float32, "goal_worth": np.float32, "feats": np.float32,
    "defending": np.bool_, "ally": np.int32, "enemy": np.int32,
}  # fmt: skip


def bodies_of(population: Population) -> Bodies:
    """Columns of the population joined with fresh ones of the farm's own."""
    shared = {name: getattr(population, name) for name in Bodies._fields if name not in OWN}
    own: dict[str, Any] = {name: np.zeros(population.capacity, dtype) for name, dtype in OWN.items()}
    bodies = Bodies(**shared, **own)
    blank(bodies, np.arange(population.size, dtype=np.int32))
    return bodies


def blank(bodies: Bodies, slots: NDArray[np.int32]) -> None:
    """Clear the farm's own columns for new lives: nothing done, nobody seen."""
    for name in OWN:
        getattr(bodies, name)[slots] = -1 if name in ("ally", "enemy") else 0


class Terms(NamedTuple):
    """The settings that rules read, as float32, so that kernels stay in float32."""

    size: np.float32
    period: np.float32  # size on a torus; infinite on a bounded farm
    torus: bool
    reach: np.float32
    roots: np.float32  # joules that stay in a full cell of capacity 1
    cell_capacity: np.float32
    energy_max: np.float32
    upkeep: np.float32
    move_cost: np.float32
    move_distance: np.float32
    roughness: np.float32
    gather_rate: np.float32
    share_amount: np.float32
    attack_damage: np.float32
    attack_cost: np.float32
    loot: np.float32
    shield: np.float32  # part of the damage that passes a defence
    starvation: np.float32
    healing: np.float32
    decay: np.float32
    breed_energy: np.float32
    age_max: int
    maturity: int
    reward_gather: np.float32
    reward_damage: np.float32
    reward_offspring: np.float32
    reward_death: np.float32


class Kinds(NamedTuple):
    """What tells the kinds apart, `[kinds]` each."""

    reward_share: NDArray[np.float32]
    reward_harm: NDArray[np.float32]
    solitary: NDArray[np.bool_]


def terms_of(settings: FarmSettings, size: int) -> Terms:
    """Settings in the form that kernels read."""
    plain = {
        name: np.float32(getattr(settings, name))
        for name in Terms._fields
        if isinstance(getattr(settings, name, None), float)
    }
    rewards = {
        f"reward_{name}": np.float32(getattr(settings.reward, name))
        for name in ("gather", "damage", "offspring", "death")
    }
    return Terms(
        **plain,
        **rewards,
        size=np.float32(size),
        torus=settings.edge == "torus",
        period=np.float32(size if settings.edge == "torus" else np.inf),
        shield=np.float32(1.0 - settings.defence),
        age_max=settings.age_max,
        maturity=settings.maturity,
    )


def kinds_of(settings: FarmSettings) -> Kinds:
    """The settings of all kinds, as columns."""
    kinds = settings.kinds
    return Kinds(
        np.array([kind.reward_share for kind in kinds], np.float32),
        np.array([kind.reward_harm for kind in kinds], np.float32),
        np.array([kind.solitary for kind in kinds], np.bool_),
    )
