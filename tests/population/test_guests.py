"""The guest room: who waits, in which order they leave, and that no letter is taken twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teem.population.guests import Guests


def letter(*kinds: int) -> tuple[np.ndarray, np.ndarray]:
    return np.array(kinds, np.int32), np.array(kinds, np.float32)[:, None]


@given(st.lists(st.one_of(st.integers(-4, -1), st.lists(st.integers(0, 99), max_size=4)), max_size=20))
def test_it_is_a_queue_in_which_the_last_places_are_for_the_last_to_come(doings: list[int | list[int]]) -> None:
    guests, plain, gave_way = Guests(4, 1), [], 0
    for number, doing in enumerate(doings):
        if isinstance(doing, int):  # so many leave
            left = guests.leave(-doing)
            assert guests.kind[left].tolist() == guests.genome[left, 0].tolist() == plain[:-doing]
            plain = plain[-doing:]
        else:
            places = guests.receive(0, number, *letter(*doing))
            assert guests.kind[places].tolist() == doing
            plain += doing
            gave_way += max(0, len(plain) - 4)
            plain = plain[-4:]
        assert len(guests) == len(plain)
        assert guests.crowded_out == gave_way


def test_a_letter_is_taken_once() -> None:
    guests = Guests(4, 1)
    assert len(guests.receive(0, 100, *letter(1))) == 1
    assert len(guests.receive(1, 100, *letter(2))) == 1  # of another sender
    assert len(guests.receive(0, 100, *letter(1))) == 0
    assert len(guests.receive(0, 50, *letter(3))) == 0
    assert len(guests.receive(0, 150, *letter(4))) == 1
    again = Guests(4, 1)
    again.load_state(guests.state())
    assert len(again.receive(0, 150, *letter(4))) == 0
    assert again.kind[again.leave(9)].tolist() == [1, 2, 4]


def test_more_at_once_than_there_are_places_are_refused() -> None:
    with pytest.raises(ValueError, match="3 guests at once"):
        Guests(2, 1).receive(0, 0, *letter(1, 2, 3))
