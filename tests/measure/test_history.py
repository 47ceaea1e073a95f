"""A history is means of what came, in fixed memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.measure.history import History


def points_plain(samples: list[float], most: int) -> list[float]:
    """Means over stretches as long as it takes for fewer than `most` of them; an unfinished one isn't there."""
    stride = 1
    while len(samples) // stride >= most:
        stride *= 2
    whole = len(samples) // stride
    return [float(np.mean(samples[i * stride : (i + 1) * stride])) for i in range(whole)]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), max_size=300), st.sampled_from([4, 8, 32]))
def test_points_are_means_of_as_many_samples_each(samples: list[float], most: int) -> None:
    history = History(most)
    for step, value in enumerate(samples):
        history.add(float(step), {"a": value})
    clock, values = history.curve("a")
    assert values == pytest.approx(points_plain(samples, most), rel=1e-9, abs=1e-6)
    assert clock == pytest.approx(points_plain([float(step) for step in range(len(samples))], most))
    assert len(history) < most


def test_its_memory_does_not_grow_and_what_finds_no_room_is_counted() -> None:
    history = History(8, series=2)
    before = history._points.nbytes
    for step in range(1000):
        history.add(float(step), {f"name {step}": 1.0, "a": 2.0})
    assert history._points.nbytes == before
    assert len(history.names) == 2
    assert history.refused == 999  # a name a sample, but for the first


def test_what_is_not_there_is_unknown_and_spoils_nothing() -> None:
    history = History(8)
    for step in range(20):
        history.add(float(step), {"a": 1.0, **({"late": 5.0} if step >= 10 else {"odd": float("nan")})})
    clock, values = history.curve("late")
    assert set(values) == {5.0}
    assert clock.min() >= 8
    assert len(history.curve("odd")[0]) == len(history.curve("never")[0]) == 0
