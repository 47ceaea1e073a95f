"""How children differ from their parents."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.population.variation import cross, diversity, mutate

IDS = np.arange(1000, 5000, dtype=np.int64)


def genomes(value: float) -> np.ndarray:
    return np.full((len(IDS), 3), value, np.float32)


def test_mutation_adds_normal_noise_of_the_deviation_given() -> None:
    noise = mutate(genomes(0.5), 0.05, 7, 3, IDS) - 0.5
    assert noise.mean() == pytest.approx(0.0, abs=0.002)
    assert noise.std() == pytest.approx(0.05, abs=0.002)
    assert abs(np.corrcoef(noise.T) - np.eye(3)).max() < 0.06


@settings(max_examples=20, deadline=None)
@given(sigma=st.floats(0, 2), value=st.floats(0, 1))
def test_traits_stay_between_0_and_1(sigma: float, value: float) -> None:
    children = mutate(genomes(value), sigma, 7, 3, IDS)
    assert children.dtype == np.float32
    assert ((children >= 0) & (children <= 1)).all()


def test_without_mutation_children_are_as_their_parents() -> None:
    np.testing.assert_array_equal(mutate(genomes(0.3), 0.0, 7, 3, IDS), genomes(0.3))


def test_a_mutation_depends_on_the_child_and_the_step_alone() -> None:
    order = np.random.default_rng(0).permutation(len(IDS))
    together = mutate(genomes(0.5), 0.1, 7, 3, IDS)
    np.testing.assert_array_equal(mutate(genomes(0.5), 0.1, 7, 3, IDS[order]), together[order])
    assert not np.array_equal(mutate(genomes(0.5), 0.1, 7, 4, IDS), together)
    assert not np.array_equal(mutate(genomes(0.5), 0.1, 8, 3, IDS), together)


@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
def test_crossing_takes_traits_from_either_alike_in_the_part_of_children_given(chance: float) -> None:
    children = cross(genomes(0.0), genomes(1.0), chance, 7, 3, IDS)
    assert set(np.unique(children)) <= {0.0, 1.0}
    crossed = children.any(axis=1)
    assert crossed.mean() == pytest.approx(chance * (1 - 0.5**3), abs=0.03)
    if chance:
        of_second = children[crossed].mean(axis=0)
        np.testing.assert_allclose(of_second, 0.5 / (1 - 0.5**3), atol=0.06)


def test_diversity_is_the_mean_deviation_of_the_traits() -> None:
    assert diversity(np.array([[0, 0.5], [1, 0.5]], np.float32)) == 0.25
    assert diversity(np.zeros((1, 3), np.float32)) == 0.0
    assert np.isnan(diversity(np.zeros((0, 3), np.float32))), "what is unknown is not 0"


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 99))
def test_diversity_equals_the_plain_mean_deviation(count: int, traits: int, seed: int) -> None:
    genomes = np.random.default_rng(seed).random((count, traits), np.float32)
    assert np.isclose(diversity(genomes), genomes.std(axis=0, dtype=np.float64).mean(), rtol=1e-12, atol=1e-15)
