"""Looks come at the pace of the clock, and just where something is due."""

from __future__ import annotations

from itertools import pairwise
from math import inf

from hypothesis import given
from hypothesis import strategies as some

from teem.training.looks import LOOK_S, STEPS_MOST, Looks


def steps_of(looks: Looks, step_s: float, until: int, due_every: float = inf) -> list[int]:
    """The steps at which one looks, where every step takes as long."""
    at, found = 0, []
    while at < until:
        at += looks.until_next(at * step_s, due_every - at % due_every if due_every < inf else inf)
        found.append(at)
    return found


def test_slow_steps_are_looked_at_each():
    assert steps_of(Looks(), 10.0, 20) == list(range(1, 21))


def test_quick_steps_are_looked_at_seldom():
    steps = steps_of(Looks(), 1e-6, 10_000)
    assert max(after - before for before, after in pairwise(steps)) == STEPS_MOST


@given(some.floats(1e-6, 0.5), some.integers(1, 700))
def test_no_step_at_which_something_is_due_is_passed_over(step_s, every):
    steps = set(steps_of(Looks(), step_s, 2000, every))
    assert set(range(every, 2000, every)) <= steps


@given(some.floats(1e-5, 0.5))
def test_the_pace_is_found_and_kept(step_s):
    steps = steps_of(Looks(), step_s, 4000)
    later = [after - before for before, after in pairwise(steps)][20:]
    assert all(each in (1, STEPS_MOST) or LOOK_S / 4 <= each * step_s <= 4 * LOOK_S for each in later)


def test_it_slows_down_and_quickens_with_the_steps():
    looks = Looks()
    quick = [looks.until_next(0.001 * each, inf) for each in range(20)][-1]
    slow = [looks.until_next(1 + 5.0 * each, inf) for each in range(20)][-1]
    assert (quick, slow) == (STEPS_MOST, 1)
