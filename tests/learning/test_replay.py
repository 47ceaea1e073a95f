"""The replay against a memory of plain lists."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from teem.learning.replay import Replay, from_bfloat16, to_bfloat16
from teem.rng import Stream, bits

LENGTH = 16
ACTIONS = 5
GAMMA = 0.5  # powers are exact
SEED = 9


@dataclass
class Entry:
    """A decision; `number` is its observation. `action` None: only a state."""

    number: int
    action: int | None
    reward: float = 0.0
    terminated: bool = False


@dataclass
class ListMemory:
    """One life in a list, the specification."""

    entries: list[Entry] = field(default_factory=list)

    def transitions(self, n_step: int) -> dict[int, tuple[int, float, int | None, float]]:
        """(action, reward, next number, discount) by start, for every complete window in the last LENGTH."""
        kept = self.entries[-LENGTH:]
        found = {}
        for i, first in enumerate(kept):
            if first.action is None:
                continue
            total, discount = 0.0, 1.0
            for k in range(n_step + 1):
                if i + k >= len(kept):
                    break  # the window isn't complete
                here = kept[i + k]
                if here.action is None or k == n_step:
                    found[first.number] = (first.action, total, here.number, discount)
                    break
                total += discount * here.reward
                discount *= GAMMA
                if here.terminated:
                    found[first.number] = (first.action, total, None, 0.0)
                    break
        return found


class Lives:
    """A replay and its list twins, fed alike; each observation is a number never used before."""

    def __init__(self, rows: int = 1, *, prioritised: bool = False) -> None:
        self.replay = Replay(rows, LENGTH, 2, prioritised=prioritised)
        self.lists = [ListMemory() for _ in range(rows)]
        self.number = 0

    def next_number(self) -> int:
        self.number += 1  # a bfloat16 holds 8 bits: high and low halves are two values
        return self.number

    def add(self, row: int, action: int, reward: float, how: str) -> None:
        rows = self.replay.rows
        here, after = self.next_number(), self.next_number()
        mask = np.zeros((rows, ACTIONS), np.bool_)
        mask[row, here % ACTIONS] = True
        cut = how in ("truncated", "lost")
        self.replay.add(
            np.array([row], np.int32),
            self.seen(row, here),
            mask,
            np.full(rows, action, np.int32),
            np.full(rows, reward, np.float32),
            np.full(rows, how == "terminated"),
            np.full(rows, cut),
            self.seen(row, after) if how == "truncated" else None,
        )
        self.lists[row].entries.append(Entry(here, None if how == "lost" else action, reward, how == "terminated"))
        if how == "truncated":
            self.lists[row].entries.append(Entry(after, None))

    def seen(self, row: int, number: int) -> NDArray[np.float32]:
        out = np.full((self.replay.rows, 2), np.nan, np.float32)
        out[row] = number // 256, number % 256
        return out


def _number(observation: NDArray[np.float32]) -> int:
    return int(observation[0]) * 256 + int(observation[1])


def _check(lives: Lives, row: int, n_step: int, step: int) -> None:
    """Whatever is drawn is a transition of the list, and something can be drawn whenever the list has one."""
    wanted = lives.lists[row].transitions(n_step)
    rows = np.array([row], np.int32)
    assert lives.replay.drawable(rows, n_step).tolist() == [len(wanted) > 0]
    if not wanted:
        return
    batch = lives.replay.sample(rows, np.array([row]), step, SEED, 24, n_step, GAMMA)
    for i in range(24):
        action, reward, after, discount = wanted[_number(batch.observation[0, i])]
        assert batch.action[0, i] == action
        assert batch.reward[0, i] == pytest.approx(reward, abs=1e-6)
        assert batch.discount[0, i] == discount
        assert np.isfinite(batch.next_observation[0, i]).all()
        if after is not None:
            assert _number(batch.next_observation[0, i]) == after
            legal = batch.next_mask[0, i]
            assert legal.all() or legal.nonzero()[0].tolist() == [after % ACTIONS]


HOW = st.sampled_from(["on"] * 5 + ["terminated", "truncated", "lost"])
DEEDS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, ACTIONS - 1), st.integers(-9, 9), HOW), max_size=60)


@settings(max_examples=50, deadline=None)
@given(deeds=DEEDS, n_step=st.integers(1, 5), prioritised=st.booleans())
def test_every_draw_is_a_transition_of_a_plain_list(
    deeds: list[tuple[int, int, int, str]], n_step: int, prioritised: bool
) -> None:
    lives = Lives(2, prioritised=prioritised)
    for row, action, reward, how in deeds:
        lives.add(row, action, reward, how)
    for row in range(2):
        _check(lives, row, n_step, step=len(deeds))


@settings(max_examples=25, deadline=None)
@given(before=st.integers(0, 40), after=st.integers(0, 40), n_step=st.integers(1, 5))
def test_a_new_life_never_remembers_the_one_before(before: int, after: int, n_step: int) -> None:
    lives = Lives()
    for _ in range(before):
        lives.add(0, 1, 1.0, "on")
    lives.replay.forget(np.array([0]))
    lives.lists[0] = ListMemory()
    for _ in range(after):
        lives.add(0, 2, 1.0, "on")
    _check(lives, 0, n_step, step=0)


@settings(max_examples=25, deadline=None)
@given(deeds=DEEDS, more=st.integers(0, 20), n_step=st.integers(1, 5))
def test_an_inherited_memory_does_not_run_on_into_the_childs_own(
    deeds: list[tuple[int, int, int, str]], more: int, n_step: int
) -> None:
    lives = Lives(2)
    for _, action, reward, how in deeds:
        lives.add(0, action, reward, how)
    lives.replay.inherit(np.array([1]), np.array([0]))
    lives.lists[1].entries = list(lives.lists[0].entries)
    if deeds and not lives.lists[1].entries[-1].terminated:
        lives.lists[1].entries[-1] = Entry(lives.lists[1].entries[-1].number, None)
    for _ in range(more):
        lives.add(0, 3, 1.0, "on")  # what the parent does next changes nothing for the child
        lives.add(1, 4, 2.0, "on")
    _check(lives, 1, n_step, step=3)


def test_the_list_comparison_sees_a_planted_fault() -> None:
    lives = Lives()
    for i in range(30):
        lives.add(0, i % ACTIONS, float(i), "on")
    lives.replay.added[0] += 1  # as if the head stood one entry on
    with pytest.raises((AssertionError, KeyError)):
        for step in range(10):  # a step's draws may miss the one entry that is wrong
            _check(lives, 0, 3, step)


def test_every_complete_window_is_drawn_equally_often() -> None:
    lives = Lives()
    for i in range(40):
        lives.add(0, 0, 0.0, "truncated" if i % 3 == 0 else "on")
    wanted = lives.lists[0].transitions(3)
    batch = lives.replay.sample(np.array([0]), np.array([5]), 1, SEED, 6000, 3, GAMMA)
    counts = Counter(_number(seen) for seen in batch.observation[0])
    assert counts.keys() == wanted.keys()
    expected = 6000 / len(wanted)
    assert all(abs(count - expected) < 5 * np.sqrt(expected) for count in counts.values())
    assert (batch.weight == 1).all()


def test_a_ring_of_mere_states_but_one_still_gives_that_one() -> None:
    lives = Lives()
    lives.add(0, 3, 2.0, "terminated")
    for _ in range(LENGTH - 1):
        lives.add(0, 1, 1.0, "lost")
    batch = lives.replay.sample(np.array([0]), np.array([5]), 1, SEED, 8, 3, GAMMA)
    assert (batch.action == 3).all()


def test_draws_follow_the_id_and_the_step_and_not_the_row() -> None:
    lives = Lives(2)
    for _ in range(40):
        for row in range(2):
            lives.add(row, 0, 0.0, "on")

    def places(row: int, agent: int, step: int) -> list[int]:
        drawn = lives.replay.sample(np.array([row]), np.array([agent]), step, SEED, 32, 3, GAMMA)
        out: list[int] = drawn.index[0].tolist()
        return out

    assert places(0, 7, 3) == places(1, 7, 3)
    assert places(0, 7, 3) != places(0, 8, 3)
    assert places(0, 7, 3) != places(0, 7, 4)


def _prioritised(priorities: NDArray[np.float32]) -> Lives:
    lives = Lives(prioritised=True)
    for _ in range(LENGTH):
        lives.add(0, 0, 0.0, "on")
    lives.replay.priority[0, : len(priorities)] = priorities
    return lives


def test_chances_are_proportional_to_priority_and_weights_undo_them() -> None:
    priorities = np.arange(1, LENGTH, dtype=np.float32) ** 2  # with one step, the newest entry is not drawable
    lives = _prioritised(priorities)
    batch = lives.replay.sample(np.array([0]), np.array([5]), 1, SEED, 20000, 1, GAMMA)
    chance = priorities / priorities.sum(dtype=np.float64)
    counts = np.bincount(batch.index[0], minlength=LENGTH)[: LENGTH - 1]
    assert (np.abs(counts - 20000 * chance) < 5 * np.sqrt(20000 * chance) + 1).all()
    weights = (len(priorities) * chance) ** -lives.replay.beta
    np.testing.assert_allclose(batch.weight[0], (weights / weights.max())[batch.index[0]], rtol=1e-5)


def test_stratified_draws_equal_a_numpy_reference() -> None:
    priorities = np.random.default_rng(0).random(LENGTH - 1).astype(np.float32)
    lives = _prioritised(priorities)
    drawn = lives.replay.sample(np.array([0]), np.array([5]), 2, SEED, 32, 1, GAMMA)
    running = np.cumsum(priorities, dtype=np.float64)
    words = [bits(SEED, int(Stream.REPLAY), 2, 5, i)[0] for i in range(32)]
    units = np.array([word >> 8 for word in words]) / 2**24
    expected = np.searchsorted(running, (np.arange(32) + units) / 32 * running[-1], side="right")
    assert drawn.index[0].tolist() == expected.tolist()


def test_a_new_entry_has_the_largest_priority_so_far() -> None:
    lives = Lives(prioritised=True)
    lives.add(0, 0, 0.0, "on")
    lives.replay.set_priority(np.array([0]), np.array([[0]]), np.array([[-4.0]], np.float32))
    lives.add(0, 0, 0.0, "on")
    expected = np.float32(4) ** np.float32(lives.replay.alpha)
    np.testing.assert_allclose(lives.replay.priority[0, :2], [expected, expected], rtol=1e-5)
    lives.replay.forget(np.array([0]))
    lives.add(0, 0, 0.0, "on")
    assert lives.replay.priority[0, 0] == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=50))
def test_rounding_to_bfloat16_is_torchs(values: list[float]) -> None:
    numbers = np.array(values, np.float32)
    ours = from_bfloat16(to_bfloat16(numbers))
    theirs = torch.from_numpy(numbers).to(torch.bfloat16).to(torch.float32).numpy()
    np.testing.assert_array_equal(ours, theirs)
    assert np.array_equal(np.signbit(ours[~np.isnan(ours)]), np.signbit(theirs[~np.isnan(theirs)]))


def test_ties_round_to_even() -> None:
    ties = np.array([0x3F808000, 0x3F818000, 0x3F808001], np.uint32).view(np.float32)
    assert to_bfloat16(ties).tolist() == [0x3F80, 0x3F82, 0x3F81]


def test_a_saved_memory_comes_back_in_any_row() -> None:
    lives = Lives(2, prioritised=True)
    for i in range(30):
        lives.add(0, i % ACTIONS, float(i), "terminated" if i % 7 == 0 else "on")
    other = Replay(4, LENGTH, 2, prioritised=True)
    other.load_state(lives.replay.state(np.array([0])), np.array([3]))
    one = lives.replay.sample(np.array([0]), np.array([5]), 1, SEED, 32, 3, GAMMA)
    two = other.sample(np.array([3]), np.array([5]), 1, SEED, 32, 3, GAMMA)
    for name in type(one).__dataclass_fields__:
        assert np.array_equal(getattr(one, name), getattr(two, name))


def test_what_does_not_fit_is_refused_by_name() -> None:
    replay = Replay(1, LENGTH, 2)
    with pytest.raises(ValueError, match=r"replay\.observation"):
        replay.load_state(Replay(1, LENGTH, 3).state(np.array([0])), np.array([0]))
    with pytest.raises(ValueError, match="row 0 has no transition"):
        replay.sample(np.array([0]), np.array([0]), 0, SEED, 4, 1, GAMMA)
    wide = np.ones((1, 65), np.bool_)
    flags, numbers = np.zeros(1, np.bool_), np.zeros(1, np.float32)
    with pytest.raises(ValueError, match="at most 64 actions"):
        replay.add(np.array([0]), np.zeros((1, 2), np.float32), wide, np.zeros(1, np.int32), numbers, flags, flags)
