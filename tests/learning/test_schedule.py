"""Turns are staggered by id, and a budget serves the least trained first."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from teem.learning.schedule import whose_turn, within_budget


@given(st.lists(st.integers(0, 500), min_size=1, unique=True), st.integers(1, 9), st.integers(0, 1000))
def test_everybody_ready_has_one_turn_an_interval(ids: list[int], interval: int, step: int) -> None:
    agents = np.sort(np.array(ids, np.int64))
    ready = agents % 3 > 0
    turns = np.concatenate([whose_turn(agents, step + k, interval, ready) for k in range(interval)])
    assert sorted(turns) == np.flatnonzero(ready).tolist()


def test_neighbouring_ids_are_spread_evenly_over_the_interval() -> None:
    ids = np.arange(100, 140)
    counts = [len(whose_turn(ids, step, 4, np.ones(40, np.bool_))) for step in range(4)]
    assert counts == [10, 10, 10, 10]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(1, 25))
def test_nobody_left_out_is_less_trained_than_somebody_served(trained: list[int], budget: int) -> None:
    ids, updates = np.arange(len(trained)) * 2, np.array(trained)
    due = np.arange(0, len(trained), 2)
    served = within_budget(due, ids, updates, budget)
    left = np.setdiff1d(due, served)
    assert len(served) == min(budget, len(due))
    assert (np.diff(served) > 0).all()
    if len(left):
        assert updates[served].max() <= updates[left].min()
        tied = served[updates[served] == updates[left].min()]
        assert all(ids[tied] < ids[left[updates[left] == updates[left].min()]].min())


def test_a_budget_of_zero_is_no_limit() -> None:
    due = np.arange(50)
    assert (within_budget(due, due, due, 0) == due).all()
