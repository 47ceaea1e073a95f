"""Actions are chosen and drawn as the plain twins say, by keys of the agent's id."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.learning.selector import (
    choose,
    choose_plain,
    find_tries,
    find_unsound,
    log_probability,
    probabilities_plain,
    sample,
)
from teem.rng import Stream, bits, to_unit

SEED, STEP = 7, 11


def _agents(rng: np.random.Generator, count: int, actions: int):
    rows = rng.permutation(count + 3)[:count].astype(np.int32)
    ids = np.sort(rng.permutation(1000)[:count]).astype(np.int64)
    values = rng.choice(np.array([-1, 0, 0.5, 2, np.nan, -np.inf], np.float32), (count + 3, actions))
    mask = rng.random((count + 3, actions)) < 0.6
    return rows, ids, values, mask


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 12))
def test_choose_does_what_its_plain_twin_does(seed: int, count: int, actions: int) -> None:
    rng = np.random.default_rng(seed)
    rows, ids, values, mask = _agents(rng, count, actions)
    epsilon = rng.choice(np.array([0, 0.5, 1], np.float32), count + 3)
    action = np.full(count + 3, -1, np.int32)
    choose(0, count, values, mask, epsilon, ids, rows, STEP, SEED, action)
    words = [bits(SEED, int(Stream.EXPLORE), STEP, agent, 0) for agent in ids]
    draws = np.array([[to_unit(word[0]), to_unit(word[1])] for word in words], np.float32)
    assert (action[rows] == choose_plain(values[rows], mask[rows], epsilon[rows], draws)).all()
    others = np.setdiff1d(np.arange(count + 3), rows)
    assert (action[others] == -1).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 12))
def test_whoever_tries_something_at_random_does_so_whatever_it_thinks(seed: int, count: int, actions: int) -> None:
    rng = np.random.default_rng(seed)
    rows, ids, values, mask = _agents(rng, count, actions)
    epsilon = rng.choice(np.array([0, 0.5, 1], np.float32), count + 3)
    tries = np.empty(count, np.bool_)
    find_tries(epsilon, ids, rows, STEP, SEED, tries)
    action, blind = np.full((2, count + 3), -1, np.int32)
    choose(0, count, values, mask, epsilon, ids, rows, STEP, SEED, action)
    values[rows[tries]] = rng.standard_normal((tries.sum(), actions))
    choose(0, count, values, mask, epsilon, ids, rows, STEP, SEED, blind)
    assert (action == blind).all()
    assert tries[epsilon[rows] == 1].all() and not tries[epsilon[rows] == 0].any()


def test_ties_go_to_the_lowest_legal_action() -> None:
    action = np.zeros(1, np.int32)
    mask = np.array([[False, True, True, True]])
    one = np.zeros(1, np.float32)
    choose(
        0,
        1,
        np.ones((1, 4), np.float32),
        mask,
        one,
        np.zeros(1, np.int64),
        np.zeros(1, np.int32),
        0,
        7,
        action,
    )
    assert action[0] == 1


def test_a_random_choice_is_uniform_over_the_legal_actions() -> None:
    count = 6000
    ids, rows = np.arange(count), np.arange(count, dtype=np.int32)
    mask = np.tile(np.array([True, False, True, True]), (count, 1))
    action = np.empty(count, np.int32)
    choose(0, count, np.zeros((count, 4), np.float32), mask, np.ones(count, np.float32), ids, rows, 0, 7, action)
    share = np.bincount(action, minlength=4) / count
    assert share[1] == 0
    assert abs(share[[0, 2, 3]] - 1 / 3).max() < 0.03


def test_a_choice_follows_the_agent_not_its_slot() -> None:
    rng = np.random.default_rng(3)
    ids, rows = np.arange(20), np.arange(20, dtype=np.int32)
    values, mask = rng.random((20, 5), np.float32), rng.random((20, 5)) < 0.7
    epsilon = np.full(20, 0.5, np.float32)
    moved = rng.permutation(20).astype(np.int32)  # agent i now sits in slot moved[i]
    for kernel, extra in ((choose, (epsilon,)), (sample, ())):
        here, there = np.empty(20, np.int32), np.empty(20, np.int32)
        kernel(0, 20, values, mask, *extra, ids, rows, STEP, SEED, here)
        back = np.argsort(moved)
        kernel(0, 20, values[back], mask[back], *extra, ids, moved, STEP, SEED, there)
        assert (there[moved] == here).all()


def test_sample_draws_by_the_softmax_of_the_legal_logits() -> None:
    count = 20000
    logits = np.tile(np.array([1000.0, 1001.0, 5000.0, 998.0, np.nan], np.float32), (count, 1))
    mask = np.tile(np.array([True, True, False, True, True]), (count, 1))
    action = np.empty(count, np.int32)
    sample(0, count, logits, mask, np.arange(count), np.arange(count, dtype=np.int32), 0, 7, action)
    expected = probabilities_plain(logits[:1], mask[:1])[0]
    assert expected[2] == 0
    assert abs(np.bincount(action, minlength=5) / count - expected).max() < 0.015


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 12))
def test_sample_never_draws_an_illegal_action_unless_there_is_no_other(seed: int, count: int, actions: int) -> None:
    rng = np.random.default_rng(seed)
    rows, ids, logits, mask = _agents(rng, count, actions)
    action = np.full(count + 3, -1, np.int32)
    sample(0, count, logits, mask, ids, rows, STEP, SEED, action)
    assert (probabilities_plain(logits, mask)[rows, action[rows]] > 0).all()


def test_log_probability_is_the_log_of_what_sample_draws_by() -> None:
    rng = np.random.default_rng(5)
    logits = (rng.standard_normal((30, 6)) * 20).astype(np.float32)
    mask = rng.random((30, 6)) < 0.6
    mask[:, 5] = True
    rows, action, out = np.arange(30, dtype=np.int32), np.empty(30, np.int32), np.empty(30, np.float32)
    sample(0, 30, logits, mask, np.arange(30), rows, STEP, SEED, action)
    log_probability(0, 30, logits, mask, action, rows, out)
    np.testing.assert_allclose(out, np.log(probabilities_plain(logits, mask)[rows, action]), rtol=1e-4, atol=1e-5)


def test_only_what_is_not_finite_is_found_unsound() -> None:
    values = np.array([[0, 1], [np.nan, 0], [0, -np.inf], [3.4e38, -1e-45], [0, np.inf]], np.float32)
    unsound = np.ones(5, np.bool_)
    find_unsound(0, 4, values.view(np.int32), np.array([4, 3, 1, 0, 2], np.int32), unsound)
    assert unsound.tolist() == [True, False, True, False, True]  # the last was not asked for
