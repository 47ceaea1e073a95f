"""The hall of fame holds the best who were ever offered."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.population.fame import HallOfFame

offers = st.lists(st.lists(st.integers(0, 6), max_size=6), max_size=8)


@settings(max_examples=50, deadline=None)
@given(offers=offers, size=st.integers(1, 4))
def test_the_hall_holds_the_best_of_all_offered(offers: list[list[int]], size: int) -> None:
    hall, everyone, holder = HallOfFame(size, 2), [], {}
    for scores in offers:
        first = len(everyone)
        everyone += scores
        numbers = np.arange(first, len(everyone))
        genomes = np.stack([numbers, -numbers], axis=1).astype(np.float32)
        entries = hall.offer(np.array(scores, np.float64), numbers.astype(np.int32), genomes)
        assert len(set(entries[entries >= 0])) == (entries >= 0).sum()
        holder |= {int(entry): first + k for k, entry in enumerate(entries) if entry >= 0}
    best = sorted(everyone, reverse=True)[:size]
    assert len(hall) == len(best)
    assert sorted(hall.score[np.isfinite(hall.score)], reverse=True) == best
    for entry, number in holder.items():
        assert hall.kind[entry] == number
        assert hall.genome[entry].tolist() == [number, -number]
        assert hall.score[entry] == everyone[number]


def test_who_is_only_as_good_does_not_replace() -> None:
    hall = HallOfFame(1, 1)
    assert hall.offer(np.array([5.0]), np.array([1], np.int32), np.zeros((1, 1), np.float32)).tolist() == [0]
    assert hall.offer(np.array([5.0]), np.array([2], np.int32), np.ones((1, 1), np.float32)).tolist() == [-1]
    assert hall.kind[0] == 1


def test_a_hall_is_restored() -> None:
    hall, other = HallOfFame(3, 2), HallOfFame(3, 2)
    hall.offer(np.array([1.0, 2.0]), np.array([4, 5], np.int32), np.eye(2, dtype=np.float32))
    other.load_state(hall.state())
    for name in ("score", "kind", "genome"):
        np.testing.assert_array_equal(getattr(other, name), getattr(hall, name))
    with pytest.raises(ValueError, match=r"fame.score: saved float64\[3\]"):
        HallOfFame(4, 2).load_state(hall.state())
