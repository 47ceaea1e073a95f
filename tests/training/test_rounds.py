"""Who evaluates beside rests while threads that fill the cores learn, where that is worth while and leaves it time."""

from __future__ import annotations

import pytest

from teem.training.rounds import LEAST_S, MOST, Rounds

S = 1_000_000_000


def rests(threads: int, cores: int, acting_s: float, learning_s: float) -> list[bool]:
    """In each of three rounds."""
    rounds, now, found = Rounds(threads, cores), 5 * S, []
    assert rounds.learnt(now) == 0  # training begins
    for _ in range(3):
        now += round(acting_s * S)
        found.append(rounds.acted(now))
        now += round(learning_s * S)
        assert rounds.learnt(now) == round(learning_s * S)
    return found


@pytest.mark.parametrize(
    ("threads", "cores", "acting_s", "learning_s", "expected"),
    [
        (2, 2, 0.6, 0.5, True),
        (16, 8, 0.6, 0.5, True),
        (1, 2, 0.6, 0.5, False),  # a core is free all the time
        (0, 2, 0.6, 0.5, False),  # a GPU learns
        (1, 1, 0.6, 0.5, False),  # acting needs the one core as much
        (2, 2, 0.001, 0.009, False),  # off policy: the cores are wanted all the time
        (2, 2, 1.0, 0.9 * LEAST_S, False),
        (2, 2, 1.0, 1.1 * MOST, False),
    ],
)
def test_who_evaluates_rests_where_threads_fill_the_cores_for_a_while(
    threads: int, cores: int, acting_s: float, learning_s: float, expected: bool
) -> None:
    assert rests(threads, cores, acting_s, learning_s) == [False, expected, expected]


def test_what_is_learnt_before_anything_was_acted_is_no_round() -> None:
    rounds = Rounds(2, 2)
    assert not rounds.acted(S)
    assert rounds.learnt(2 * S) == S
    assert not rounds.acted(3 * S)
