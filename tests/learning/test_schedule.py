"""Turns are staggered by id, and a budget serves the least trained first."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.config.settings import LearningSettings
from teem.learning.schedule import pace_of, updates_due, within_budget


def turns(ids: np.ndarray, step: int, **chosen: float) -> np.ndarray:
    return updates_due(ids, step, pace_of(LearningSettings(**chosen)))


@settings(deadline=None)
@given(st.lists(st.integers(0, 500), min_size=1, unique=True), st.integers(1, 9), st.integers(0, 1000))
def test_everybody_has_one_turn_an_interval_by_id_and_step(ids: list[int], interval: int, step: int) -> None:
    agents = np.sort(np.array(ids, np.int64))
    for k in range(interval):
        turn = turns(agents, step + k, interval=interval)
        assert np.array_equal(turn, ((agents + step + k) % interval == 0).astype(np.int64))


def test_neighbouring_ids_are_spread_evenly_over_the_interval() -> None:
    counts = [turns(np.arange(100, 140), step, interval=4).sum() for step in range(4)]
    assert counts == [10, 10, 10, 10]


@settings(deadline=None)
@given(st.floats(0.5, 300), st.integers(1, 64), st.integers(0, 2**36), st.integers(0, 10**6))
def test_a_replay_ratio_is_kept_to_within_one_update_whenever_it_is_looked_at(
    ratio: float, batch: int, agent: int, step: int
) -> None:
    ids = np.array([agent])
    made = np.cumsum([turns(ids, step + k, replay_ratio=ratio, batch=batch)[0] for k in range(60)])
    wanted = np.arange(1, 61) * ratio / batch
    assert np.abs(made - wanted).max() <= 1.01 + 60 * 1e-3 / batch


def test_a_replay_ratio_of_batch_over_interval_is_that_interval() -> None:
    ids = np.arange(50)
    for step in range(20):
        assert np.array_equal(turns(ids, step, replay_ratio=8.0, batch=32), turns(ids, step, interval=4, batch=32))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(1, 25))
def test_nobody_left_out_is_less_trained_than_somebody_served(trained: list[int], budget: int) -> None:
    ids, updates = np.arange(len(trained)) * 2, np.array(trained)
    due = np.arange(0, len(trained), 2)
    served = within_budget(due, np.arange(len(ids)), ids, updates, budget)
    left = np.setdiff1d(due, served)
    assert len(served) == min(budget, len(due))
    assert (np.diff(served) > 0).all()
    if len(left):
        assert updates[served].max() <= updates[left].min()
        tied = served[updates[served] == updates[left].min()]
        assert all(ids[tied] < ids[left[updates[left] == updates[left].min()]].min())


def test_a_budget_of_zero_is_no_limit() -> None:
    due = np.arange(50)
    assert (within_budget(due, due, due, due, 0) == due).all()
