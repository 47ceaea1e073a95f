"""Shared ranges: every index once, whatever the cut."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teem.threads import PARTS, Threads


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
    assert len(parts) <= max(1, PARTS * count)
    assert all(stop - start >= at_least for start, stop in parts if stop < total)


def test_parts_run_at_the_same_time_and_the_caller_takes_its_share() -> None:
    threads, both = Threads(2), threading.Barrier(2, timeout=10)
    who: dict[int, str] = {}

    def kernel(start: int, stop: int) -> None:
        who[start] = threading.current_thread().name
        both.wait()

    threads.share(kernel, 128)
    threads.close()
    assert len(who) == 4
    assert len(set(who.values())) == 2
    assert threading.current_thread().name in who.values()


def test_a_thread_that_has_not_begun_is_not_waited_for() -> None:
    threads, free = Threads(2), threading.Event()
    assert threads._pool is not None
    busy = threads._pool.submit(free.wait, 10)
    done: list[int] = []
    threads.share(lambda start, stop: done.append(start), 128)
    assert done == [0, 32, 64, 96]
    assert not busy.done()
    free.set()
    threads.close()


def test_a_thread_that_is_held_up_holds_up_nobody() -> None:
    threads, rest_done = Threads(2), threading.Event()
    done: list[int] = []

    def kernel(start: int, stop: int) -> None:
        if start == 0:
            assert rest_done.wait(10), "the other thread leaves parts to the one that waits"
        done.append(start)
        if len(done) == 3:
            rest_done.set()

    threads.share(kernel, 128)
    threads.close()
    assert done[-1] == 0
    assert sorted(done) == [0, 32, 64, 96]


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
