"""When evaluations are due."""

from __future__ import annotations

from itertools import pairwise

import pytest

from teem.errors import UsageError
from teem.training.schedules import Adaptive, Every, Share, as_schedule


def due(schedule, steps, seconds_a_step=0.01):
    return [step for step in steps if schedule.due(step, step * seconds_a_step)]


def test_every_so_many_steps_whatever_the_stride():
    assert due(Every(steps=10), range(1, 45)) == [10, 20, 30, 40]
    assert due(Every(steps=10), range(8, 80, 8)) == [16, 24, 32, 40, 56, 64, 72]  # the first at or after each ten
    assert due(Every(steps=10), [7, 95, 96, 101]) == [95, 101]


def test_every_so_many_minutes():
    assert due(Every(minutes=1), range(0, 20001, 500)) == [6000, 12000, 18000]


def test_ever_more_steps():
    adaptive = Adaptive(100, ((1000, 1), (2000, 2), (float("inf"), 4)))
    assert due(adaptive, range(0, 3001, 50)) == [*range(100, 1001, 100), *range(1200, 2001, 200), 2400, 2800]


def test_the_default_is_once_twice_and_four_times_as_many():
    adaptive, found, step = Adaptive(50_000), [], 0
    while step < 8_000_000:
        step += 10_000
        if adaptive.due(step, 0.0):
            found.append(step)
    gaps = {later - earlier for earlier, later in pairwise(found)}
    assert gaps == {50_000, 100_000, 200_000}
    assert found.index(1_000_000) == 19


def test_a_share_of_the_time_is_kept_to():
    share, spent, seconds = Share(0.05, least_steps=10), 0.0, 0.0
    for step in range(1, 20_001):
        seconds += 0.01
        if share.due(step, seconds):
            share.took(0.7)
            spent += 0.7
    assert 0.045 * seconds < spent <= 0.05 * seconds + 0.7
    assert not Share(0.05, least_steps=10).due(9, 100.0)


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: as_schedule(0), "eval_every is 0"),
        (lambda: as_schedule(-5), "eval_every is -5"),
        (lambda: as_schedule("often"), "eval_every is 'often'"),
        (lambda: Every(), "either steps or minutes"),
        (lambda: Every(1, 1), "either steps or minutes"),
        (lambda: Every(minutes=0), r"Every\(minutes=0\)"),
        (lambda: Adaptive(0), r"Adaptive\(0\)"),
        (lambda: Adaptive(10, ((5, 1),)), "up to infinity"),
        (lambda: Adaptive(10, ((9, 1), (5, 1), (float("inf"), 2))), "rising"),
        (lambda: Share(0.0), r"Share\(0.0\)"),
        (lambda: Share(0.1, 0), "least_steps is 0"),
    ],
)
def test_bad_schedules_are_refused(make, fault):
    with pytest.raises(UsageError, match=fault):
        make()


def test_a_schedule_of_ones_own_is_taken_as_it_is():
    mine = Share()
    assert as_schedule(mine) is mine
