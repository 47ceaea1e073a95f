"""Turns are staggered by id, and a budget serves the least trained first."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.config.settings import LearningSettings
from teem.learning.schedule import least_trained_of, pace_of, part_of_due, updates_due, within_budget
from teem.worlds.turns import Turns


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


shares = st.integers(1, 1000).map(lambda thousandths: Fraction(thousandths, 1000))


@given(st.integers(0, 50), shares, st.integers(1, 30), st.integers(0, 10**7), st.integers(1, 60))
def test_a_share_of_the_due_is_kept_to_less_than_one_update_over_any_turns(
    due: int, share: Fraction, period: int, step: int, turns: int
) -> None:
    made = sum(part_of_due(due, share, step + turn * period, Fraction(period)) for turn in range(turns))
    assert abs(made - share * due * turns) < 1
    assert part_of_due(due, Fraction(1), step, Fraction(period)) == due


@given(shares, st.integers(1, 30), st.integers(0, 10**6))
def test_who_is_due_alone_waits_for_no_more_turns_than_the_share_says(share: Fraction, period: int, step: int) -> None:
    turns = ceil(1 / share)
    assert sum(part_of_due(1, share, step + turn * period, Fraction(period)) for turn in range(turns)) >= 1


def test_neighbours_in_time_get_their_share_in_different_periods() -> None:
    """Of four steps of which each has one due, two make an update, and in the next four the other two."""
    made = [part_of_due(1, Fraction(1, 2), step, Fraction(4)) for step in range(8)]
    assert made == [0, 0, 1, 1, 1, 1, 0, 0]


@settings(deadline=None, max_examples=20)
@given(shares.filter(lambda share: share >= Fraction(1, 20)), st.integers(2, 20), st.integers(1, 6))
def test_with_a_share_the_least_trained_still_rises(share: Fraction, agents: int, interval: int) -> None:
    """Everybody's updates over many turns are their share of what they would be, to within a few."""
    ids, updates = np.arange(agents), np.zeros(agents, np.int64)
    steps = interval * ceil(20 / share)
    for step in range(steps):
        due = np.flatnonzero(turns(ids, step, interval=interval))
        most = part_of_due(len(due), share, step, Fraction(interval))
        updates[least_trained_of(due, ids.astype(np.int32), ids, updates, most)] += 1
    whole = steps / interval * float(share)
    assert 18 <= updates.min() <= updates.max() <= whole + 2


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.integers(1, 8), st.integers(0, 10**6))
def test_who_decides_more_rarely_learns_as_often_by_decisions(
    groups: int, apart: int, times: int, interval: int, step: int
) -> None:
    """In the stretched turns each has one update in `interval` decisions; in those before, some would have none."""
    stretched, ids = Turns(groups * apart, groups).stretched(times), np.arange(4 * groups * times, dtype=np.int64)
    made = np.zeros(len(ids), np.int64)
    for now in range(step, step + interval * stretched.every):
        due = stretched.due(ids, now)
        made[due] += turns(ids[due] // stretched.groups, now // stretched.every, interval=interval)
    assert (made == 1).all()
