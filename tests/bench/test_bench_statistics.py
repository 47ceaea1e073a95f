"""Medians, ratios, changes and exponents of data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.bench.statistics import Table, change, exponent, last_exponent, median, paired_change, ratio, relative


def test_the_median_of_known_samples_and_no_interval_of_two() -> None:
    assert median([3.0, 1.0, 2.0]).value == 2.0
    assert median([3.0, 1.0]).low is None
    same = median([4.0] * 5)
    assert (same.value, same.low, same.high) == (4.0, 4.0, 4.0)


def test_the_interval_of_a_median_holds_the_truth_about_as_often_as_it_says() -> None:
    draws = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        one = median(draws.lognormal(0.0, 0.3, 15), seed)
        assert one.low is not None and one.high is not None
        held += one.low <= 1.0 <= one.high
    assert 178 <= held <= 200  # 95% of 200, and room for chance


def test_an_outlier_moves_neither_the_median_nor_its_interval_far() -> None:
    one = median([1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.01, 0.99, 50.0])
    assert one.value == pytest.approx(1.0, abs=0.02)
    assert one.high is not None and one.high < 1.1


def test_a_ratio_is_of_rounds_so_that_a_machine_slow_for_some_rounds_says_nothing() -> None:
    slow = np.array([1, 1, 1, 3, 3, 3, 1, 1.0])
    assert ratio(2.0 * slow, 1.0 * slow) == median([2.0] * 8)


@given(st.floats(-2, 3), st.floats(0.001, 1000))
@settings(max_examples=50, deadline=None)
def test_an_exact_power_law_gives_its_exponent(k: float, scale: float) -> None:
    sizes = np.array([10, 100, 1000, 10_000.0])
    fitted = exponent(sizes, scale * sizes**k)
    assert fitted.value == pytest.approx(k, abs=1e-9)
    assert last_exponent(sizes, scale * sizes**k) == pytest.approx(k, abs=1e-9)


def test_the_interval_of_a_noisy_exponent_holds_it() -> None:
    draws = np.random.default_rng(3)
    sizes = np.geomspace(10, 1e5, 5)
    held = 0
    for _ in range(200):
        one = exponent(sizes, sizes**1.2 * draws.lognormal(0, 0.1, 5))
        assert one.low is not None and one.high is not None
        held += one.low <= 1.2 <= one.high
    assert 180 <= held <= 200


def test_what_is_fixed_bends_the_fit_and_not_the_exponent_at_the_top() -> None:
    sizes = [10, 100, 1000, 10_000, 100_000]
    costs = [1000 + size for size in sizes]
    assert exponent(sizes, costs).value < 0.6
    assert last_exponent(sizes, costs) == pytest.approx(1.0, abs=0.05)


def launched(luck: float, draws: np.random.Generator) -> Table:
    """A launch of 25 repeats on a machine that is up to 1.7 times slower at times; calibrations feel it too."""
    slow, held_up = draws.uniform(1, 1.7), draws.random(25) < 0.3
    noise = draws.normal(1.0, 0.005, (25, 2)) * slow
    noise[held_up] *= draws.uniform(1, 3, (int(held_up.sum()), 2))
    return np.asarray(noise * [luck, 1.0])


def test_a_cost_is_relative_to_calibrations_and_blind_to_what_was_held_up() -> None:
    draws = np.random.default_rng(4)
    assert relative(np.full((9, 3), [6.0, 1.0, 4.0])) == pytest.approx(3.0)  # the geometric mean of 1 and 4 is 2
    costs = [relative(launched(3.0, draws)) for _ in range(50)]
    assert costs == pytest.approx([3.0] * 50, rel=0.02)


def test_a_change_counts_the_luck_of_launches() -> None:
    """Five launches that differ by 5%: one that is 4% dearer says nothing, one that is 20% dearer does."""
    draws = np.random.default_rng(5)
    before = [launched(luck, draws) for luck in (0.95, 0.98, 1.0, 1.02, 1.05)]
    near, far = change(before, [launched(1.04, draws)]), change(before, [launched(1.2, draws)])
    assert near.low is not None and near.low < 1.0 < near.value
    assert far.low is not None and far.low > 1.1
    assert change(before[2:3], [launched(1.04, draws)]).low > 1.01  # type: ignore[operator]  # luck that nobody told of
    assert change([launched(1.04, draws)], before).high > 1.0  # type: ignore[operator]  # and the other way round


@pytest.mark.parametrize("truth", [1.0, 1.2])
def test_a_paired_change_is_blind_to_slow_rounds_and_counts_the_luck_of_launches(truth: float) -> None:
    """Three launches of twelve rounds, some of which the machine makes three times slower for both."""
    draws = np.random.default_rng(6)
    held = 0
    for seed in range(50):
        slow = draws.choice([1.0, 3.0], (3, 12))
        luck = draws.lognormal(0, 0.03, (3, 1))
        before, after = slow * draws.lognormal(0, 0.01, (3, 12)), truth * luck * slow
        one = paired_change(list(before), list(after), seed)
        assert one.low is not None and one.high is not None
        assert one.value == pytest.approx(truth, rel=0.1)
        held += one.low <= truth <= one.high
    assert held >= 35
    assert paired_change([[1.0, 1.0]], [[2.0, 2.0]]).low is None
