"""Each check of the farm fails when the fault that it is for is planted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checks import (
    assert_seen_as_specified,
    assert_slots_do_not_matter,
    make_accounted_steps,
)
from farms import ALL_CHANNELS, farm_of, run, scatter

import teem.worlds.farm.farm as farm_module
import teem.worlds.farm.rules.breed as breed_module
from teem.population.slots import Population
from teem.worlds.conformance import check_world, unvarying
from teem.worlds.farm.farm import Farm

Patch = pytest.MonkeyPatch
BUSY: dict[str, Any] = {
    "founders": 30, "capacity": 32, "size": 10, "density": 1.0, "growth": 0.1, "age_max": 15, "maturity": 2,
    "breed_energy": 3.0, "birth_energy": 1.0,
}  # fmt: skip
BACKWARDS = list(range(BUSY["capacity"]))[::-1]


def a_busy_farm() -> Farm:
    return farm_of(**BUSY)


def the_contract() -> None:
    check_world(a_busy_farm, 30)


def the_ledger() -> None:
    make_accounted_steps(a_busy_farm(), 15)


def the_slots() -> None:
    assert_slots_do_not_matter(BACKWARDS, **BUSY)


def the_looking() -> None:
    for view in ("compact", "full"):
        farm = farm_of(founders=25, view=view, size=12, channels=ALL_CHANNELS)
        scatter(farm, 5, crowded=False)
        farm._memory.since[:] = -1
        assert_seen_as_specified(farm, {})


def the_senses() -> None:
    constant = unvarying(a_busy_farm, 30)
    assert constant == ["obstacles.here"], f"never vary: {constant}"


def no_move(monkeypatch: Patch) -> None:
    monkeypatch.setattr(farm_module, "move", lambda *_: 0.0)


def blind_to_the_last(monkeypatch: Patch) -> None:
    """The grid leaves somebody out, so that it isn't seen by those it is in sight of."""
    rebuild = farm_module.Grid.rebuild

    def without_one(self: Any, x: Any, y: Any, living: Any) -> None:
        rebuild(self, np.where(np.arange(len(x)) == living[-1], x + 6, x).astype(np.float32) % 12, y, living)

    monkeypatch.setattr(farm_module.Grid, "rebuild", without_one)


def energy_from_nothing(monkeypatch: Patch) -> None:
    gather = farm_module.gather

    def generous(living: Any, action: Any, bodies: Any, *rest: Any) -> float:
        bodies.energy[living[0]] += 0.01
        return float(gather(living, action, bodies, *rest))

    monkeypatch.setattr(farm_module, "gather", generous)


def loot_lost_on_the_way(monkeypatch: Patch) -> None:
    fight = farm_module.fight

    def wasteful(living: Any, action: Any, target: Any, bodies: Any, *rest: Any) -> float:
        spent = float(fight(living, action, target, bodies, *rest))
        bodies.energy[living] *= 0.999
        return spent

    monkeypatch.setattr(farm_module, "fight", wasteful)


def slots_refilled_at_once(monkeypatch: Patch) -> None:
    release = Population.release

    def hasty(self: Population, slots: Any) -> None:
        release(self, slots)
        self.recycle()

    monkeypatch.setattr(Population, "release", hasty)


def ids_used_again(monkeypatch: Patch) -> None:
    release = Population.release

    def thrifty(self: Population, slots: Any) -> None:
        release(self, slots)
        self.next_id -= len(slots)

    monkeypatch.setattr(Population, "release", thrifty)


def one_sense_constant(monkeypatch: Patch) -> None:
    observe = Farm.observe

    def numb(self: Farm) -> Any:
        observation = observe(self)
        observation.values[:, self.observation_names.index("energy")] = 0.5
        return observation

    monkeypatch.setattr(Farm, "observe", numb)


def draws_by_slot(monkeypatch: Patch) -> None:
    mutate = breed_module.mutate

    def by_slot(genomes: Any, sigma: float, seed: int, step: int, ids: Any) -> Any:
        return mutate(genomes, sigma, seed, step, ids % 5 + free_slots[-1])

    free_slots: list[int] = [0]
    spawn = Population.spawn

    def watched(self: Population, count: int) -> Any:
        slots = spawn(self, count)
        free_slots.append(int(slots[0]))
        return slots

    monkeypatch.setattr(Population, "spawn", watched)
    monkeypatch.setattr(breed_module, "mutate", by_slot)


@pytest.mark.parametrize("check", [the_contract, the_ledger, the_slots, the_looking, the_senses])
def test_without_a_fault_every_check_passes(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize(
    ("plant", "check", "named"),
    [
        (no_move, the_contract, "nobody changed place"),
        (blind_to_the_last, the_looking, "Not equal to tolerance"),
        (energy_from_nothing, the_ledger, "joules that the ledger does not know"),
        (loot_lost_on_the_way, the_ledger, "joules that the ledger does not know"),
        (slots_refilled_at_once, the_contract, "a slot freed in this step is taken already"),
        (ids_used_again, the_contract, "an id is used again|not by rising id"),
        (one_sense_constant, the_senses, "never vary: .*'energy'"),
        (draws_by_slot, the_slots, "differs at"),
    ],
)
def test_a_fault_is_found(
    monkeypatch: Patch, plant: Callable[[Patch], None], check: Callable[[], None], named: str
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=named):
        check()


def test_a_farm_without_faults_is_busy_enough_to_show_them() -> None:
    outcomes = run(a_busy_farm(), 30)
    assert any(len(outcome.births.slot) and len(outcome.deaths.slot) for outcome in outcomes)
    assert sum(outcome.ledger["gathered"] for outcome in outcomes) > 0
    assert sum(outcome.ledger["fighting"] for outcome in outcomes) > 0
