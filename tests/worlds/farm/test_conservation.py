"""Joules come and go as the ledger says: none appears, none vanishes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checks import change_by_ledger, make_accounted_steps
from farms import by_chance, farm_of, joules
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.worlds.farm.bodies import ACTIONS


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    edge=st.sampled_from(["torus", "bounded"]),
    size=st.sampled_from([9, 24]),
    loot=st.sampled_from([0.0, 1.0]),
    roughness=st.sampled_from([0.0, 5.0]),
    crossover=st.sampled_from([0.0, 1.0]),
    regrow_every=st.sampled_from([1, 7]),
)
def test_the_ledger_accounts_for_every_joule(seed: int, **world: Any) -> None:
    make_accounted_steps(farm_of(seed=seed, founders=25, **world), 15)


def test_all_actions_and_all_entries_of_the_ledger_are_among_what_is_accounted_for() -> None:
    farm, seen = farm_of(founders=40, size=12, reach=2.0, age_max=30), dict[str, float]()
    taken = make_accounted_steps(farm, 60)
    for _ in range(200):
        ledger = farm.step(by_chance(farm, farm.observe())).ledger
        seen = {name: seen.get(name, 0.0) + joules for name, joules in ledger.items()}
    assert taken == set(range(len(ACTIONS)))
    assert all(amount > 0 for name, amount in seen.items() if name != "seeded"), seen


def test_a_world_reseeded_is_given_what_its_founders_carry() -> None:
    farm = farm_of(founders=10, capacity=15, age_max=3, maturity=50, energy=5.0)
    seeded = []
    for _ in range(8):
        before = joules(farm)
        ledger = farm.step(by_chance(farm, farm.observe())).ledger
        assert joules(farm) - before == pytest.approx(change_by_ledger(ledger), abs=2e-3)
        seeded.append(ledger["seeded"])
    assert max(seeded) == 50.0


def test_what_is_gathered_leaves_the_ground_and_what_is_shared_stays_with_the_living() -> None:
    farm = farm_of(founders=40, size=12, growth=0.0, attack_damage=0.0)
    total = 0.0
    for _ in range(20):
        ground = farm.fields.values("resources").sum(dtype=np.float64)
        ledger = farm.step(by_chance(farm, farm.observe())).ledger
        left = farm.fields.values("resources").sum(dtype=np.float64)
        assert ground - left == pytest.approx(ledger["gathered"], abs=1e-3)
        total += ledger["shared"]
    assert total > 0
