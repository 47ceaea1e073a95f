"""A population whose slots are offered in steps lives as one that has them all, and holds no more than it offers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from teem.population.slots import COLUMNS, LEAST_STEP, SPARE, Population

CAPACITY = 30


class Beside(RuleBasedStateMachine):
    """One that grows beside one of fixed capacity, to which the same happens."""

    @initialize(size=st.integers(1, CAPACITY), step=st.integers(1, 9))
    def begin(self, size: int, step: int) -> None:
        self.begun = (size, step)
        self.growing, self.fixed = Population(CAPACITY, 2, size, step), Population(CAPACITY, 2)
        self.most = size

    @rule(count=st.integers(0, 12))
    def spawn(self, count: int) -> None:
        count = min(count, self.fixed.room)
        assert self.growing.spawn(count).tolist() == self.fixed.spawn(count).tolist()

    @precondition(lambda self: len(self.fixed.living))
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        dead = np.array(data.draw(st.lists(st.sampled_from(self.fixed.living.tolist()), unique=True)), np.int32)
        self.growing.release(dead)
        self.fixed.release(dead)

    @rule()
    def recycle(self) -> None:
        self.growing.recycle()
        self.fixed.recycle()
        size = self.growing.size
        spare = int((self.growing.id[:size] < 0).sum())
        assert size == CAPACITY or spare >= size // SPARE or size <= self.most + self.begun[1]

    @rule(played_on=st.integers(0, 12))
    def save_and_load(self, played_on: int) -> None:
        """Into a fresh one, or into one that has grown further meanwhile."""
        state = self.growing.state()
        other = Population(CAPACITY, 2, *self.begun)
        other.spawn(min(played_on, other.room))
        other.load_state(state)
        assert other.size == self.growing.size
        unused = Population(CAPACITY, 2)
        for name in (*COLUMNS, "genome"):
            np.testing.assert_array_equal(getattr(other, name)[other.size :], getattr(unused, name)[other.size :])
        self.growing = other

    @invariant()
    def they_are_alike(self) -> None:
        growing, fixed = self.growing, self.fixed
        assert (growing.room, growing.room_next) == (fixed.room, fixed.room_next)
        assert growing.living.tolist() == fixed.living.tolist()
        for name in (*COLUMNS, "genome"):
            np.testing.assert_array_equal(getattr(growing, name), getattr(fixed, name))

    @invariant()
    def nobody_lives_beyond_what_is_offered_which_grows_in_whole_steps(self) -> None:
        growing = self.growing
        assert (growing.id[growing.size :] == -1).all()
        assert growing.size >= self.most, "it never shrinks"
        assert growing.size == CAPACITY or (growing.size - self.begun[0]) % self.begun[1] == 0
        self.most = growing.size
        assert len(growing.state()["id"]) == growing.size
        assert len(growing.state()["free"]) == growing.room - (CAPACITY - growing.size)


Beside.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
test_a_growing_population_is_the_fixed_one = Beside.TestCase


def test_without_a_step_it_grows_by_a_quarter_and_64_at_least() -> None:
    population, sizes = Population(1000, 1, 100), [100]
    while population.room:
        population.spawn(min(10, population.room))
        population.recycle()
        if population.size != sizes[-1]:
            sizes.append(population.size)
    assert sizes[:4] == [100, 100 + LEAST_STEP, 164 + LEAST_STEP, 228 + LEAST_STEP]
    assert sizes[4] == 292 + 292 // 4
    assert sizes[-1] == 1000


def test_a_saved_population_with_more_slots_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match=r"population.id: saved int64\[9\], here int64\[8\]"):
        Population(8, 2, 4).load_state(Population(9, 2).state())
    with pytest.raises(ValueError, match=r"population.id: saved int64\[4\], here int64\[8\]"):
        Population(8, 2).load_state(Population(8, 2, 4).state())
