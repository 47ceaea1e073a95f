"""Slots: who lives where, whatever the order of births, deaths and recycling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from teem.population.slots import COLUMNS, Population

CAPACITY = 8


class Lives(RuleBasedStateMachine):
    """A population beside a dictionary from ids to slots."""

    @initialize()
    def begin(self) -> None:
        self.population = Population(CAPACITY, 2)
        self.lives: dict[int, int] = {}
        self.freed: set[int] = set()
        self.next_id = 0

    @rule(count=st.integers(0, CAPACITY))
    def spawn(self, count: int) -> None:
        room = CAPACITY - len(self.lives) - len(self.freed)
        assert self.population.room == room
        if count > room:
            with pytest.raises(ValueError, match=f"no room for {count} births: {room} slots are free"):
                self.population.spawn(count)
            return
        slots = self.population.spawn(count).tolist()
        assert not set(slots) & (self.freed | set(self.lives.values())), "a slot taken, or freed this step"
        assert self.population.id[slots].tolist() == list(range(self.next_id, self.next_id + count))
        for name in COLUMNS:
            blank = {"id": self.population.id[slots], "parent": -1}.get(name, 0)
            assert (getattr(self.population, name)[slots] == blank).all()
        assert not self.population.genome[slots].any()
        for name in set(COLUMNS) - {"id"}:
            getattr(self.population, name)[slots] = 3
        self.population.genome[slots] = 3
        self.lives |= {self.next_id + place: slot for place, slot in enumerate(slots)}
        self.next_id += count

    @precondition(lambda self: self.lives)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        dead = data.draw(st.lists(st.sampled_from(sorted(self.lives)), unique=True))
        slots = [self.lives.pop(id_) for id_ in dead]
        self.population.release(np.array(slots, np.int32))
        self.freed |= set(slots)

    @rule()
    def recycle(self) -> None:
        self.population.recycle()
        self.freed.clear()

    @rule()
    def save_and_load(self) -> None:
        state = self.population.state()
        other = Population(CAPACITY, 2)
        other.spawn(3)
        other.load_state(state)
        self.population = other

    @invariant()
    def the_living_are_listed_by_rising_id(self) -> None:
        ids = sorted(self.lives)
        assert self.population.living.tolist() == [self.lives[id_] for id_ in ids]
        assert self.population.id[self.population.living].tolist() == ids

    @invariant()
    def all_others_are_free(self) -> None:
        others = sorted(set(range(CAPACITY)) - set(self.lives.values()))
        assert (self.population.id[others] == -1).all()
        assert self.population.room_next == len(others)
        assert self.population.room == len(others) - len(self.freed)


Lives.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
test_slots_and_ids_are_what_a_dictionary_would_say = Lives.TestCase


def test_a_state_of_another_population_is_refused() -> None:
    with pytest.raises(ValueError, match=r"population.id: saved int64\[4\], here int64\[5\]"):
        Population(5, 2).load_state(Population(4, 2).state())
    with pytest.raises(ValueError, match=r"population.genome: saved float32\[4, 3\], here float32\[4, 2\]"):
        Population(4, 2).load_state(Population(4, 3).state())
