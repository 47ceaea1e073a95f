"""The farm keeps the contract of `World`; and the check that says so notices who doesn't."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from farms import ALL_CHANNELS, config_of, farm_of
from numpy.typing import NDArray

from teem.measure.spans import Spans
from teem.state import State
from teem.threads import Threads
from teem.worlds.base import Observation, Outcome
from teem.worlds.conformance import check_world, unvarying
from teem.worlds.farm.farm import Farm


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"edge": "bounded", "reach": 6.0, "deposit": "bilinear"},
        {"view": "full", "channels": ALL_CHANNELS, "occlusion": True},
        {"size": 9, "founders": 40, "capacity": 40, "age_max": 20, "crossover": 1.0},
        {"founders": 5, "capacity": 9, "age_max": 3, "maturity": 50},
        {"founders": 1, "capacity": 1, "extinction": "stop", "age_max": 10},
        {"storage": "mapped", "layout": "gradient", "loot": 1.0, "regrow_every": 1},
        {"founders": 150, "capacity": 200, "size": 40, "threads": 2},
    ],
    ids=lambda settings: "-".join(settings) or "plain",
)
def test_the_farm_keeps_the_contract(settings: dict[str, Any]) -> None:
    check_world(lambda: farm_of(**settings), 25)


class Faulty(Farm):
    """A farm to plant faults in: full, with births and deaths all the time."""

    def __init__(self) -> None:
        crowded = {"founders": 30, "capacity": 32, "age_max": 15, "maturity": 2}
        super().__init__(config_of(**crowded, breed_energy=3.0, birth_energy=1.0), Threads(1), Spans())


class Forgetful(Faulty):
    def state(self) -> State:
        return {name: part for name, part in super().state().items() if name != "bodies"} | {
            "bodies": {name: np.zeros_like(column) for name, column in super().state()["bodies"].items()}
        }


class Sharing(Faulty):
    def state(self) -> State:
        return (
            super().state()
            | {"fields": {"planes": self.fields.planes, **super().state()["fields"]}}
            | {"population": {**super().state()["population"], "energy": self.population.energy}}
        )


class Objects(Faulty):
    def state(self) -> State:
        return super().state() | {"extra": [1, 2]}


class Haphazard(Faulty):
    def step(self, action: NDArray[np.int32]) -> Outcome:
        self.population.energy[:] *= np.random.default_rng().random()
        return super().step(action)


class Resting(Faulty):
    def _move(self, acted: Any) -> float:
        return 0.0


class Hasty(Faulty):
    """Refills the slots of this step's dead."""

    def _breed(self) -> Any:
        self.population.recycle()
        return super()._breed()


class Obedient(Faulty):
    def step(self, action: NDArray[np.int32]) -> Outcome:
        self.observe()
        self._mask[:] = True
        return super().step(np.clip(action, 0, 14))


class Unhealthy(Faulty):
    def observe(self) -> Observation:
        observation = super().observe()
        observation.values[observation.living[0], 0] = np.nan
        return observation


class Fidgety(Faulty):
    def observe(self) -> Observation:
        self.population.health *= 0.99
        return super().observe()


class Deathless(Faulty):
    def step(self, action: NDArray[np.int32]) -> Outcome:
        outcome = super().step(action)
        outcome.terminated[:] = False
        return outcome


class Bewildered(Faulty):
    def heuristic(self, observation: Observation, action: NDArray[np.int32]) -> None:
        action[observation.living[1:]] = 14


class Adopting(Faulty):
    def _breed(self) -> Any:
        births = super()._breed()
        self.population.parent[births.slot] = 10_000
        return births


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (Forgetful, "a world restored|state.bodies"),
        (Sharing, "state.population.energy: changed after it was taken"),
        (Objects, "state.extra: neither array"),
        (Haphazard, "two worlds made alike"),
        (Resting, "nobody changed place"),
        (Hasty, "a slot freed in this step is taken already"),
        (Obedient, "action: not what was asked"),
        (Unhealthy, "a value is not finite"),
        (Fidgety, "another result the second time"),
        (Deathless, "not those who terminated"),
        (Bewildered, "heuristic: somebody was left"),
        (Adopting, "the wrong parent's id"),
    ],
)
def test_a_planted_fault_is_named(fault: type[Faulty], named: str) -> None:
    with pytest.raises(AssertionError, match=named):
        check_world(fault, 40)


def test_values_that_never_vary_are_named() -> None:
    assert unvarying(lambda: farm_of(obstacles=0.1, size=16), 40) == ["obstacles.here"]
