"""Small farms for tests, with every setting that a test depends on said by the test."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from teem.config.farm import CHANNELS, FarmSettings, KindSettings
from teem.config.settings import Config, PopulationSettings
from teem.measure.spans import Spans
from teem.rng import Stream, uniforms
from teem.threads import Threads
from teem.worlds.base import Observation
from teem.worlds.farm.farm import Farm
from teem.worlds.farm.fields import ROCK
from teem.worlds.farm.look_plain import Known, look_plain

ALL_CHANNELS = CHANNELS
KINDS = (
    KindSettings(name="system", sharing=0.8, strength=0.4, reward_share=0.5, spread=0.2),
    KindSettings(name="independent", sharing=0.2, strength=0.6, reward_harm=0.1, spread=0.2),
    KindSettings(name="loner", solitary=True, sight=0.3, spread=0.2),
)
LIVELY: dict[str, Any] = {  # short lives and quick births, so that a short run has them all
    "size": 24, "sight": 3, "layout": "random", "density": 0.5, "cell_capacity": 2.0, "growth": 0.05,
    "roots": 0.1, "regrow_every": 4, "obstacles": 0.05, "landmarks": 0.05, "reach": 1.5, "energy": 5.0,
    "energy_max": 20.0, "upkeep": 0.1, "attack_damage": 0.4, "starvation": 0.2, "age_max": 60,
    "maturity": 5, "breed_energy": 6.0, "birth_energy": 3.0, "move_distance": 1.5, "gather_rate": 1.0,
    "decay": 0.9, "kinds": KINDS,
}  # fmt: skip


def config_of(
    *,
    seed: int = 7,
    founders: int = 30,
    capacity: int = 50,
    extinction: str = "reseed",
    fame: int = 4,
    **world: Any,
) -> Config:
    """A lively farm, with other settings where they are given."""
    return Config(
        seed=seed,
        world=FarmSettings(**{**LIVELY, **world}),
        population=PopulationSettings(founders=founders, capacity=capacity, extinction=extinction, fame=fame),
    )


def farm_of(*, threads: int = 1, **settings: Any) -> Farm:
    """A farm of `config_of(...)`."""
    return Farm(config_of(**settings), Threads(threads), Spans())


LATTICE = 8  # places are multiples of 1/8: exact in float32, and often equal, on borders or on the seam


def scatter(farm: Farm, seed: int, crowded: bool) -> None:
    """Give the living random places, traits and states, and the map random heat and trails."""
    random, bodies, living = np.random.default_rng(seed), farm.bodies, farm.population.living
    side, n = farm.fields.side, len(living)
    extent = min(3, side) if crowded else side
    corner = random.integers(0, side, 2)
    for axis, column in enumerate((bodies.x, bodies.y)):
        places = random.integers(0, extent * LATTICE, n) / LATTICE + corner[axis]
        column[living] = places % side
    farm.fields.planes[bodies.y.astype(int)[living], bodies.x.astype(int)[living], ROCK] = 0
    bodies.genome[living] = random.random((n, bodies.genome.shape[1]))
    fill = random.choice([0, 1, 2], n)  # empty, full, in between
    bodies.energy[living] = farm._settings.energy_max * np.where(fill == 2, random.random(n), fill)
    for column in (bodies.health, bodies.signal, bodies.hurt, bodies.gathered):
        column[living] = 0.1 + 0.9 * random.random(n)
    bodies.goal_worth[living] = random.random(n) * (random.random(n) < 0.7)
    bodies.goal_x[living], bodies.goal_y[living] = random.integers(0, side * LATTICE, (2, n)) / LATTICE
    bodies.born[living] = -random.integers(0, 80, n)
    for name in ("damage_heat", "trails"):
        if name in farm.fields.names:
            farm.fields.planes[:, :, farm.fields.index(name)] = random.random((side, side))
            farm.fields.scale[farm.fields.index(name)] = 0.5


def by_chance(farm: Farm, observation: Observation) -> NDArray[np.int32]:
    """A legal action for each of the living, drawn by its id and the step: the same whatever its slot."""
    action = np.full(farm.population.capacity, -1, np.int32)
    draws = uniforms(99, Stream.POLICY, farm.step_count, farm.population.id[observation.living], 1)[:, 0]
    for draw, slot in zip(draws, observation.living, strict=True):
        legal = np.flatnonzero(observation.mask[slot])
        action[slot] = legal[int(draw * len(legal))]
    return action


def run(farm: Farm, steps: int) -> list[Any]:
    """Make steps by chance; returns the outcomes, whose arrays are copies."""
    return [copied(farm.step(by_chance(farm, farm.observe()))) for _ in range(steps)]


def copied(outcome: Any) -> Any:
    """An outcome whose arrays stay as they are."""
    for name in ("action", "target", "reward", "terminated", "truncated"):
        setattr(outcome, name, getattr(outcome, name).copy())
    return outcome


def plainly(farm: Farm, known: Known) -> Any:
    """What the specification says the living perceive now: (values, mask, ally, enemy)."""
    return look_plain(
        farm.population.living, farm.step_count, farm.population.room_next, farm.bodies, farm.fields.planes,
        farm.fields.scale, farm.fields.capacity, farm._settings, farm.fields.side, known,
    )  # fmt: skip


def joules(farm: Farm) -> float:
    """All the energy there is: in the ground and in the living."""
    ground = farm.fields.values("resources").sum(dtype=np.float64)
    return float(ground + farm.population.energy[farm.population.living].sum(dtype=np.float64))


def flat(state: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested state by dotted names."""
    leaves: dict[str, Any] = {}
    for name, value in state.items():
        path = f"{prefix}{name}"
        leaves |= flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return leaves


def assert_same_state(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Fail, naming what differs, unless two states are the same bit for bit."""
    one, other = flat(one), flat(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        same = np.asarray(value).tobytes() == np.asarray(other[name]).tobytes()
        assert same, f"{name} differs"
