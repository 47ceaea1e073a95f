"""Means, intervals and tests are SciPy's, on the seeds that both settings have; corrections are Holm's."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from teem.sweep.compare import compare, holm, p_value, standing


def holm_plain(p: list[float]) -> list[float]:
    """Holm (1979) as he has it: the smallest of m is compared with level / m, the next with level / (m - 1), ..."""
    corrected = []
    for one in p:
        level = 1.0
        for candidate in sorted({min(1.0, value * k) for value in p for k in range(1, len(p) + 1)} | {1.0}):
            rejected = []
            for rank, value in enumerate(sorted(p)):
                if value * (len(p) - rank) > candidate:
                    break
                rejected.append(value)
            if one in rejected:
                level = candidate
                break
        corrected.append(level)
    return corrected


@settings(deadline=None)
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_least_level_at_which_it_would_be_rejected(p: list[float]) -> None:
    assert holm(p) == pytest.approx(holm_plain(p))


def test_holm_of_nothing_is_nothing() -> None:
    assert holm([]).tolist() == []


@settings(deadline=None, max_examples=25)
@given(differences=st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=2, max_size=8))
def test_each_p_is_that_of_scipy_and_the_permutations_are_all_signs(differences: list[float]) -> None:
    given = np.array(differences)
    if not given.any():
        assert {p_value(given, test) for test in ("t", "wilcoxon", "permutation")} == {1.0}
        return
    if given.std() > 1e-6:
        assert p_value(given, "t") == pytest.approx(stats.ttest_rel(given + 5, np.full(len(given), 5.0)).pvalue)
        assert p_value(given, "wilcoxon") == pytest.approx(float(stats.wilcoxon(given).pvalue))
    signs = np.array(list(itertools.product([1, -1], repeat=len(given))))
    means = (signs * given).mean(axis=1)
    tail = min((means <= given.mean() + 1e-9).mean(), (means >= given.mean() - 1e-9).mean())
    assert p_value(given, "permutation") == pytest.approx(min(1.0, 2 * tail))


def test_one_pair_can_not_be_tested() -> None:
    assert p_value([3.0], "t") is None
    assert p_value([], "wilcoxon") is None


def test_settings_are_paired_by_seed_and_only_where_both_have_one() -> None:
    a = standing("a", {1: 1.0, 2: 2.0, 3: 3.0, 4: 9.0})
    b = standing("b", {1: 2.0, 2: 4.0, 3: 4.5, 5: -50.0})
    c = standing("c", {9: 1.0})
    low, high = stats.t.interval(0.95, 3, 3.75, stats.sem([1, 2, 3, 9]))
    assert (a.mean, a.low, a.high) == pytest.approx((3.75, low, high))
    assert (c.mean, c.low, c.high) == (1.0, None, None)
    first, *others = compare([a, b, c], "t")
    assert (first.one, first.other, first.pairs) == (1, 2, 3)
    assert first.difference == pytest.approx(-1.5)
    assert first.p == pytest.approx(stats.ttest_rel([1, 2, 3], [2, 4, 4.5]).pvalue)
    assert first.p_holm == first.p  # one pair can be tested
    assert first.significant == (first.p < 0.05)
    assert [(one.pairs, one.difference, one.p, one.p_holm, one.significant) for one in others] == [
        (0, None, None, None, False)
    ] * 2


def test_what_is_all_alike_is_not_told_apart_and_what_is_clear_is() -> None:
    rng = np.random.default_rng(2)
    noise = {seed: float(rng.normal()) for seed in range(10)}
    same = [standing(name, noise) for name in "ab"]
    assert compare(same, "t")[0].p == 1.0
    better = standing("c", {seed: value + 5 + 0.1 * rng.normal() for seed, value in noise.items()})
    found = {(one.one, one.other): one for one in compare([*same, better], "permutation")}
    assert found[1, 3].significant
    assert not found[1, 2].significant
    assert found[1, 3].p_holm == pytest.approx(3 * 2 / 2**10)
    assert math.isclose(found[1, 3].difference or 0, -5, abs_tol=0.2)


def test_two_alike_samples_are_called_different_no_more_often_than_promised() -> None:
    rng = np.random.default_rng(5)
    wrong = sum(
        any(
            one.significant
            for one in compare([standing(n, dict(enumerate(rng.normal(size=6).tolist()))) for n in "abc"], "t")
        )
        for _ in range(100)
    )
    assert wrong <= 12  # of 100; at 5% more come by chance in one of 700 such tests
