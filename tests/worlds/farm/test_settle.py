"""Founders: where they are put, and what they are like."""

from __future__ import annotations

import numpy as np
import pytest
from farms import farm_of
from scipy import stats

from teem.config.farm import KindSettings
from teem.worlds.farm.bodies import SIGHT, SPEED
from teem.worlds.farm.fields import ROCK
from teem.worlds.farm.settle import settle


@pytest.mark.parametrize("obstacles", [0.0, 0.5])
def test_founders_stand_on_free_ground_all_over_the_map(obstacles: float) -> None:
    farm = farm_of(founders=400, capacity=400, size=40, obstacles=obstacles)
    x, y = farm.population.x, farm.population.y
    assert ((x >= 0) & (x < 40) & (y >= 0) & (y < 40)).all()
    assert not farm.fields.planes[y.astype(int), x.astype(int), ROCK].any()
    assert stats.kstest(x / 40, "uniform").pvalue > 1e-4
    assert stats.kstest(y / 40, "uniform").pvalue > 1e-4


def test_founders_find_the_only_free_cells() -> None:
    farm = farm_of(founders=30, capacity=60, size=24)
    farm.fields.planes[:, :, ROCK] = 1
    farm.fields.planes[3, [5, 20], ROCK] = 0
    slots = settle(30, farm.population, farm.fields, farm._settings, 7, 1)
    assert set(farm.population.y[slots].astype(int)) == {3}
    assert set(farm.population.x[slots].astype(int)) == {5, 20}


def test_kinds_come_in_their_shares_with_their_traits() -> None:
    kinds = (
        KindSettings(name="many", share=3.0, speed=0.5, sight=0.2, spread=0.1),
        KindSettings(name="few", share=1.0, speed=0.9, sight=0.7, spread=0.0),
    )
    farm = farm_of(founders=2000, capacity=2000, size=60, kinds=kinds)
    kind, genome = farm.population.kind, farm.population.genome
    assert (kind == 1).mean() == pytest.approx(0.25, abs=0.04)
    assert farm.kinds == ("many", "few")
    np.testing.assert_array_equal(genome[kind == 1][:, [SPEED, SIGHT]], np.float32([[0.9, 0.7]] * (kind == 1).sum()))
    assert genome[kind == 0, SPEED].mean() == pytest.approx(0.5, abs=0.02)
    assert genome[kind == 0, SPEED].std() == pytest.approx(0.1, abs=0.02)
    assert ((genome >= 0) & (genome <= 1)).all()


def test_founders_begin_whole_at_their_first_step() -> None:
    population = farm_of(founders=10, energy=4.0).population
    living = population.living
    assert (population.energy[living] == 4.0).all()
    assert (population.health[living] == 1.0).all()
    assert (population.born[living] == 0).all()
    assert (population.parent[living] == -1).all()
    assert population.id[living].tolist() == list(range(10))


def test_a_founder_is_the_same_however_many_come_with_it() -> None:
    few, many = farm_of(founders=5).population, farm_of(founders=25).population
    for name in ("x", "y", "kind", "genome"):
        np.testing.assert_array_equal(getattr(few, name)[few.living], getattr(many, name)[many.living[:5]])
