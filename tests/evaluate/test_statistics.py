"""Intervals are Student's, and policies are told apart only where the data say so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from teem.evaluate.compare import NOT_TOLD_APART, compare, contrast
from teem.evaluate.episodes import MEASURES
from teem.evaluate.statistics import Estimate, as_plain, estimate, replicates, told_apart

numbers = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12)


@settings(max_examples=50, deadline=None)
@given(numbers)
def test_the_interval_is_students(values):
    found = estimate(values)
    assert found.mean == pytest.approx(np.mean(values))
    error = stats.sem(values)
    if error > 1e-9:
        low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=error)
        assert (found.low, found.high) == pytest.approx((low, high))
    else:
        assert found.high - found.low < 1e-6


def test_a_known_case():
    found = estimate([1, 2, 3, 4, 5])
    assert found == pytest.approx((3, 3 - 1.963, 3 + 1.963, 5), abs=1e-3)


def test_one_replicate_has_no_interval_and_tells_nothing():
    one, other = estimate([1.0]), estimate([5.0])
    assert np.isnan([one.low, one.high]).all()
    assert told_apart(one, other, estimate([-4.0])) == 0
    assert as_plain(one) == {"mean": 1.0, "low": None, "high": None, "replicates": 1}


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-5, 5))
def test_the_paired_interval_agrees_with_the_paired_t_test(seed, shift):
    rng = np.random.default_rng(seed)
    one = rng.normal(shift, 1, 6)
    other = one - shift + rng.normal(0, 1, 6)
    difference = estimate(one - other)
    significant = stats.ttest_rel(one, other).pvalue < 0.05
    assert significant == (difference.low > 0 or difference.high < 0)


APART = Estimate(5, 4, 6, 5), Estimate(2, 1, 3, 5)
TOUCHING = Estimate(5, 3, 7, 5), Estimate(2, 0.5, 3.5, 5)


def test_both_the_means_and_the_difference_must_tell_them_apart():
    sure, unsure = Estimate(3, 1, 5, 5), Estimate(3, -1, 7, 5)
    assert told_apart(*APART, sure) == 1
    assert told_apart(*APART, unsure) == 0
    assert told_apart(*TOUCHING, sure) == 0
    assert told_apart(*reversed(APART), Estimate(-3, -5, -1, 5)) == -1


def test_the_verdict_is_in_words_of_its_measure():
    long, short = np.array([9.0, 10, 11]), np.array([1.0, 2, 3.1])
    assert contrast("lifetime", long, short).verdict == "longer"
    assert contrast("lifetime", short, long).verdict == "shorter"
    assert contrast("feats", long, short).verdict == "more"
    assert contrast("feats", long, long[::-1]).verdict == NOT_TOLD_APART


def test_from_three_runs_on_a_run_is_one_replicate():
    two = np.arange(2 * 5 * 4.0).reshape(2, 5, 4)
    three = np.arange(3 * 5 * 4.0).reshape(3, 5, 4)
    assert replicates(two).shape == (10, 4)
    np.testing.assert_array_equal(replicates(three), three.mean(axis=1))


def test_worlds_of_one_run_do_not_make_three_runs_sure():
    """Runs that differ among themselves can't be told from the baseline, however many worlds each is put into."""
    rng = np.random.default_rng(0)
    runs = np.array([-2.0, 0.5, 2.5])[:, None] + rng.normal(0, 0.01, (3, 50))
    values = np.zeros((3, 50, 2, len(MEASURES)))
    values[:, :, 0] = runs[..., None]
    assert compare(replicates(values), ("trained", "random")).against["random"]["lifetime"].sign == 0
    few = compare(replicates(values[2:]), ("trained", "random"))  # of one run its worlds do speak
    assert few.against["random"]["lifetime"].sign == 1


def test_where_there_is_no_difference_the_paired_interval_errs_as_often_as_it_says():
    rng = np.random.default_rng(1)
    paired = apart = 0
    for _ in range(1000):
        world = rng.normal(100, 20, 5)
        one, other = world + rng.normal(0, 5, 5), world + rng.normal(0, 5, 5)
        found = contrast("lifetime", one, other)
        paired += found.difference.low > 0 or found.difference.high < 0
        apart += found.sign != 0
    assert 30 <= paired <= 70  # 5% of 1000, within three standard errors
    assert apart <= paired
