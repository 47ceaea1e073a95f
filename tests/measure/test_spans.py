"""Named durations, in fixed memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.measure.spans import Spans


@settings(max_examples=50, deadline=None)
@given(
    steps=st.lists(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 10**9)), max_size=5), max_size=20),
    window=st.integers(1, 8),
)
def test_a_window_holds_the_last_sums_and_totals_hold_all(steps: list[list[tuple[str, int]]], window: int) -> None:
    spans, told = Spans(window), []
    for entries in steps:
        for name, nanoseconds in entries:
            spans.add(name, nanoseconds)
        spans.close_step()
        told.append({name: sum(ns for other, ns in entries if other == name) for name in "abc"})
    assert spans.steps == len(steps)
    for name in spans.names:
        last = [step[name] / 1e6 for step in told[-window:]]
        assert list(spans.recent_ms(name)) == pytest.approx(last)
        assert spans.total_s(name) == pytest.approx(sum(step[name] for step in told) / 1e9)
        assert spans.percentiles(name)["p50_ms"] == pytest.approx(np.percentile(last, 50))
        assert spans.percentiles(name)["p99_ms"] == pytest.approx(np.percentile(last, 99))
        assert spans.summary()[name] == pytest.approx({**spans.percentiles(name), "total_s": spans.total_s(name)})


def test_a_block_is_timed_even_when_it_fails() -> None:
    spans = Spans()
    with spans("works"):
        pass
    with pytest.raises(RuntimeError), spans("fails"):
        raise RuntimeError
    spans.close_step()
    assert spans.total_s("works") > 0
    assert spans.total_s("fails") > 0


def test_nothing_is_known_before_the_first_step() -> None:
    spans = Spans()
    spans.add("a", 5)
    assert all(math.isnan(value) for value in spans.percentiles("a").values())
    assert math.isnan(spans.summary()["a"]["p95_ms"])
    assert Spans().summary() == {}


def test_memory_does_not_grow_with_the_steps() -> None:
    spans = Spans(window=4)
    for _ in range(100):
        spans.add("a", 1)
        spans.close_step()
    assert spans._ring.shape == (5, 1)
    assert len(spans.recent_ms("a")) == 4


def test_there_are_only_so_many_names() -> None:
    spans = Spans(window=4, most=1)
    with spans("a"):
        pass
    with pytest.raises(ValueError, match="b is one span more than 1"):
        spans("b")
