"""Whose turn it is to decide: each in every so many steps, neighbours by id in turn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teem.config.crawlers import CrawlersSettings
from teem.config.settings import Config, PopulationSettings
from teem.worlds.turns import Turns, turns_of


@st.composite
def some_turns(draw: st.DrawFn) -> Turns:
    groups = draw(st.integers(1, 8))
    return Turns(groups * draw(st.integers(1, 6)), groups)


@given(some_turns(), st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.integers(0, 10**6))
def test_each_decides_once_in_as_many_steps_and_then_again_after_as_many(
    turns: Turns, some: list[int], step: int
) -> None:
    ids = np.array(some, np.int64)
    due = np.array([turns.due(ids, step + k) for k in range(2 * turns.every)])
    assert (due[: turns.every].sum(0) == 1).all()
    assert (due[: turns.every] == due[turns.every :]).all()


@given(some_turns(), st.integers(0, 10**9), st.integers(0, 10**6))
def test_groups_are_as_large_and_as_far_apart(turns: Turns, first: int, step: int) -> None:
    ids = np.arange(first, first + 3 * turns.groups, dtype=np.int64)
    together = [int(turns.due(ids, step + k).sum()) for k in range(turns.every)]
    at = np.flatnonzero(together)
    assert [together[k] for k in at] == [3] * turns.groups
    assert (np.diff(at) == turns.every // turns.groups).all()


@given(some_turns(), st.integers(0, 10**9), st.integers(200, 10**6))
def test_the_last_turn_is_the_latest_step_in_which_one_was_due(turns: Turns, one: int, step: int) -> None:
    ids = np.array([one], np.int64)
    plain = next(step - k for k in range(turns.every) if turns.due(ids, step - k)[0])
    assert turns.last(ids, step).tolist() == [plain]


@given(some_turns(), st.integers(1, 6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_stretched_turns_are_some_of_those_before_as_evenly_spread(
    turns: Turns, times: int, first: int, step: int
) -> None:
    ids, longer = np.arange(first, first + turns.groups * times, dtype=np.int64), turns.stretched(times)
    due = [longer.due(ids, step + k) for k in range(longer.every)]
    assert all((~one | turns.due(ids, step + k)).all() for k, one in enumerate(due))
    counts = [int(one.sum()) for one in due]
    assert sorted(set(counts)) in ([1], [0, 1])
    assert sum(counts) == len(ids)


@pytest.mark.parametrize(
    ("founders", "world", "groups"),
    [
        (1, {}, 1),
        (20, {}, 1),
        (21, {}, 2),
        (30, {}, 2),
        (60, {}, 3),
        (61, {}, 6),
        (1000, {}, 6),
        (30, {"turns": 3}, 3),
        (1000, {"turns": 1}, 1),
        (1000, {"decision": 1}, 1),
        (1000, {"decision": 25}, 25),
        (249, {"decision": 25}, 5),
    ],
)
def test_few_decide_together_and_many_in_turn(founders: int, world: dict[str, Any], groups: int) -> None:
    settings = CrawlersSettings(**world)
    config = Config(world=settings, population=PopulationSettings(founders=founders))
    assert turns_of(config) == Turns(settings.decision, groups)


def test_in_other_worlds_everybody_decides_in_every_step() -> None:
    assert turns_of(Config()) == Turns(1, 1)
