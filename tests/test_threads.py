"""Shared ranges: every index once, whatever the cut."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.threads import Threads


@settings(max_examples=50, deadline=None)
@given(count=st.integers(1, 4), total=st.integers(0, 300), at_least=st.integers(1, 100))
def test_every_index_is_covered_once_and_no_part_is_too_small(count: int, total: int, at_least: int) -> None:
    threads, covered, parts = Threads(count), np.zeros(total, int), []

    def kernel(start: int, stop: int, by: int) -> None:
        covered[start:stop] += by
        parts.append((start, stop))

    threads.share(kernel, total, 1, at_least=at_least)
    threads.close()
    assert (covered == 1).all()
    assert len(parts) == max(1, min(count, total // at_least))
    assert len(parts) == 1 or min(stop - start for start, stop in parts) >= at_least


def test_parts_run_at_the_same_time_and_the_caller_takes_the_first() -> None:
    threads, both = Threads(2), threading.Barrier(2, timeout=10)
    who: dict[int, str] = {}

    def kernel(start: int, stop: int) -> None:
        who[start] = threading.current_thread().name
        both.wait()

    threads.share(kernel, 128)
    threads.close()
    assert who[0] == threading.current_thread().name
    assert who[64] != who[0]


@pytest.mark.parametrize("bad", [0, 100])
def test_a_fault_in_any_part_reaches_the_caller(bad: int) -> None:
    def kernel(start: int, stop: int) -> None:
        if start <= bad < stop:
            raise RuntimeError(f"part from {start}")

    threads = Threads(2)
    with pytest.raises(RuntimeError, match="part from"):
        threads.share(kernel, 128)
    threads.close()


def test_no_threads_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="threads is 0: at least 1"):
        Threads(0)
