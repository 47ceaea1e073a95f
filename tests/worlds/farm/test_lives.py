"""Births, lives and deaths: what an agent's life depends on, and what it must not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checks import assert_slots_do_not_matter
from farms import ALL_CHANNELS, by_chance, farm_of, run
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.worlds.farm.bodies import AGE, ATTACK, COMBAT, OWN, PASS, REPRODUCE, STARVATION
from teem.worlds.farm.farm import Farm


def all_do(farm: Farm, action: int) -> Any:
    return farm.step(np.full(farm.population.capacity, action, np.int32))


def test_a_slot_freed_in_a_step_is_refilled_only_at_the_next() -> None:
    farm = farm_of(founders=40, capacity=40, age_max=25)
    freed_before: set[int] = set()
    refilled = 0
    for outcome in run(farm, 150):
        freed = set(outcome.deaths.slot.tolist())
        born = set(outcome.births.slot.tolist())
        assert not freed & born
        refilled += len(born & freed_before)
        freed_before = freed
    assert refilled > 0


def test_a_newborn_carries_nothing_over_from_who_had_its_slot() -> None:
    farm = farm_of(founders=20, capacity=20, size=12, growth=0.5, age_max=15, maturity=1, breed_energy=3.0)
    left = 0.0
    for _ in range(60):
        bodies, before = farm.bodies, farm.bodies.feats.copy()
        born = farm.step(by_chance(farm, farm.observe())).births.slot
        left += before[born].sum()
        for name in OWN:
            blank = -1 if name in ("ally", "enemy") else 0
            assert (getattr(bodies, name)[born] == blank).all(), name
    assert left > 0


def test_ids_are_never_reused_and_capacity_is_never_exceeded() -> None:
    farm = farm_of(founders=20, capacity=30)
    seen = set(farm.population.id[farm.population.living].tolist())
    born = 0
    for _ in range(150):
        outcome = farm.step(by_chance(farm, farm.observe()))
        new = farm.population.id[outcome.births.slot].tolist()
        assert not seen & set(new)
        assert len(set(new)) == len(new)
        seen |= set(new)
        born += len(new)
        assert len(farm.population.living) <= 30
        assert (np.diff(farm.population.id[farm.population.living]) > 0).all()
    assert born > 30


SHUFFLED = {
    "founders": 30,
    "capacity": 45,
    "size": 9,
    "channels": ALL_CHANNELS,
    "view": "full",
    "crossover": 0.5,
    "breed_energy": 3.0,
    "birth_energy": 1.0,
    "density": 1.0,
    "growth": 0.2,
}


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), order=st.permutations(range(45)))
def test_shuffling_slots_changes_no_life(seed: int, order: list[int]) -> None:
    assert_slots_do_not_matter(order, seed=seed, **SHUFFLED)


def test_the_lives_that_are_compared_begin_and_end_among_others() -> None:
    told = assert_slots_do_not_matter(list(range(45))[::-1], seed=7, **SHUFFLED)
    for what in ("born", "died"):
        assert sum(len(step.get(what, ())) for step in told) > 5
    assert sum((step["target"] >= 0).sum() for step in told if "target" in step) > 5


def test_without_food_all_starve() -> None:
    farm = farm_of(founders=20, capacity=20, energy=1.0, upkeep=0.5, starvation=0.5, extinction="stop")
    causes = np.concatenate([all_do(farm, PASS).deaths.cause for _ in range(12)])
    assert causes.tolist() == [STARVATION] * 20
    assert not len(farm.population.living)


def test_the_old_die_of_age_at_the_age_that_is_set() -> None:
    farm = farm_of(founders=20, capacity=20, age_max=9, extinction="stop")
    deaths = {step: all_do(farm, PASS).deaths for step in range(12)}
    assert {step: len(died.slot) for step, died in deaths.items() if len(died.slot)} == {9: 20}
    assert (deaths[9].cause == AGE).all()


def test_those_beaten_to_death_die_of_combat() -> None:
    farm = farm_of(founders=2, capacity=2, attack_damage=0.9, age_max=1000, healing=0.0, extinction="stop")
    first, second = farm.population.living.copy()
    farm.population.kind[[first, second]] = 0, 1
    farm.bodies.x[[first, second]] = 5.5
    farm.bodies.y[[first, second]] = 5.5
    action = np.full(2, PASS, np.int32)
    action[first] = ATTACK
    while not len((died := farm.step(action)).deaths.slot):
        assert farm.step_count < 10
    assert died.deaths.slot.tolist() == [second]
    assert died.deaths.cause.tolist() == [COMBAT]


def test_a_child_costs_its_parent_exactly_what_it_is_given() -> None:
    farm = farm_of(founders=10, capacity=40, upkeep=0.0, move_cost=0.0, maturity=0, energy=10.0, birth_energy=3.0)
    before = farm.population.energy.copy()
    births = all_do(farm, REPRODUCE).births
    assert sorted(births.parent_slot) == sorted(farm.population.living[:10])
    population = farm.population
    assert (population.energy[births.slot] == 3.0).all()
    assert (population.energy[births.parent_slot] == before[births.parent_slot] - 3.0).all()
    assert (population.parent[births.slot] == population.id[births.parent_slot]).all()
    assert (population.generation[births.slot] == 1).all()
    assert (population.kind[births.slot] == population.kind[births.parent_slot]).all()
    assert (population.x[births.slot] == population.x[births.parent_slot]).all()


@pytest.mark.parametrize("room", [0, 1, 7, 12])
def test_no_more_are_born_than_there_is_room_for_and_who_is_drawn_by_id(room: int) -> None:
    firsts = set()
    for seed in range(6):
        farm = farm_of(seed=seed, founders=10, capacity=10 + room, maturity=0, energy=10.0)
        births = all_do(farm, REPRODUCE).births
        assert len(births.slot) == min(room, 10)
        assert (np.diff(farm.population.id[births.parent_slot]) > 0).all()
        firsts |= set(births.parent_slot.tolist())
    assert room == 0 or len(firsts) > min(room, 9), "the same agents always come first"


def test_the_young_and_the_poor_do_not_breed() -> None:
    farm = farm_of(founders=10, capacity=40, maturity=5, energy=10.0, upkeep=0.0)
    farm.population.energy[farm.population.living[:4]] = 5.9
    born = [len(all_do(farm, REPRODUCE).births.slot) for _ in range(6)]
    assert born == [0, 0, 0, 0, 0, 6]


def test_crossover_mixes_the_traits_of_parent_and_nearest_ally() -> None:
    farm = farm_of(founders=2, capacity=4, crossover=1.0, mutation=0.0, maturity=0, energy=10.0)
    population = farm.population
    one, two = population.living.copy()
    population.kind[[one, two]] = 0
    population.genome[one], population.genome[two] = 0.0, 1.0
    population.x[two], population.y[two] = population.x[one], population.y[one]
    births = all_do(farm, REPRODUCE).births
    traits = population.genome[births.slot]
    assert set(np.unique(traits)) == {0.0, 1.0}


def test_the_dead_are_nobodys_second_parent() -> None:
    farm = farm_of(founders=2, capacity=4, crossover=1.0, mutation=0.0, maturity=0, energy=10.0, age_max=60)
    population = farm.population
    one, two = population.living.copy()
    population.kind[[one, two]] = 0
    population.genome[one], population.genome[two] = 0.0, 1.0
    population.x[two], population.y[two] = population.x[one], population.y[one]
    population.born[two] = -60
    outcome = all_do(farm, REPRODUCE)
    assert outcome.deaths.slot.tolist() == [two]
    assert outcome.births.parent_slot.tolist() == [one]
    assert not population.genome[outcome.births.slot].any()


def test_an_extinct_world_stays_empty_where_it_shall_stop() -> None:
    farm = farm_of(founders=10, age_max=2, extinction="stop")
    outcomes = run(farm, 6)
    assert not len(farm.population.living)
    assert not any(len(outcome.births.slot) for outcome in outcomes)
    assert not len(outcomes[-1].acted)


@pytest.mark.parametrize("capacity", [10, 12, 30])
def test_an_extinct_world_is_reseeded_from_the_hall_of_fame(capacity: int) -> None:
    farm = farm_of(founders=10, capacity=capacity, age_max=6, maturity=50, fame=3, mutation=0.0)
    reseeded = next(outcome for outcome in run(farm, 9) if len(outcome.births.slot))
    births = reseeded.births
    assert len(births.slot) == 10
    assert (births.parent_slot == -1).all()
    assert set(births.fame.tolist()) <= {0, 1, 2}
    born = farm.population.genome[births.slot]
    np.testing.assert_array_equal(born, farm.fame.genome[births.fame])
    assert (farm.population.born[births.slot] == reseeded.step).all()


def test_the_hall_holds_those_who_gathered_most() -> None:
    farm = farm_of(founders=30, capacity=30, fame=4, age_max=20, maturity=50, extinction="stop")
    feats: dict[int, float] = {}
    for _ in range(25):
        for slot in farm.population.living:
            feats[int(farm.population.id[slot])] = float(farm.bodies.feats[slot])
        outcome = farm.step(by_chance(farm, farm.observe()))
        for slot, id_ in zip(outcome.deaths.slot, outcome.deaths.id, strict=True):
            feats[int(id_)] = float(farm.bodies.feats[slot])
        for entry, slot in outcome.honours:
            np.testing.assert_array_equal(farm.fame.genome[entry], farm.population.genome[slot])
    assert sorted(farm.fame.score) == pytest.approx(sorted(feats.values())[-4:])


def test_an_illegal_action_becomes_a_pass() -> None:
    farm = farm_of(founders=20)
    mask = farm.observe().mask.copy()
    wanted = np.where(np.arange(50) % 2, 99, -5).astype(np.int32)
    outcome = farm.step(wanted)
    assert (outcome.action[outcome.acted] == PASS).all()
    farm = farm_of(founders=20)
    acted = farm.population.living.copy()
    outcome = farm.step(np.full(50, REPRODUCE, np.int32))
    assert not mask[acted, REPRODUCE].any()
    assert (outcome.action[acted] == PASS).all()
