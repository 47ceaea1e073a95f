"""The choice of an execution: by medians, not fooled by a slow call, changed only for something better."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.execution import CHOICES_MOST, COST, FEWEST, MARGIN, MODES, SHORT_NS, STALE_NS, Choice, Choices, Mode

TOTAL = 1000
Times = dict[Mode, float]


def trial(choice: Choice, took: Callable[[Mode], float]) -> list[Mode]:
    """One trial; the modes that were tried in it, call by call."""
    tried: list[Mode] = []
    choice.left = 0
    while not choice.left:
        mode = choice.next()
        tried.append(mode)
        choice.note(mode, TOTAL, int(took(mode)))
    return tried


@given(st.permutations([100_000, 130_000, 145_000]), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_the_fastest_is_chosen_whatever_single_calls_take(times: list[int], seed: int) -> None:
    took, draws, choice = dict(zip(MODES, times, strict=True)), np.random.default_rng(seed), Choice()
    held_up = {mode: int(draws.integers(2, 5)) for mode in MODES}  # one call of each is held up, after two good ones

    def slow(mode: Mode) -> float:
        held_up[mode] -= 1
        return took[mode] * (50 if held_up[mode] == -1 else draws.uniform(0.99, 1.01))

    trial(choice, slow)
    assert choice.mode == min(took, key=took.__getitem__)


def test_a_call_that_is_too_short_to_hand_over_is_kept_and_nothing_else_is_tried() -> None:
    choice = Choice()
    assert trial(choice, lambda mode: SHORT_NS / 2) == ["sequential", "threaded", "batched", "sequential"]
    assert choice.mode == "sequential"
    assert choice.left >= FEWEST


def test_one_that_takes_far_longer_is_given_up_early() -> None:
    took: Times = {"sequential": 1e6, "threaded": 5e5, "batched": 5.2e5}
    choice = Choice()
    tried = trial(choice, took.__getitem__)
    assert choice.mode == "threaded"
    assert tried.count("sequential") < tried.count("threaded") == tried.count("batched")


def test_what_is_hardly_better_changes_nothing_and_what_is_changes_at_once() -> None:
    choice = Choice()
    trial(choice, {"sequential": 1e6, "threaded": 5e5, "batched": 6e5}.__getitem__)
    trial(choice, {"sequential": 1e6, "threaded": 5e5, "batched": 5e5 * (1 - MARGIN / 2)}.__getitem__)
    assert choice.mode == "threaded"
    trial(choice, {"sequential": 1e6, "threaded": 5e5, "batched": 5e5 * (1 - 2 * MARGIN)}.__getitem__)
    assert choice.mode == "batched"
    trial(choice, {"sequential": 1e6, "threaded": 4e6, "batched": 4e6}.__getitem__)  # the other cores are busy now
    assert choice.mode == "sequential"


def test_what_only_looks_better_because_the_present_way_was_disturbed_changes_nothing() -> None:
    choice, calls = Choice(), 0

    def took(mode: Mode) -> float:
        nonlocal calls
        if mode != "sequential":
            return 1.2e5
        calls += 1
        return 1e5 if calls < 3 else 1e6  # three of five calls alone are held up

    trial(choice, took)
    assert choice.mode == "sequential"
    assert choice.ns["sequential"] > choice.ns["threaded"]


@given(st.lists(st.floats(5e4, 5e6), min_size=3, max_size=3))
@settings(max_examples=50, deadline=None)
def test_trials_cost_little_of_all_time(times: list[float]) -> None:
    took, choice = dict(zip(MODES, times, strict=True)), Choice()
    lost = spent = 0.0
    for number in range(8):
        tried = trial(choice, took.__getitem__)
        best = took[choice.mode]
        if number:  # the first one's cost is paid by what follows
            lost += sum(took[mode] - best for mode in tried)
        spent += best * (len(tried) + choice.left)
    assert lost < 1.5 * COST * spent + 1e-6


def test_what_was_measured_grows_old_in_seconds_where_calls_are_long() -> None:
    choice = Choice()
    for _ in range(12):
        trial(choice, {"sequential": 1.00e8, "threaded": 1.001e8, "batched": 1.002e8}.__getitem__)
    assert choice.left * 1e8 <= STALE_NS


def test_a_call_that_is_held_up_puts_no_trial_off() -> None:
    choice, calls = Choice(), 0

    def took(mode: Mode) -> float:
        nonlocal calls
        calls += 1
        return 1e9 if calls == 3 else 1e6

    trial(choice, took)
    assert choice.left <= 2 * FEWEST


def test_there_are_only_so_many_choices() -> None:
    choices = Choices()
    made = [choices.of(lambda: None, total) for total in [1 << size for size in range(40)]]
    assert all(made)
    for number in range(2 * CHOICES_MOST):
        choices.of(eval(f"lambda: {number}"), 1)
    assert len(choices) == CHOICES_MOST
    assert choices.of(eval("lambda: None"), 1) is None


@pytest.mark.parametrize(("first", "second", "same"), [(1024, 1500, True), (1000, 2500, False)])
def test_sizes_within_a_factor_of_two_share_a_choice(first: int, second: int, same: bool) -> None:
    choices = Choices()

    def kernel() -> None: ...

    assert (choices.of(kernel, first) is choices.of(kernel, second)) == same
